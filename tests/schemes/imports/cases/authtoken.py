"""Tokens of authtoken: one for each user, bound to the password."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.authtoken.models import Token, TokenProxy

import stockade
from stockade.core import clock
from stockade.schemes.imports import move
from stockade.schemes.imports.authtoken import AUTHTOKEN
from stockade.schemes.opaque import create_key
from tests.schemes.imports.cases.conftest import PASSWORD, user
from tests.schemes.imports.cases.packages import PACKAGES, Package

pytestmark = pytest.mark.django_db(transaction=True)

status = PACKAGES["authtoken"].status


@pytest.fixture
def package() -> Package:
    return PACKAGES["authtoken"]


def log_out_by_relation(owner: User) -> None:
    owner.auth_token.delete()  # type: ignore[attr-defined]


def log_out_in_the_admin(owner: User) -> None:
    TokenProxy.objects.get(user=owner).delete()


def deactivate(owner: User) -> None:
    owner.is_active = False
    owner.save()


def delete(owner: User) -> None:
    owner.delete()


def ban(owner: User) -> None:
    stockade.ban(user=owner)


def revoke(owner: User) -> None:
    stockade.end_tokens(owner)


def change_password(owner: User) -> None:
    owner.set_password("another one, and longer")
    owner.save()


@pytest.mark.parametrize("known", [True, False], ids=["known to the worker", "not known"])
@pytest.mark.parametrize(
    "end",
    [log_out_by_relation, log_out_in_the_admin, revoke, deactivate, delete, ban, change_password],
)
def test_it_ends_with_its_user(end: Callable[[User], None], known: bool, token: str, alice: User) -> None:
    move.run(AUTHTOKEN)
    assert not known or status(token) == 200
    end(alice)
    assert status(token) in (401, 403)
    move.run(AUTHTOKEN)
    assert status(token) in (401, 403)


def test_a_token_of_the_old_view_is_taken(alice: User) -> None:
    move.run(AUTHTOKEN)
    answer = Client().post("/old-login/", {"username": "alice", "password": PASSWORD})
    assert status(answer.json()["token"]) == 200


def test_a_new_token_for_an_old_one_is_taken_and_the_old_one_is_not(token: str, alice: User) -> None:
    move.run(AUTHTOKEN)
    assert status(token) == 200
    Token.objects.get(user=alice).delete()
    new = str(Token.objects.create(user=alice).key)
    assert [status(token), status(new)] == [401, 200]


def test_after_a_changed_password_old_code_gives_a_new_token(token: str, alice: User) -> None:
    """`get_or_create` would give the old one again, which is good no more: the user would be locked out."""
    move.run(AUTHTOKEN)
    change_password(alice)
    answer = Client().post("/old-login/", {"username": "alice", "password": "another one, and longer"})
    assert answer.json()["token"] != token
    assert [status(token), status(answer.json()["token"])] == [401, 200]


def test_a_password_that_an_old_process_has_changed_locks_nobody_out(token: str, alice: User) -> None:
    """It tells nobody, and its login gives the old token again, until our first refusal has taken that away."""
    move.run(AUTHTOKEN)
    assert status(token) == 200
    User.objects.filter(pk=alice.pk).update(password=make_password("another one, and longer"))
    clock.shift(31)
    assert status(token) == 401
    answer = Client().post("/old-login/", {"username": "alice", "password": "another one, and longer"})
    assert answer.json()["token"] != token
    assert [status(token), status(answer.json()["token"])] == [401, 200]


def test_a_changed_password_may_be_survived_as_with_drf(token: str, alice: User, project: Any) -> None:
    project.STOCKADE = {**project.STOCKADE, "TOKEN": {"PASSWORD_CHANGE": "keep"}}
    move.run(AUTHTOKEN)
    change_password(alice)
    assert status(token) == 200


def test_short_and_odd_tokens_are_neither_imported_nor_taken(alice: User) -> None:
    """Somebody has set them by hand, and somebody else can guess them."""
    odd = ("admin", "1234", "x" * 40, "A" * 40)
    for number, key in enumerate(odd):
        Token.objects.create(user=user(f"user{number}"), key=key)
    found = move.run(AUTHTOKEN)
    assert (found.tokens, found.shapes) == (0, 4)
    assert [status(key) for key in odd] == [401] * 4


@pytest.mark.parametrize(
    "foreign", ["rest_framework.authentication.TokenAuthentication", "knox.auth.TokenAuthentication"]
)
def test_a_stolen_token_makes_no_key_that_would_survive_it_before_the_import(
    foreign: str, alice: User, project: Any
) -> None:
    """A foreign scheme's token is as good a loot as one of ours."""
    project.STOCKADE = {**project.STOCKADE, "SCHEMES": [foreign, "token", "api_key"]}
    shown = PACKAGES["knox" if foreign.startswith("knox") else "authtoken"].make(alice)
    client = Client(headers={"authorization": f"Token {shown}"})
    assert client.get("/api/keys/").json() == []
    for path in ("/api/keys/", "/api/tokens/"):
        assert client.post(path, {"name": "sister"}, "application/json").status_code == 403
    own = create_key("backup", owner=alice)
    assert client.post(f"/api/keys/{own.id}/rotate/", {}, "application/json").status_code == 403
    assert client.delete(f"/api/keys/{own.id}/").status_code == 204


def test_a_password_of_a_foreign_scheme_makes_keys(alice: User, project: Any) -> None:
    basic = "rest_framework.authentication.BasicAuthentication"
    project.STOCKADE = {**project.STOCKADE, "SCHEMES": [basic, "token", "api_key"]}
    shown = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
    client = Client(headers={"authorization": f"Basic {shown}"})
    for path in ("/api/keys/", "/api/tokens/"):
        assert client.post(path, {"name": "backup"}, "application/json").status_code == 201
