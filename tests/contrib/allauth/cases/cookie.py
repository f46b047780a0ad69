"""A browser logs in by allauth, at its pages or its API: Django's session is the credential, under a key of its own."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import SESSION_KEY
from django.test import Client

from stockade.core import clock
from tests.contrib.allauth.cases.conftest import PASSWORD, Person, Visitor

pytestmark = pytest.mark.django_db


def test_the_session_is_as_strong_as_the_login(visitor: Visitor, alice: Person) -> None:
    visitor.login(alice)
    assert visitor.get("/me/").status_code == 401
    visitor.second(alice.code())
    me = visitor.get("/me/").json()
    assert (me["scheme"], me["amr"]) == ("session", ["mfa", "otp", "pwd"])
    assert visitor.get("/mfa/").status_code == visitor.get("/fresh/").status_code == 200


def test_proving_oneself_again_makes_it_fresh_under_another_key(
    visitor: Visitor, alice: Person, log: Any
) -> None:
    """Whoever has the cookie of before does not get the fresh session."""
    visitor.login(alice)
    visitor.second(alice.code())
    before = visitor.key
    clock.shift(3600)
    assert visitor.get("/fresh/").status_code == 401
    visitor.post("auth/2fa/reauthenticate", code=alice.code())
    assert visitor.get("/fresh/").status_code == visitor.get("/mfa/").status_code == 200
    assert visitor.key != before
    thief = Client()
    thief.cookies["sessionid"] = before
    assert thief.get("/me/").status_code == 401
    (event,) = log("STEP_UP")
    assert event.session


def test_a_password_again_is_a_password(visitor: Visitor, alice: Person) -> None:
    visitor.login(alice)
    visitor.second(alice.code())
    clock.shift(3600)
    visitor.post("auth/reauthenticate", password=PASSWORD)
    assert visitor.get("/fresh/").status_code == 200
    assert visitor.amr == {"pwd"}


def test_a_second_login_in_the_same_browser_takes_nothing_along(
    visitor: Visitor, alice: Person, bob: Person
) -> None:
    visitor.login(alice)
    visitor.second(alice.code())
    session = visitor.client.session
    assert session[SESSION_KEY] == str(alice.user.pk)
    for name in ("alice", "bob"):  # by our own login, which knows a password
        answer = visitor.client.post(
            "/api/session/login/", {"username": name, "password": PASSWORD}, content_type="application/json"
        )
        assert answer.status_code == 200, answer.content
        assert visitor.get("/me/").json()["user"] == name
        assert visitor.amr == {"pwd"}


def test_a_login_of_djangos_own_is_not_taken_for_allauths(visitor: Visitor, alice: Person) -> None:
    """By the admin's form, say: what allauth has recorded before it is not proven again."""
    from django.contrib.auth import login
    from django.http import HttpRequest

    visitor.login(alice)
    visitor.second(alice.code())
    clock.shift(3600)
    request = HttpRequest()
    request.session = visitor.client.session
    login(request, alice.user)
    request.session.save()
    visitor.client.cookies["sessionid"] = str(request.session.session_key)
    assert visitor.amr == set()
    assert visitor.get("/mfa/").status_code == 401


def test_a_browser_that_is_trusted_has_shown_no_second_factor(visitor: Visitor, alice: Person) -> None:
    visitor.login(alice)
    assert visitor.second(alice.code(), trust=True).status_code == 200
    visitor.client.delete("/_allauth/browser/v1/auth/session")
    assert visitor.login(alice).status_code == 200
    assert visitor.get("/me/").status_code == 200
    assert visitor.amr == {"pwd"}


def test_the_pages_do_the_same(alice: Person) -> None:
    client = Client()
    client.post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    assert client.get("/me/").status_code == 401
    answer = client.post("/accounts/2fa/authenticate/", {"code": alice.code()})
    if answer.status_code == 302 and "trust" in answer["Location"]:
        client.post(answer["Location"], {"action": "dont"})
    assert client.get("/me/").json()["amr"] == ["mfa", "otp", "pwd"]
    clock.shift(3600)
    assert client.get("/fresh/").status_code == 401
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert client.get("/fresh/").status_code == 200
    assert client.get("/me/").json()["amr"] == ["pwd"]
