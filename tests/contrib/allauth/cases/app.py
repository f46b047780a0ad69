"""An app logs in by allauth's API and is given our pair: as strong as what was proven, and as old."""

from __future__ import annotations

import html
import sys
from typing import Any

import pytest
from allauth.account.internal.flows.login import record_authentication
from allauth.headless.tokens.strategies.sessions import SessionTokenStrategy
from django.contrib.auth import SESSION_KEY, login
from django.contrib.auth.models import User
from django.core.signals import got_request_exception
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.views.debug import ExceptionReporter

import stockade
from stockade.contrib.allauth import pairs
from stockade.contrib.allauth.apps import check, check_codes
from stockade.core import clock
from stockade.models import Session
from stockade.schemes.session import SessionStore
from tests.contrib.allauth.cases.conftest import PASSWORD, App, Person, Visitor

pytestmark = pytest.mark.django_db


def live() -> int:
    return Session.objects.filter(ended_at=None, scheme="jwt").count()


def test_a_password_is_a_password(app: App, bob: Person) -> None:
    assert app.login(bob).status_code == 200
    me = app.get("/me/").json()
    assert (me["user"], me["scheme"], me["amr"]) == ("bob", "jwt", ["pwd"])
    assert app.get("/fresh/").status_code == 200
    refused = app.get("/mfa/")
    assert (refused.status_code, refused.json()["acr_values"]) == (401, "mfa")


def test_half_a_login_gives_no_tokens(app: App, alice: Person) -> None:
    assert app.login(alice).status_code == 401
    assert not app.access
    assert app.exchange().status_code == 401
    assert app.post("auth/2fa/authenticate", code="000000").status_code == 400
    assert app.exchange().status_code == 401
    assert live() == 0


def test_a_code_of_the_second_factor_makes_it_two(app: App, alice: Person) -> None:
    app.login(alice)
    assert app.post("auth/2fa/authenticate", code=alice.code()).status_code == 200
    assert app.amr == {"pwd", "otp", "mfa"}
    assert app.get("/mfa/").status_code == app.get("/fresh/").status_code == 200
    assert app.get("/phishing/").status_code == 401


def test_a_recovery_code_gets_in_and_is_no_second_factor(app: App, alice: Person, project: Any) -> None:
    """It lies in a drawer or a mailbox, and is what an attacker asks a victim for."""
    app.login(alice)
    assert app.post("auth/2fa/authenticate", code=alice.recovery_code()).status_code == 200
    assert app.amr == {"pwd", "recovery"}
    assert app.get("/mfa/").status_code == 401
    project.STOCKADE = {**project.STOCKADE, "ASSURANCE": {"mfa": {"amr": ["mfa", "pwd recovery"]}}}
    assert app.get("/mfa/").status_code == 200


def test_a_recovery_code_does_not_renew_a_second_factor(app: App, alice: Person) -> None:
    app.login(alice)
    app.post("auth/2fa/authenticate", code=alice.code())
    assert app.post("auth/2fa/reauthenticate", code=alice.recovery_code()).status_code == 200
    app.exchange()
    assert app.amr == {"recovery"}


def test_an_old_login_stays_old_until_the_user_proves_himself_again(
    app: App, alice: Person, log: Any
) -> None:
    app.login(alice)
    app.post("auth/2fa/authenticate", code=alice.code())
    clock.shift(3600)
    app.access = Client().post("/api/token/refresh/", {"refresh": app.refresh}).json()["access"]
    assert app.get("/fresh/").status_code == 401
    app.exchange()
    assert app.get("/fresh/").status_code == 401  # a new pair is no new login
    assert app.post("auth/2fa/reauthenticate", code="000000").status_code == 400
    app.exchange()
    assert app.get("/fresh/").status_code == 401
    assert app.post("auth/2fa/reauthenticate", code=alice.code()).status_code == 200
    assert app.get("/fresh/").status_code == 401  # the token at hand does not change
    app.exchange()
    assert app.get("/fresh/").status_code == app.get("/mfa/").status_code == 200
    (event,) = log("STEP_UP")
    assert event.details["amr"] == "mfa otp pwd"
    assert live() == 1


def test_a_copy_of_the_refresh_token_gets_no_fresher_and_ends(app: App, alice: Person) -> None:
    app.login(alice)
    app.post("auth/2fa/authenticate", code=alice.code())
    stolen = app.refresh
    clock.shift(3600)
    app.post("auth/2fa/reauthenticate", code=alice.code())
    found = Client().post("/api/token/refresh/", {"refresh": stolen}).json()
    thief = App()
    thief.access, thief.refresh = found["access"], found["refresh"]
    assert thief.get("/fresh/").status_code == 401
    app.exchange()
    assert thief.get("/me/").status_code == 401
    assert Client().post("/api/token/refresh/", {"refresh": thief.refresh}).status_code == 401


def test_a_stolen_session_and_the_password_are_not_the_second_factor(app: App, alice: Person) -> None:
    app.login(alice)
    app.post("auth/2fa/authenticate", code=alice.code())
    clock.shift(3600)
    assert app.post("auth/reauthenticate", password=PASSWORD).status_code == 200
    app.exchange()
    assert app.get("/fresh/").status_code == 200
    assert app.amr == {"pwd"}
    assert app.get("/mfa/").status_code == 401


def test_nobody_elses_password_and_code_are_taken(app: App, alice: Person, bob: Person) -> None:
    bob.user.set_password("the password of bob")
    bob.user.save()
    app.login(alice)
    app.post("auth/2fa/authenticate", code=alice.code())
    clock.shift(3600)
    assert app.post("auth/reauthenticate", password="the password of bob").status_code == 400
    assert app.post("auth/2fa/reauthenticate", code=bob.set_up().code()).status_code == 400
    app.exchange()
    assert app.get("/fresh/").status_code == 401


def test_a_client_cannot_say_what_it_has_proven(app: App, bob: Person) -> None:
    app.post("auth/login", username="bob", password=PASSWORD, amr=["mfa"], method="mfa", acr="mfa")
    assert app.amr == {"pwd"}
    answer = Client().post(
        "/api/token/allauth/", '{"amr": ["mfa"]}', content_type="application/json",
        headers={"x-session-token": app.session},
    )  # fmt: skip
    assert answer.status_code == 400


@pytest.mark.parametrize("token", ["", "x", "a" * 48, "A" * 5000, "%00", "é"])
def test_what_is_no_session_token_gives_no_pair(token: str, app: App, bob: Person) -> None:
    app.login(bob)
    app.session = token.encode("utf-8").decode("latin-1")
    assert app.exchange().status_code == 401


def test_a_login_by_mail_proves_a_mailbox(app: App, bob: Person, mailoutbox: Any) -> None:
    app.post("auth/code/request", email="bob@example.com")
    code = next(word for word in mailoutbox[-1].body.split() if len(word) in (6, 7, 9) and word.isupper())
    assert app.post("auth/code/confirm", code=code).status_code == 200
    assert app.amr == {"email"}


def test_a_social_login_says_nothing_of_when_and_how(bob: Person) -> None:
    """The provider may have seen its user last month; and what a provider says is believed where it was declared."""
    request = HttpRequest()
    request.session = SessionStore()
    record_authentication(request, bob.user, method="socialaccount", provider="example", uid="7")
    login(request, bob.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    found = Session.objects.get(user=bob.user)
    assert (found.auth_time.timestamp(), found.amr, found.acr) == (0.0, "", "")


def test_allauths_own_refresh_is_ours(app: App, bob: Person) -> None:
    app.login(bob)
    first = app.refresh
    clock.shift(60)
    answer = app.post("tokens/refresh", refresh_token=first)
    assert answer.status_code == 200
    app.access, app.refresh = answer.json()["data"]["access_token"], answer.json()["data"]["refresh_token"]
    assert app.amr == {"pwd"}
    assert app.post("tokens/refresh", refresh_token="nonsense").status_code == 400
    clock.shift(60)
    assert app.post("tokens/refresh", refresh_token=first).status_code == 400  # stolen: the session ends
    assert app.get("/me/").status_code == 401


def test_the_tokens_end_with_the_login(app: App, bob: Person) -> None:
    app.login(bob)
    assert app.get("/me/").status_code == 200
    app.send("delete", "auth/session")
    assert app.get("/me/").status_code == 401
    assert Client().post("/api/token/refresh/", {"refresh": app.refresh}).status_code == 401
    assert live() == 0


def test_whoever_is_banned_or_switched_off_gets_no_pair(app: App, bob: Person) -> None:
    app.login(bob)
    stockade.ban(user=bob.user)
    assert app.exchange().status_code in (401, 403)
    another = App()
    another.login(bob)
    assert not another.access
    User.objects.filter(pk=bob.user.pk).update(is_active=False)
    stockade.invalidate(bob.user)
    assert app.exchange().status_code in (401, 403)


def test_a_transaction_around_allauths_refresh_stops_the_start(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback would bring a stolen session back."""
    assert check() == []
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    (found,) = check()
    assert (found.id, found.is_serious()) == ("stockade.E054", True)
    project.HEADLESS_TOKEN_STRATEGY = "stockade.contrib.allauth.strategy.SessionStrategy"
    assert check() == []


def test_a_strategy_that_asks_for_no_bans_is_spoken_of(project: Any) -> None:
    for strategy in (
        "allauth.headless.tokens.strategies.sessions.SessionTokenStrategy",
        "nowhere.at.all",
        "",
    ):
        project.HEADLESS_TOKEN_STRATEGY = strategy
        (found,) = check()
        assert (found.id, found.is_serious()) == ("stockade.W055", False)
    project.HEADLESS_CLIENTS = ("browser",)
    assert check() == []


SHARED = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ACCOUNT_RATE_LIMITS": False, "CACHES": SHARED}, "login_failed"),
        ({"ACCOUNT_RATE_LIMITS": {"login_failed": None}, "CACHES": SHARED}, "login_failed"),
        ({"ACCOUNT_RATE_LIMITS": {}}, "process"),
        ({"ACCOUNT_RATE_LIMITS": {}, "CACHES": SHARED}, ""),
    ],
    ids=["off", "one off", "a cache each", "shared"],
)
def test_where_codes_can_be_guessed_the_deploy_check_says_so(
    given: dict[str, Any], said: str, project: Any
) -> None:
    """Six digits, and three of them hold at a time: uncounted, that is an evening's work."""
    for name, value in given.items():
        setattr(project, name, value)
    found = check_codes()
    assert [one.id for one in found] == (["stockade.W056"] if said else [])
    assert all(said in one.msg for one in found)


def _at_allauth(app: App) -> set[int]:
    """What its views for apps answer to a session token."""
    headers = {"x-session-token": app.session}
    return {Client().get(f"/_allauth/app/v1/{path}", headers=headers).status_code for path in VIEWS}


VIEWS = ("auth/session", "account/email", "account/authenticators")


@pytest.mark.parametrize("strategy", ["TokenStrategy", "SessionStrategy"])
def test_whoever_is_banned_is_so_at_allauths_views_for_apps(
    strategy: str, app: App, bob: Person, project: Any
) -> None:
    """They guard themselves, and go by a header that nobody else reads."""
    project.HEADLESS_TOKEN_STRATEGY = f"stockade.contrib.allauth.strategy.{strategy}"
    app.login(bob)
    assert _at_allauth(app) == {200}
    session = str(Session.objects.get(scheme="session", ended_at=None).pk)
    for whom in ({"user": bob.user}, {"session": session}):
        stockade.ban(**whom)
        assert _at_allauth(app) == {403}
        assert app.exchange().status_code == 403
        stockade.unban(**whom)
    assert _at_allauth(app) == {200}


# -- several things at once --------------------------------------------------------------------------------------------


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has something happen once, when an exchange has read its session."""

    def arrange(happens: Any) -> None:
        original, done = SessionTokenStrategy.lookup_session, []

        def slow(self: Any, token: str) -> Any:
            found = original(self, token)
            if found is not None and not done:
                assert SESSION_KEY in found
                done.append(True)
                happens()
            return found

        monkeypatch.setattr(SessionTokenStrategy, "lookup_session", slow)

    return arrange


def test_of_two_pairs_that_are_asked_for_at_once_one_lives_and_ends_with_the_login(
    app: App, bob: Person, between: Any
) -> None:
    """The thief has the session token, and wants a pair that nobody knows of."""
    app.login(bob)
    thief = App()
    thief.session = app.session
    between(thief.exchange)
    assert app.exchange().status_code == 200
    assert thief.access
    assert thief.get("/me/").status_code == 401
    assert live() == 1
    app.send("delete", "auth/session")
    assert app.get("/me/").status_code == 401
    assert live() == 0


def test_an_exchange_under_way_gets_no_pair_after_the_logout(app: App, bob: Person, between: Any) -> None:
    app.login(bob)
    thief = App()
    thief.session = app.session
    between(lambda: app.send("delete", "auth/session"))
    assert thief.exchange().status_code == 401
    assert live() == 0


def test_nor_while_the_logout_is_under_way(app: App, bob: Person, between: Any) -> None:
    """The pairs have ended, and the session is not emptied yet."""
    app.login(bob)
    thief = App()
    thief.session = app.session
    between(lambda: pairs.end(SessionStore(app.session)))
    assert thief.exchange().status_code == 401
    assert live() == 0


def test_a_request_under_way_hides_no_pair_from_the_logout(app: App, visitor: Visitor, bob: Person) -> None:
    """It writes back the session as it was before the pair was made."""
    visitor.login(bob)
    app.session = visitor.key
    under_way = SessionStore(app.session)
    under_way["basket"] = 1
    app.exchange()
    under_way.save()
    assert app.get("/me/").status_code == 200
    app.send("delete", "auth/session")
    assert app.get("/me/").status_code == 401
    assert live() == 0


def test_a_banned_session_gets_no_pair(app: App, bob: Person, project: Any) -> None:
    """Its pair would have another id, which is not banned; and a strategy of allauth's own asks nobody."""
    project.HEADLESS_TOKEN_STRATEGY = "allauth.headless.tokens.strategies.sessions.SessionTokenStrategy"
    app.login(bob)
    stockade.ban(session=str(Session.objects.get(scheme="session", ended_at=None).pk))
    former = live()
    assert app.exchange().status_code == 403
    assert live() == former


def test_one_session_token_fills_no_table(app: App, bob: Person, project: Any) -> None:
    limits = {**project.STOCKADE["LIMITS"], "session_refresh": "3/min"}
    project.STOCKADE = {**project.STOCKADE, "LIMITS": limits}
    app.login(bob)
    assert [app.exchange().status_code for _ in range(4)] == [
        200,
        200,
        429,
        429,
    ]  # the login's own is the first
    assert Session.objects.filter(scheme="jwt").count() == 3
    other = App()
    other.login(bob)
    assert other.exchange().status_code == 200


def test_another_login_ends_no_pair_of_the_first(app: App, bob: Person) -> None:
    other = App()
    app.login(bob)
    other.login(bob)
    app.exchange()
    assert live() == 2
    other.send("delete", "auth/session")
    assert app.get("/me/").status_code == 200
    assert other.get("/me/").status_code == 401


def test_an_error_report_of_an_exchange_shows_no_session_token(
    app: App, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.login(bob)

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("something broke")

    monkeypatch.setattr("stockade.contrib.allauth.pairs.issue", broken)
    client = Client(raise_request_exception=False)
    pages: list[str] = []

    def note(sender: Any, request: Any, **_: Any) -> None:
        pages.append(html.unescape(ExceptionReporter(request, *sys.exc_info()).get_traceback_html()))

    got_request_exception.connect(note)
    try:
        answer = client.post(
            "/api/token/allauth/",
            "{}",
            content_type="application/json",
            headers={"x-session-token": app.session},
        )
    finally:
        got_request_exception.disconnect(note)
    assert answer.status_code == 500
    (page,) = pages
    assert "something broke" in page
    assert app.session not in page
