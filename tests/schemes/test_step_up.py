"""Logging in again within a session: it is as fresh as the password, for its owner alone, and costs a thief no less."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from stockade.core import clock
from stockade.core.errors import InvalidCredential
from stockade.models import Session
from stockade.schemes import login, step_up
from stockade.schemes.jwt import Pair, access, issue, redeem
from tests.schemes import forge
from tests.schemes.browsing import Browser, browser as browser, site as site
from tests.schemes.conftest import PASSWORD

pytestmark = pytest.mark.django_db

STEP_UP = "/api/token/step-up/"
BROWSER = "/api/token/browser/step-up/"
HOUR = 3600


@pytest.fixture
def old(alice: User, later: Callable[[float], None]) -> Pair:
    """A session of alice whose login is an hour ago, and was made with two factors."""
    pair = issue(alice, amr=["pwd", "otp", "mfa"], acr="gold")
    later(HOUR)
    return pair


def post(path: str, **body: Any) -> Any:
    return Client().post(path, json.dumps(body), content_type="application/json")


def ask(pair: Pair, password: str = PASSWORD) -> Any:
    return post(STEP_UP, refresh=pair.refresh, password=password)


def proven(token: str) -> tuple[float, set[str], str]:
    found = access.verify(token)
    return found.auth_time, set(found.amr), found.acr


def row(pair: Pair) -> Session:
    return Session.objects.get(pk=pair.session)


def refused(token: str) -> str:
    with pytest.raises(InvalidCredential) as caught:
        redeem(token)
    return caught.value.reason


def test_the_session_goes_on_as_new_as_the_password(old: Pair, log: Callable[..., Any]) -> None:
    answer = ask(old)
    assert (answer.status_code, set(answer.json())) == (200, {"access", "refresh"})
    when, how, acr = proven(answer.json()["access"])
    assert abs(when - clock.now()) <= 2
    assert (how, acr) == ({"pwd"}, "")  # not what was proven an hour ago
    assert forge.claims_of(answer.json()["access"])["sid"] == old.session
    assert Session.objects.count() == 1
    (event,) = log("STEP_UP")
    assert (event.session, event.details["amr"]) == (old.session, "pwd")
    assert not log("TOKEN_REFRESHED")
    for secret in (PASSWORD, old.refresh, answer.json()["refresh"], answer.json()["access"]):
        assert secret not in repr(log())
    kept = redeem(answer.json()["refresh"])
    assert proven(kept.access) == (when, how, acr)


def test_a_copy_of_the_refresh_token_does_not_become_fresh_in_the_leeway(
    old: Pair, later: Callable[[float], None]
) -> None:
    """Its owner types the password, and the thief, who watches, redeems his copy a moment later."""
    fresh = ask(old).json()
    assert refused(old.refresh) == "refresh_superseded"
    later(9)
    assert refused(old.refresh) == "refresh_superseded"
    assert row(old).ended_at is None  # another tab that has not heard is no thief
    later(2)
    assert refused(old.refresh) == "refresh_reuse"
    assert refused(fresh["refresh"]) == "ended"


def test_an_answer_that_was_lost_comes_again_for_the_password_only(old: Pair) -> None:
    first = ask(old).json()
    assert ask(old).json()["refresh"] == first["refresh"]
    assert ask(old, "a guess").status_code == 401
    assert row(old).generation == 2


def test_a_refresh_that_was_faster_is_not_made_fresh(old: Pair) -> None:
    """The pair that a refresh gave may be another's: its access token stays old, and so does its row."""
    faster = redeem(old.refresh)
    answer = ask(old)
    assert answer.status_code == 401
    assert proven(redeem(faster.refresh).access)[1] == {"pwd", "otp", "mfa"}
    assert row(old).ended_at is None


def test_a_stolen_token_that_was_used_before_ends_the_session_here_too(
    old: Pair, later: Callable[[float], None]
) -> None:
    newer = redeem(old.refresh)
    later(11)
    assert ask(old).status_code == 401
    assert refused(newer.refresh) == "ended"


def test_a_wrong_password_changes_nothing_and_counts_as_a_failed_login(
    old: Pair, configure: Callable[..., None], log: Callable[..., Any]
) -> None:
    """Else a thief with a token could guess the password of its user without a lockout."""
    configure(LIMITS={"login": "3/min", "login_address": "100/min", "failed_auth": "100/min"})
    for _ in range(3):
        answer = ask(old, "a guess")
        assert (answer.status_code, answer.json()["code"]) == (401, "no_active_account")
    assert ask(old).status_code == 429
    assert post("/api/token/", username="alice", password=PASSWORD).status_code == 429
    assert len(log("LOGIN_FAIL")) == 3
    assert proven(redeem(old.refresh).access)[1] == {"pwd", "otp", "mfa"}


def test_nobody_elses_password_opens_it(old: Pair, make_user: Callable[..., Any]) -> None:
    """A planted token of the attacker's account does not take the password of whoever sits before the screen."""
    bob = make_user("bob", "the password of bob")
    assert ask(old, "the password of bob").status_code == 401
    assert post(STEP_UP, refresh=issue(bob).refresh, password=PASSWORD).status_code == 401
    assert post(STEP_UP, refresh=old.refresh, password=PASSWORD, username="bob").status_code == 400


def test_a_backend_that_finds_somebody_else_lets_nobody_into_this_session(
    old: Pair, make_user: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = make_user("bob")
    monkeypatch.setattr(login, "verify", lambda *how: bob)
    with pytest.raises(Exception, match="no_active_account"):
        step_up.by_password(old.refresh, PASSWORD)
    assert row(old).generation == 1


@pytest.mark.parametrize("why", ["ended", "idle", "inactive", "password"])
def test_a_session_that_is_over_is_not_stepped_up(
    why: str, old: Pair, alice: User, later: Callable[[float], None]
) -> None:
    if why == "ended":
        Session.objects.filter(pk=old.session).update(ended_at=clock.now_datetime())
    elif why == "idle":
        later(8 * 86400)
    elif why == "inactive":
        User.objects.update(is_active=False)
    else:
        alice.set_password("another password")
        User.objects.filter(pk=alice.pk).update(password=alice.password)
    password = "another password" if why == "password" else PASSWORD
    assert ask(old, password).status_code == 401


@pytest.mark.parametrize("token", ["", "x", "st_refresh.x.1.k.m", None, 5, ["a"], "access"])
def test_garbage_is_refused(token: Any, old: Pair) -> None:
    shown = old.access if token == "access" else token
    answer = post(STEP_UP, refresh=shown, password=PASSWORD)
    assert answer.status_code in (400, 401)


def test_a_client_cannot_say_what_it_has_proven(old: Pair) -> None:
    answer = post(STEP_UP, refresh=old.refresh, password=PASSWORD, amr=["mfa"])
    assert answer.status_code == 400
    assert row(old).generation == 1


def test_in_a_browser_the_cookie_is_the_session_and_stays_in_it(
    browser: Browser, later: Callable[[float], None]
) -> None:
    session = forge.claims_of(browser.login().json()["access"])["sid"]
    before = browser.token
    later(HOUR)
    wrong = browser.post(BROWSER, {"password": "a guess"})
    assert (wrong.status_code, browser.token) == (401, before)
    answer = browser.post(BROWSER, {"password": PASSWORD})
    assert (answer.status_code, set(answer.json())) == (200, {"access"})
    assert browser.token != before
    claims = forge.claims_of(answer.json()["access"])
    assert claims["sid"] == session
    assert claims["iat"] - claims["auth_time"] <= 2


def test_no_page_of_somebody_else_steps_a_browser_up(browser: Browser) -> None:
    browser.login()
    foreign = {"HTTP_ORIGIN": "https://evil.example", "HTTP_SEC_FETCH_SITE": "cross-site"}
    answer = browser.post(BROWSER, {"password": PASSWORD}, **foreign)
    assert answer.status_code == 403
