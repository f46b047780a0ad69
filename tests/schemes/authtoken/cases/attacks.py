"""Tokens of the package after the import: they go on, and what should end them does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.authtoken.models import Token, TokenProxy

import stockade
from stockade.core import clock
from stockade.models import OpaqueToken
from stockade.schemes.authtoken import move, table
from tests.schemes.authtoken.cases.conftest import PASSWORD, Log, status, token_of, user

pytestmark = pytest.mark.django_db(transaction=True)


def test_nothing_is_taken_before_there_is_an_import(token: str) -> None:
    assert status(token) == 401


def test_a_token_goes_on_after_the_import(token: str) -> None:
    move.run()
    answer = Client().get("/me/", HTTP_AUTHORIZATION=f"Token {token}")
    assert answer.json() == {"user": "alice", "scheme": "authtoken"}
    assert status(token.upper()) == 401


def test_the_database_of_ours_holds_no_token_of_it(token: str) -> None:
    move.run()
    values = " ".join(str(value) for value in OpaqueToken.objects.values_list()[0])
    assert token not in values
    assert token[:8] in values


def test_in_the_steady_state_no_sql_is_asked(token: str) -> None:
    move.run()
    assert status(token) == 200
    with CaptureQueriesContext(connection) as queries:
        assert Client().get("/me/", HTTP_AUTHORIZATION=f"Token {token}").status_code == 200
    assert [query["sql"] for query in queries.captured_queries if "token" in query["sql"]] == []


def test_a_token_that_old_code_makes_later_is_taken_when_it_is_shown(alice: User) -> None:
    """The old view goes on giving tokens, in this process or another."""
    move.run()
    answer = Client().post("/old-login/", {"username": "alice", "password": PASSWORD})
    assert answer.status_code == 200
    assert status(answer.json()["token"]) == 200
    assert OpaqueToken.objects.count() == 1
    clock.shift(31)
    assert status(answer.json()["token"]) == 200


# -- what ends one ----------------------------------------------------------------------------------------------------


def log_out(owner: User) -> None:
    Token.objects.get(user=owner).delete()


def log_out_by_queryset(owner: User) -> None:
    Token.objects.filter(user=owner).delete()


def log_out_by_relation(owner: User) -> None:
    owner.auth_token.delete()  # type: ignore[attr-defined]


def log_out_in_the_admin(owner: User) -> None:
    TokenProxy.objects.get(user=owner).delete()


def revoke(owner: User) -> None:
    stockade.end_tokens(owner)


def deactivate(owner: User) -> None:
    owner.is_active = False
    owner.save()


def delete(owner: User) -> None:
    owner.delete()


def ban(owner: User) -> None:
    stockade.ban(user=owner)


def change_password(owner: User) -> None:
    owner.set_password("another one, and longer")
    owner.save()


@pytest.mark.parametrize("known", [True, False], ids=["known to the worker", "not known"])
@pytest.mark.parametrize(
    "end",
    [
        log_out,
        log_out_by_queryset,
        log_out_by_relation,
        log_out_in_the_admin,
        revoke,
        deactivate,
        delete,
        ban,
        change_password,
    ],
)
def test_it_ends_on_the_next_request(
    end: Callable[[User], None], known: bool, token: str, alice: User
) -> None:
    move.run()
    assert not known or status(token) == 200
    end(alice)
    assert status(token) in (401, 403)
    move.run()
    assert status(token) in (401, 403)


def test_a_token_that_an_old_process_deletes_ends_within_the_age_of_a_principal(token: str) -> None:
    """A process without Stockade tells nobody."""
    move.run()
    assert status(token) == 200
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM authtoken_token")
    clock.shift(31)
    assert status(token) == 401
    assert move.run().gone == 1
    assert OpaqueToken.objects.get().end_reason == "authtoken_deleted"


def test_a_log_out_that_is_rolled_back_was_none(token: str, alice: User) -> None:
    move.run()
    assert status(token) == 200
    try:
        with transaction.atomic():
            log_out(alice)
            raise RuntimeError("the view failed")
    except RuntimeError:
        pass
    assert status(token) == 200


def test_a_new_token_for_an_old_one_is_taken_and_the_old_one_is_not(token: str, alice: User) -> None:
    move.run()
    assert status(token) == 200
    log_out(alice)
    new = token_of(alice)
    assert [status(token), status(new)] == [401, 200]


def test_a_revoked_token_is_revoked_for_old_processes_too(token: str, alice: User) -> None:
    """They go by the package's table; and undoing the import must not bring it back."""
    other = user("bob")
    kept = token_of(other)
    move.run()
    stockade.end_tokens(alice)
    assert list(Token.objects.values_list("key", flat=True)) == [kept]
    move.undo()
    move.run()
    assert [status(token), status(kept)] == [401, 200]


def test_after_a_changed_password_old_code_gives_a_new_token(token: str, alice: User) -> None:
    """`get_or_create` would give the old one again, which is good no more: the user would be locked out."""
    move.run()
    change_password(alice)
    answer = Client().post("/old-login/", {"username": "alice", "password": "another one, and longer"})
    assert answer.json()["token"] != token
    assert [status(token), status(answer.json()["token"])] == [401, 200]


def test_a_changed_password_may_be_survived_as_with_drf(token: str, alice: User, project: Any) -> None:
    project.STOCKADE = {**project.STOCKADE, "TOKEN": {"PASSWORD_CHANGE": "keep"}}
    move.run()
    change_password(alice)
    assert status(token) == 200


def test_the_deletion_is_in_the_log_once(token: str, alice: User, log: Log) -> None:
    move.run()
    log_out(alice)
    told = [(record.event.name, record.reason) for record in log() if record.event.name.startswith("TOKEN")]
    assert told == [("TOKEN_REVOKED", "authtoken_deleted")]
    assert token not in repr([{name: getattr(r, name) for name in r.__slots__} for r in log()])


# -- guesses ----------------------------------------------------------------------------------------------------------


def test_a_digest_is_no_token(token: str) -> None:
    move.run()
    found = OpaqueToken.objects.get()
    for value in (found.digest, found.digest[:40], found.stamp[:40], found.visible.ljust(40, "0")):
        assert status(value) == 401


def test_guesses_are_limited_by_address(token: str, project: Any) -> None:
    project.STOCKADE = {**project.STOCKADE, "LIMITS": {"failed_auth": "3/min"}}
    move.run()
    assert [status(f"{number:040x}") for number in range(5)] == [401] * 3 + [429] * 2


def test_short_and_odd_tokens_are_neither_imported_nor_taken(alice: User) -> None:
    """Somebody has set them by hand, and somebody else can guess them."""
    for number, key in enumerate(("admin", "1234", "x" * 40, "A" * 40)):
        Token.objects.create(user=user(f"user{number}"), key=key)
    found = move.run()
    assert (found.tokens, found.shapes) == (0, 4)
    assert [status(key) for key in ("admin", "1234", "x" * 40, "A" * 40)] == [401] * 4


def test_a_token_in_the_query_string_is_refused(token: str) -> None:
    move.run()
    assert Client().get("/me/", {"token": token}).status_code == 400
    assert Client().get("/me/", {"q": token}).status_code == 401


def test_a_token_under_another_keyword_is_refused(token: str) -> None:
    move.run()
    assert status(token) == 200
    assert Client().get("/me/", HTTP_AUTHORIZATION=f"Bearer {token}").status_code == 401


def test_without_the_scheme_nothing_is_taken(token: str, project: Any) -> None:
    move.run()
    project.STOCKADE = {**project.STOCKADE, "SCHEMES": ["token", "jwt"]}
    assert status(token) == 401
    assert table.is_key(token)
