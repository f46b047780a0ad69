"""What an attacker does to sessions in a cookie: steal rows, plant keys, guess, keep what is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth import SESSION_KEY, login
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import connection
from django.http import HttpRequest
from django.test.utils import CaptureQueriesContext

import stockade
from stockade.core import clock
from stockade.events.catalogue import Kind
from stockade.models import Session, SessionData
from stockade.schemes.session import SessionStore, prove
from stockade.schemes.session.sealing import unseal
from stockade.truth import sessions
from tests.around import Log
from tests.schemes.conftest import PASSWORD
from tests.schemes.session.conftest import LOGOUT, STEP_UP, Browser, by_key, login_of
from tests.schemes.session.parts import BACKENDS

pytestmark = pytest.mark.django_db


# -- a stolen database ------------------------------------------------------------------------------------------------


def _columns() -> list[str]:
    found = []
    for model in (Session, SessionData):
        for row in model.objects.values():
            found += [str(value) for value in row.values()]
    return found


def test_no_value_of_the_stolen_tables_is_a_session_key(browser: Browser) -> None:
    values = _columns()
    assert browser.key not in values
    for value in values:
        assert by_key(value).get("/me/").status_code == 401, value


def test_a_stolen_table_does_not_show_what_is_in_a_session(browser: Browser, alice: User) -> None:
    store = SessionStore(browser.key)
    store["_password_reset_token"] = "c0ffee-canary"
    store.save()
    assert SessionStore(browser.key)["_password_reset_token"] == "c0ffee-canary"
    assert not any("c0ffee-canary" in value for value in _columns())
    row = SessionData.objects.get(login=login_of())
    assert unseal("another" * 5, row.sealed) is None


def test_who_writes_to_the_table_cannot_put_his_data_under_another_key(browser: Browser) -> None:
    """He swaps the sealed data of an admin's session into his own row."""
    admin = User.objects.create_superuser("admin", password=PASSWORD)
    theirs = Browser()
    assert theirs.log_in("admin").status_code == 200
    key, stolen = browser.key, SessionData.objects.get(login=login_of("admin")).sealed
    SessionData.objects.filter(login=login_of("alice")).update(sealed=stolen)
    assert browser.get("/admin/").status_code == 302
    assert admin.pk != by_key(key).get("/plain/").json()["user"]


# -- fixation ---------------------------------------------------------------------------------------------------------


def test_a_key_that_was_planted_before_the_login_is_worth_nothing_after_it(alice: User) -> None:
    victim = Browser()
    assert victim.own("GET", "/visit/").json() == {"basket": 1}
    planted = victim.key
    assert planted
    assert victim.log_in().status_code == 200
    assert victim.key != planted
    assert by_key(planted).get("/me/").status_code == 401
    assert by_key(planted).get("/visit/").json() == {"basket": 1}  # not even what the visitor had
    assert victim.get("/visit/").json() == {"basket": 2}


def test_the_key_before_a_second_login_is_worth_nothing(browser: Browser) -> None:
    before = browser.key
    assert by_key(before).get("/me/").status_code == 200
    assert browser.log_in().status_code == 200
    assert browser.key != before
    assert by_key(before).get("/me/").status_code == 401
    assert Session.objects.filter(ended_at=None).count() == 1


def test_a_login_that_does_not_change_the_key_gets_another_one_all_the_same(alice: User) -> None:
    """Code that writes the user into the session by hand, as some do."""
    visitor = Browser()
    visitor.get("/visit/")
    planted = visitor.key
    store = SessionStore(planted)
    store[SESSION_KEY] = str(alice.pk)
    store.save()
    assert store.session_key != planted
    assert by_key(planted).get("/me/").status_code == 401
    assert login_of().auth_time.timestamp() == 0  # nobody has proven anything


def test_another_user_gets_nothing_of_what_the_one_before_had(browser: Browser, make_user: Any) -> None:
    make_user("bob")
    browser.get("/visit/")
    before = browser.key
    assert browser.log_in("bob").status_code == 200
    assert browser.get("/visit/").json() == {"basket": 1}
    assert by_key(before).get("/me/").status_code == 401
    assert not Session.objects.filter(user__username="alice", ended_at=None).exists()


def test_another_user_gets_nothing_of_what_the_one_before_has_proven(
    browser: Browser, make_user: Any
) -> None:
    """In one request: who has just proven a second factor goes on as somebody else, as supporters do."""
    request = HttpRequest()
    request.session = SessionStore(browser.key)
    prove(request, ["pwd", "otp", "mfa"])
    login(request, make_user("bob"), backend=BACKENDS[1])
    request.session.save()
    assert login_of("bob").amr == ""


# -- two at once ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["save", "cycle_key", "flush"])
def test_whoever_changes_a_session_locks_its_rows_in_one_order(call: str, browser: Browser) -> None:
    """Else a request that writes the session and one that gives it another key wait for each other until one fails."""
    store = SessionStore(browser.key)
    store["basket"] = 1
    with CaptureQueriesContext(connection) as queries:
        getattr(store, call)()
    updates = [query["sql"].split('"')[1] for query in queries if query["sql"].startswith("UPDATE")]
    assert updates[:2] == ["stockade_sessiondata", "stockade_session"]


# -- garbage ----------------------------------------------------------------------------------------------------------

GARBAGE = {
    "empty": "",
    "short": "x",
    "Django's own": "abcdefghijklmnopqrstuvwxyz012345",
    "made up": "a" * 48,
    "long": "a" * 7000,
    "null": "a\0b" * 16,
    "octal null": '"' + "\\000" * 20 + '"',
    "control": "\x01\x02" * 24,
    "latin": "é" * 48,
    "no utf-8": "\xff" * 48,
    "upper case": "A" * 48,
    "sql": "' or 1=1; --",
}


@pytest.mark.parametrize("value", list(GARBAGE.values()), ids=list(GARBAGE))
def test_garbage_is_a_visitor_and_costs_no_sql(value: str, alice: User) -> None:
    visitor = Browser()
    header = f"sessionid={value}"
    visitor.get("/open/")
    with CaptureQueriesContext(connection) as queries:
        assert visitor.get("/open/", HTTP_COOKIE=header).json() == {"scheme": ""}
        assert visitor.get("/me/", HTTP_COOKIE=header).status_code == 401
    assert not queries.captured_queries
    assert visitor.get("/visit/", HTTP_COOKIE=header).status_code == 200
    assert visitor.get("/admin/", HTTP_COOKIE=header).status_code == 302


def test_many_sessions_in_one_header_are_the_one_that_django_reads(browser: Browser, make_user: Any) -> None:
    make_user("bob")
    other = Browser()
    other.log_in("bob")
    header = f"sessionid={browser.key}; sessionid={other.key}"
    assert Browser().get("/me/", HTTP_COOKIE=header).json()["user"] == "bob"


def test_who_asks_for_tokens_of_pages_fills_no_table(
    alice: User, project: Any, configure: Callable[..., None]
) -> None:
    """With CSRF_USE_SESSIONS each token is in a session, and each session a row."""
    project.CSRF_USE_SESSIONS = True
    configure(LIMITS={"anon": "3/min"})
    answers = [Browser().get("/api/session/csrf/").status_code for _ in range(6)]
    assert answers == [200] * 3 + [429] * 3
    assert SessionData.objects.count() == 3


def test_who_proves_himself_again_and_again_is_limited_as_elsewhere(
    alice: User, configure: Callable[..., None]
) -> None:
    """Each time writes rows and an event, and hashes."""
    configure(LIMITS={"user": "2/min"})
    browser = Browser()
    browser.log_in()
    answers = [browser.own("POST", STEP_UP, {"password": PASSWORD}).status_code for _ in range(4)]
    assert answers == [200, 200, 429, 429]
    assert browser.own("POST", LOGOUT).status_code == 204  # that is always possible


def test_a_visitor_s_logout_costs_no_sql(alice: User) -> None:
    visitor = Browser()
    visitor.own("POST", LOGOUT)
    with CaptureQueriesContext(connection) as queries:
        assert visitor.own("POST", LOGOUT).status_code == 204
        assert by_key("a" * 48).own("POST", LOGOUT).status_code == 204
    assert not queries.captured_queries


def test_a_key_with_another_mark_is_not_ours(browser: Browser) -> None:
    key = browser.key
    changed = key[:-1] + ("0" if key[-1] != "0" else "1")
    with CaptureQueriesContext(connection) as queries:
        assert by_key(changed).get("/me/").status_code == 401
    assert not queries.captured_queries


def test_stale_cookies_use_up_no_place_of_failed_auth(
    browser: Browser, configure: Callable[..., None]
) -> None:
    """Behind one address there are many browsers whose sessions are over."""
    configure(LIMITS={"failed_auth": "2/min"})
    key = browser.key
    browser.own("POST", LOGOUT)
    visitors = [Browser() for _ in range(4)]
    for visitor in visitors:
        visitor.get("/visit/")
    for one in (key, *(visitor.key for visitor in visitors)):
        for _ in range(4):
            assert by_key(one).get("/me/").status_code == 401
            assert by_key(one).get("/open/").status_code == 200
    assert Browser().get("/me/", HTTP_AUTHORIZATION="Token stt_no").status_code == 401  # there is a place


# -- beside another credential ----------------------------------------------------------------------------------------


def test_beside_a_token_a_cookie_neither_helps_nor_harms(browser: Browser, make_user: Any) -> None:
    bob = make_user("bob")
    token = stockade.create_token(bob).token
    both = by_key(browser.key)
    assert both.get("/me/", HTTP_AUTHORIZATION=f"Token {token}").json() == {"user": "bob", "scheme": "token"}
    # No CSRF is asked for: no page can have a browser send this header.
    assert both.post("/me/", HTTP_AUTHORIZATION=f"Token {token}").status_code == 200
    assert both.get("/me/", HTTP_AUTHORIZATION="Token stt_garbage").status_code == 401
    assert both.get("/me/", HTTP_AUTHORIZATION="Basic c3RhZ2luZzpzZWNyZXQ=").json()["user"] == "alice"


def test_a_token_logs_no_browser_out(browser: Browser, make_user: Any) -> None:
    token = stockade.create_token(make_user("bob")).token
    answer = browser.own("POST", LOGOUT, HTTP_AUTHORIZATION=f"Token {token}")
    assert answer.status_code == 403
    assert browser.get("/me/").status_code == 200


# -- what is over -----------------------------------------------------------------------------------------------------


def _logout(browser: Browser, alice: User) -> None:
    assert browser.own("POST", LOGOUT).status_code == 204


def _password(browser: Browser, alice: User) -> None:
    alice.set_password("another one, and long")
    alice.save()


def _inactive(browser: Browser, alice: User) -> None:
    alice.is_active = False
    alice.save()


def _gone(browser: Browser, alice: User) -> None:
    alice.delete()


def _ended(browser: Browser, alice: User) -> None:
    assert stockade.end_sessions(alice) == 1


def _by_hand(browser: Browser, alice: User) -> None:
    row = login_of()
    row.ended_at = clock.now_datetime()
    row.save()


def _deleted(browser: Browser, alice: User) -> None:
    login_of().delete()


def _idle(browser: Browser, alice: User) -> None:
    clock.shift(7 * 86400 + 1)


ENDS = [_logout, _password, _inactive, _gone, _ended, _by_hand, _deleted, _idle]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__.strip("_"))
def test_what_is_over_stops_on_the_next_request(
    end: Callable[..., None], browser: Browser, alice: User
) -> None:
    thief = by_key(browser.key)
    assert thief.get("/me/").status_code == 200
    assert thief.get("/plain/").status_code == 200
    end(browser, alice)
    for address in ("/me/", "/plain/", "/quiet/"):
        assert thief.get(address).status_code == 401
    assert thief.get("/open/").json() == {"scheme": ""}
    assert thief.get("/admin/").status_code == 302


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__.strip("_"))
def test_what_is_over_is_over_for_the_admin_too(end: Callable[..., None], alice: User) -> None:
    alice.is_staff = alice.is_superuser = True
    alice.save()
    browser = Browser()
    assert browser.log_in().status_code == 200
    thief = by_key(browser.key)
    assert thief.get("/admin/").status_code == 200
    end(browser, alice)
    assert thief.get("/admin/").status_code == 302


def test_a_session_ends_with_whatever_the_project_s_own_session_hash_is_made_of(alice: User) -> None:
    """A model that logs its users out by more than the password."""
    with mock.patch.object(User, "get_session_auth_hash", lambda user: f"{user.password}{user.email}" * 3):
        browser = Browser()
        assert browser.log_in().status_code == 200
        assert browser.get("/me/").status_code == 200
        alice.first_name = "A."
        alice.save()
        assert browser.get("/me/").status_code == 200
        alice.email = "new@example.com"
        alice.save()
        assert browser.get("/me/").status_code == 401


class Careful(ModelBackend):
    """Knows more of a user than whether he is active."""

    def user_can_authenticate(self, user: Any) -> bool:
        return super().user_can_authenticate(user) and user.last_name != "locked"


def test_whom_a_backend_of_the_project_s_own_does_not_know_any_more_is_out(alice: User, project: Any) -> None:
    """Django asks the backend at each request, and so did the project until now."""
    project.AUTHENTICATION_BACKENDS = [BACKENDS[0], f"{__name__}.Careful"]
    browser = Browser()
    assert browser.log_in().status_code == 200
    assert browser.get("/me/").status_code == 200
    alice.last_name = "locked"
    alice.save()
    assert browser.get("/me/").status_code == 401
    assert browser.get("/admin/").status_code == 302


def test_who_was_logged_in_by_a_backend_that_is_taken_out_is_out(browser: Browser, project: Any) -> None:
    """A single sign-on that is given up, or one that was found to be broken."""
    assert browser.get("/me/").status_code == 200
    project.AUTHENTICATION_BACKENDS = [BACKENDS[0], f"{__name__}.Careful"]
    clock.shift(31)
    assert browser.get("/me/").status_code == 401
    project.AUTHENTICATION_BACKENDS = BACKENDS
    clock.shift(31)
    assert browser.get("/me/").status_code == 200


def test_a_session_is_over_to_the_second_also_for_a_worker_that_knows_it(browser: Browser) -> None:
    store = SessionStore(browser.key)
    store.set_expiry(10)
    store.save()
    assert browser.get("/me/").status_code == 200
    clock.shift(11)
    assert browser.get("/me/").status_code == 401


def test_a_banned_session_is_kept_out_of_the_admin_too(alice: User) -> None:
    alice.is_staff = alice.is_superuser = True
    alice.save()
    stolen, other = Browser(), Browser()
    stolen.log_in()
    login = login_of()
    other.log_in()
    for browser in (stolen, other):
        assert browser.get("/admin/").status_code == 200
    stockade.ban(session=str(login.pk))
    for address in ("/admin/", "/me/", "/plain/"):
        assert (stolen.get(address).status_code, other.get(address).status_code) == (403, 200)
    stockade.unban(session=str(login.pk))
    assert stolen.get("/admin/").status_code == 200


def test_who_is_no_longer_of_the_staff_is_so_on_the_next_request(alice: User) -> None:
    alice.is_staff = alice.is_superuser = True
    alice.save()
    browser = Browser()
    browser.log_in()
    assert browser.get("/staff/").status_code == 200
    alice.is_staff = alice.is_superuser = False
    alice.save()
    assert browser.get("/staff/").status_code == 403


def test_a_login_does_not_outlive_its_absolute_lifetime_however_much_it_is_used(browser: Browser) -> None:
    for _ in range(13):
        clock.shift(86400)
        assert browser.get("/me/").status_code == 200
        assert browser.get("/visit/").status_code == 200  # which writes it, and moves Django's own end
    clock.shift(86400 - 60)
    assert browser.get("/me/").status_code == 200
    clock.shift(61)
    assert browser.get("/me/").status_code == 401


def test_another_key_does_not_make_a_login_younger(browser: Browser, alice: User) -> None:
    clock.shift(6 * 86400)
    browser.get("/me/")
    store = SessionStore(browser.key)
    store.cycle_key()
    assert browser.get("/me/").status_code == 401
    other = by_key(str(store.session_key))
    clock.shift(6 * 86400)
    assert other.get("/me/").status_code == 200
    clock.shift(2 * 86400)
    assert other.get("/me/").status_code == 401


def test_a_request_under_way_brings_no_ended_session_back(browser: Browser) -> None:
    under_way = SessionStore(browser.key)
    under_way["late"] = True  # it has read the session
    assert browser.own("POST", LOGOUT).status_code == 204
    with pytest.raises(UpdateError):
        under_way.save()
    assert by_key(str(under_way.session_key)).get("/me/").status_code == 401
    assert not Session.objects.filter(ended_at=None).exists()


def test_an_ended_login_is_not_written_on_by_a_request_under_way(browser: Browser, alice: User) -> None:
    """Ended from the list: the row of the data is still there."""
    under_way = SessionStore(browser.key)
    under_way["late"] = True
    stockade.end_sessions(alice)
    with pytest.raises(UpdateError):
        under_way.save()


@pytest.mark.parametrize("call", ["cycle_key", "save"])
def test_an_ended_login_gets_no_other_key_by_a_request_under_way(
    call: str, browser: Browser, alice: User
) -> None:
    """The thief is just changing the password, or proving more, as the owner ends his session."""
    under_way = SessionStore(browser.key)
    under_way["late"] = True
    if call == "save":
        under_way.prove(["pwd"])
    stockade.end_sessions(alice)
    with pytest.raises(SessionInterrupted):
        getattr(under_way, call)()
    assert not Session.objects.filter(ended_at=None).exists()
    assert by_key(str(under_way.session_key)).get("/me/").status_code == 401


def test_no_session_outlives_the_end_of_all_by_another_key(
    browser: Browser, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thief's step-up commits between the look for her sessions and their end: the id that was found is over."""
    lock, thieves = sessions._lock, [SessionStore(browser.key)]  # noqa: SLF001
    thieves[0]["basket"] = 1

    def then_another_key(wanted: Any) -> Any:
        found = lock(wanted)
        if thieves:
            thieves.pop().cycle_key()
        return found

    monkeypatch.setattr(sessions, "_lock", then_another_key)
    stockade.end_sessions(alice)
    assert not Session.objects.filter(ended_at=None).exists()


# -- the log ----------------------------------------------------------------------------------------------------------


def test_the_log_tells_the_life_of_a_session_and_no_secret_of_it(alice: User, log: Log) -> None:
    browser = Browser()
    browser.log_in()
    key, login = browser.key, str(login_of().pk)
    browser.own("POST", LOGOUT)
    told = [record for record in log() if record.subject == str(alice.pk) and record.event.kind is Kind.LIFE]
    assert [record.event.name for record in told] == ["TOKEN_CREATED", "LOGIN_SUCCESS", "SESSION_ENDED"]
    assert {record.session for record in told} == {login}
    assert key not in repr(log())


def test_no_representation_holds_the_key(browser: Browser) -> None:
    from stockade.pipeline import registry

    browser.get("/me/")
    current = registry.current()
    assert current is not None
    entries = current.engine.memory._entries  # noqa: SLF001
    assert browser.key not in repr(entries)
    assert all(browser.key not in repr(vars(type(entry))) for entry in entries.values())
