"""Sessions in a cookie: how a browser is logged in, what is written of it, and what no request costs."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any
from unittest import mock

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import aauthenticate, alogin, alogout, update_session_auth_hash
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.http import HttpRequest
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

import stockade
from stockade.core import clock
from stockade.gate.registry import get_gate
from stockade.models import Session, SessionData
from stockade.schemes import jwt
from stockade.schemes.session import SessionStore, hashes, prove
from tests.around import Log
from tests.schemes.conftest import PASSWORD
from tests.schemes.session.conftest import LOGIN, LOGOUT, STEP_UP, Browser, by_key, login_of

pytestmark = pytest.mark.django_db


# -- the way it goes --------------------------------------------------------------------------------------------------


def test_a_browser_logs_in_calls_and_logs_out(browser: Browser) -> None:
    assert browser.get("/me/").json() == {"user": "alice", "scheme": "session"}
    assert browser.own("POST", "/me/").status_code == 200
    assert browser.own("POST", LOGOUT).status_code == 204
    assert browser.get("/me/").status_code == 401
    assert not browser.key
    assert browser.own("POST", LOGOUT).status_code == 204  # logged out already


def test_a_wrong_password_logs_nobody_in_and_says_no_more_than_elsewhere(alice: User) -> None:
    browser = Browser()
    wrong, unknown = browser.log_in(password="wrong"), browser.log_in("nobody")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "no_active_account")
    assert unknown.json() == wrong.json()
    assert not browser.key


def test_guesses_are_limited_as_at_every_other_login(alice: User, configure: Callable[..., None]) -> None:
    configure(LIMITS={"login": "2/min"})
    browser = Browser()
    assert [browser.log_in(password="wrong").status_code for _ in range(3)] == [401, 401, 429]
    assert browser.log_in().status_code == 429


@pytest.mark.parametrize(
    "body", [{}, {"username": "alice"}, {"username": 1, "password": []}, {"x": 1}, [], "x"]
)
def test_a_body_that_is_no_login_is_refused(body: Any, alice: User) -> None:
    assert Browser().own("POST", LOGIN, body).status_code == 400


def test_where_the_scheme_is_off_there_is_no_login(alice: User, configure: Callable[..., None]) -> None:
    configure(SCHEMES=["jwt"])
    browser = Browser()
    assert browser.log_in().status_code == 404
    assert browser.get("/api/session/csrf/").status_code == 404
    assert browser.own("POST", LOGOUT).status_code == 404


def test_the_cookie_is_django_s_own(browser: Browser) -> None:
    morsel = browser.cookies["sessionid"]
    assert (morsel["httponly"], morsel["samesite"]) == (True, "Lax")
    assert re.fullmatch(r"[a-z0-9]{48}", morsel.value)


def test_answers_to_a_cookie_vary_by_it(browser: Browser) -> None:
    assert "Cookie" in browser.get("/me/")["Vary"]


# -- what a request costs ---------------------------------------------------------------------------------------------


def test_in_the_steady_state_no_sql_is_asked_and_the_state_once(browser: Browser) -> None:
    assert browser.get("/quiet/").status_code == 200
    clock.shift(1)
    asked = mock.Mock(wraps=get_gate().ask)
    with CaptureQueriesContext(connection) as queries, mock.patch.object(get_gate(), "ask", asked):
        assert browser.get("/quiet/").status_code == 200
        assert browser.own("POST", "/quiet/").status_code == 200
    assert not queries.captured_queries
    assert asked.call_count == 2


def test_a_visitor_s_cookie_costs_no_sql_once_it_was_seen(alice: User) -> None:
    visitor = Browser()
    visitor.get("/visit/")
    visitor.get("/open/")
    with CaptureQueriesContext(connection) as queries:
        assert visitor.get("/open/").status_code == 200
    assert not queries.captured_queries


def test_a_cold_worker_asks_twice(browser: Browser) -> None:
    Browser().get("/open/", HTTP_AUTHORIZATION="Token stt_garbage")  # which reads the lists
    with CaptureQueriesContext(connection) as queries:
        assert browser.get("/quiet/").status_code == 200
    assert len(queries) == 2, [query["sql"] for query in queries]


def test_a_worker_keeps_nothing_of_what_is_in_the_session(browser: Browser) -> None:
    from stockade.pipeline import registry

    browser.get("/visit/")
    browser.get("/me/")
    current = registry.current()
    assert current is not None
    kept = [entry for entry in current.engine.memory._entries.values() if entry.principal is not None]  # noqa: SLF001
    assert kept
    assert all(entry.credential.claims == {} for entry in kept)


def test_use_is_noted_every_few_minutes_and_no_request_else_writes(browser: Browser) -> None:
    began = login_of().rotated_at
    for _ in range(3):
        clock.shift(60)
        with CaptureQueriesContext(connection) as queries:
            assert browser.get("/quiet/").status_code == 200
        assert not any(query["sql"].startswith(("UPDATE", "INSERT")) for query in queries)
    clock.shift(600)
    assert browser.get("/quiet/").status_code == 200
    assert login_of().rotated_at - began > timedelta(minutes=10)


def test_use_keeps_a_login_from_running_out(browser: Browser, configure: Callable[..., None]) -> None:
    for _ in range(9):
        clock.shift(86400)
        assert browser.get("/quiet/").status_code == 200


def test_the_admin_s_use_counts_too(alice: User) -> None:
    alice.is_staff = alice.is_superuser = True
    alice.save()
    browser = Browser()
    browser.log_in()
    for _ in range(9):
        clock.shift(86400)
        assert browser.get("/admin/").status_code == 200


# -- Django's own ways ------------------------------------------------------------------------------------------------


def test_django_s_login_and_logout_go_by_the_same_rows(alice: User) -> None:
    browser = Browser()
    token = browser.get("/admin/login/").cookies["csrftoken"].value
    alice.is_staff = True
    alice.save()
    form = {"username": "alice", "password": PASSWORD, "csrfmiddlewaretoken": token}
    assert (
        browser.post("/admin/login/?next=/admin/", form, HTTP_ORIGIN="http://testserver").status_code == 302
    )
    assert browser.get("/me/").json()["scheme"] == "session"
    row = login_of()
    assert row.amr == "pwd"
    assert row.user_agent == ""
    token = browser.cookies["csrftoken"].value
    answer = browser.post("/admin/logout/", {"csrfmiddlewaretoken": token}, HTTP_ORIGIN="http://testserver")
    assert answer.status_code == 200
    assert browser.get("/me/").status_code == 401
    row.refresh_from_db()
    assert row.end_reason == "logout"


def test_the_test_client_s_force_login_works(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    assert client.get("/me/").json() == {"user": "alice", "scheme": "session"}
    assert login_of().amr == ""  # nobody has proven anything
    client.logout()
    assert client.get("/me/").status_code == 401


def test_messages_are_kept_in_the_session(alice: User, project: Any) -> None:
    project.MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
    visitor = Browser()
    visitor.get("/message/")
    assert visitor.get("/messages/").json() == {"messages": ["hello"]}
    assert visitor.get("/messages/").json() == {"messages": []}


def test_a_changed_password_ends_all_sessions_but_the_one_it_was_changed_in(
    browser: Browser, alice: User
) -> None:
    other = Browser()
    other.log_in()
    request = HttpRequest()
    request.session, request.user = SessionStore(browser.key), alice
    alice.set_password("another one, and long")
    alice.save()
    update_session_auth_hash(request, alice)
    request.session.save()
    assert by_key(str(request.session.session_key)).get("/me/").status_code == 200
    assert browser.get("/me/").status_code == 401  # the key was changed as well
    assert other.get("/me/").status_code == 401
    kept = Session.objects.get(ended_at=None, end_reason="", stamp=request.session._login.stamp)  # noqa: SLF001
    assert kept.amr == "pwd"


def test_sessions_go_on_after_a_change_of_secret_key(browser: Browser, project: Any) -> None:
    project.SECRET_KEY_FALLBACKS = [project.SECRET_KEY]
    project.SECRET_KEY = "a new one, and long enough for anybody"
    assert browser.get("/me/").status_code == 200
    project.SECRET_KEY_FALLBACKS = []
    assert by_key(browser.key).get("/me/").status_code == 401


def test_a_session_in_use_gets_the_stamp_of_the_new_secret_key(browser: Browser, project: Any) -> None:
    """Else it would end with the fallback, however long it has been used under the new key."""
    before = Session.objects.get(ended_at=None).stamp
    project.SECRET_KEY_FALLBACKS = [project.SECRET_KEY]
    project.SECRET_KEY = "a new one, and long enough for anybody"
    assert by_key(browser.key).get("/me/").status_code == 200
    after = Session.objects.get(ended_at=None)
    assert after.stamp != before
    assert after.stamp == hashes.stamp_of(
        str(after.user_id), after.user.get_session_auth_hash(), "django.contrib.auth.backends.ModelBackend"
    )


def test_expiry_is_as_django_s_set_expiry_says(browser: Browser) -> None:
    store = SessionStore(browser.key)
    store.set_expiry(3600)
    store.save()
    assert browser.get("/me/").status_code == 200
    clock.shift(3601)
    assert browser.get("/me/").status_code == 401
    assert by_key(browser.key).get("/admin/").status_code == 302


@pytest.mark.parametrize("expiry", [0, 60, timedelta(hours=1), None], ids=["0", "60", "timedelta", "none"])
def test_every_kind_of_expiry_is_taken(expiry: Any, browser: Browser) -> None:
    store = SessionStore(browser.key)
    store.set_expiry(expiry)
    store.save()
    assert SessionStore(browser.key).get_expire_at_browser_close() is (expiry == 0)
    assert by_key(browser.key).get("/me/").status_code == 200


def test_no_expiry_of_django_s_outlives_absolute(browser: Browser) -> None:
    store = SessionStore(browser.key)
    store.set_expiry(timedelta(days=365))
    store.save()
    row = login_of()
    assert row.expires_at == row.created_at + timedelta(days=14)
    assert SessionData.objects.get(login=row).expires_at == row.expires_at


def test_clearsessions_clears_what_is_over(browser: Browser, alice: User) -> None:
    visitor = Browser()
    visitor.get("/visit/")
    call_command("clearsessions")
    assert SessionData.objects.count() == 2
    stockade.end_sessions(alice)
    call_command("clearsessions")
    assert SessionData.objects.count() == 1
    clock.shift(15 * 86400)
    call_command("clearsessions")
    assert not SessionData.objects.exists()


def test_clearsessions_clears_whatever_number_of_visitors_has_left(alice: User) -> None:
    """SQLite takes 250,000 parameters at most, older ones 999: with more rows nothing could be cleared any more."""
    over = clock.now_datetime() - timedelta(days=1)
    SessionData.objects.bulk_create(
        [SessionData(digest=f"{number:064}", sealed="", expires_at=over) for number in range(1100)]
    )
    with CaptureQueriesContext(connection) as queries:
        call_command("clearsessions")
    assert not SessionData.objects.exists()
    deleted = [query["sql"] for query in queries if query["sql"].startswith("DELETE")]
    assert deleted
    assert max(sql.count(",") for sql in deleted) < 999


def test_prune_deletes_old_logins_with_their_data(browser: Browser) -> None:
    clock.shift(60 * 86400)
    assert jwt.prune() == 1
    assert not Session.objects.exists()
    assert not SessionData.objects.exists()


def test_a_user_is_deleted_with_what_was_kept_of_him(browser: Browser, alice: User) -> None:
    alice.delete()
    assert not SessionData.objects.exists()


def test_the_engine_keeps_to_what_django_promises_of_one(alice: User) -> None:
    engine = import_module(django_settings.SESSION_ENGINE)
    store = engine.SessionStore()
    assert store.is_empty()
    store["a"] = 1
    store.save()
    key = store.session_key
    assert store.exists(key)
    again = engine.SessionStore(key)
    assert again["a"] == 1
    again.cycle_key()
    assert not store.exists(key)
    assert engine.SessionStore(again.session_key)["a"] == 1
    again.flush()
    assert again.session_key is None
    assert not store.exists(key)
    gone = engine.SessionStore("made up, and long enough")
    assert dict(gone.items()) == {}
    assert gone.session_key is None


async def test_an_async_view_reads_and_writes_its_session(browser: Browser) -> None:
    client = AsyncClient()
    client.cookies["sessionid"] = browser.key
    first, second = await client.get("/waiting/"), await client.get("/waiting/")
    assert (first.json()["seen"], second.json()["seen"]) == (0, 1)
    token = browser.cookies["csrftoken"].value
    strict = AsyncClient(enforce_csrf_checks=True)
    strict.cookies["sessionid"], strict.cookies["csrftoken"] = browser.key, token
    assert (await strict.post("/me/")).status_code == 403
    assert (await strict.post("/me/", headers={"x-csrftoken": token})).status_code == 200


@pytest.mark.django_db(transaction=True)
async def test_an_async_login_and_logout_go_by_the_same_rows(alice: User) -> None:
    request = HttpRequest()
    request.session = SessionStore()
    user = await aauthenticate(request, username="alice", password=PASSWORD)
    assert user is not None
    await alogin(request, user)
    await request.session.asave()
    client = AsyncClient()
    client.cookies["sessionid"] = key = str(request.session.session_key)
    assert (await client.get("/proof/")).json()["amr"] == ["pwd"]
    request.session = SessionStore(key)
    await alogout(request)
    assert (await client.get("/proof/")).status_code == 401


async def test_the_engine_is_async_too(alice: User) -> None:
    store = SessionStore()
    await store.aset("a", 1)
    await store.asave()
    key = store.session_key
    assert await SessionStore(key).aget("a") == 1
    await store.acycle_key()
    assert not await store.aexists(str(key))
    await store.aflush()
    assert store.session_key is None


# -- what was proven --------------------------------------------------------------------------------------------------


def test_a_login_keeps_when_and_how_it_was_proven(browser: Browser) -> None:
    row = login_of()
    assert (row.amr, row.acr) == ("pwd", "")
    credential = browser.get("/proof/").json()
    assert credential == {"amr": ["pwd"], "acr": "", "auth_time": row.auth_time.timestamp()}


def test_who_proves_more_gets_another_key_that_says_so(browser: Browser) -> None:
    clock.shift(3600)
    began = login_of().created_at
    request = HttpRequest()
    request.session = SessionStore(browser.key)
    assert prove(request, ["pwd", "otp", "mfa"], "urn:example:gold") is request.session
    request.session.save()
    other = by_key(str(request.session.session_key))
    told = other.get("/proof/").json()
    assert (told["amr"], told["acr"]) == (["mfa", "otp", "pwd"], "urn:example:gold")
    assert told["auth_time"] == pytest.approx(clock.now(), abs=5)
    assert browser.get("/me/").status_code == 401
    assert login_of().created_at == began


def test_another_key_of_the_same_login_proves_nothing_new(browser: Browser) -> None:
    before = login_of()
    clock.shift(3600)
    store = SessionStore(browser.key)
    store.cycle_key()
    after = login_of()
    assert after.pk != before.pk
    assert (after.auth_time, after.amr, after.created_at) == (before.auth_time, "pwd", before.created_at)


def test_who_is_logged_in_proves_again_who_he_is(browser: Browser, alice: User, log: Log) -> None:
    request = HttpRequest()
    request.session = SessionStore(browser.key)
    prove(request, ["pwd", "otp", "mfa"])
    request.session.save()
    browser.cookies["sessionid"] = str(request.session.session_key)
    clock.shift(3600)
    before, old = login_of(), browser.key
    token = browser.cookies["csrftoken"].value
    assert browser.own("POST", STEP_UP, {"password": "wrong"}).status_code == 401
    assert browser.own("POST", STEP_UP, {"password": PASSWORD}).status_code == 200
    after = login_of()
    assert (after.amr, after.created_at) == ("pwd", before.created_at)  # of one event, not of two
    assert after.auth_time - before.auth_time >= timedelta(hours=1)
    assert browser.key != old
    assert by_key(old).get("/me/").status_code == 401
    assert browser.own("POST", "/me/", HTTP_X_CSRFTOKEN=token).status_code == 403
    assert browser.own("POST", "/me/").status_code == 200
    assert [record.session for record in log("STEP_UP")] == [str(after.pk)]


def test_a_step_up_is_asked_of_the_session_s_own_user_and_guesses_count(
    browser: Browser, make_user: Any, configure: Callable[..., None]
) -> None:
    """The thief of a session knows a password, but not this one."""
    configure(LIMITS={"login": "2/min"})
    make_user("mallory", "a password of his own")
    assert browser.own("POST", STEP_UP, {"password": "a password of his own"}).status_code == 401
    assert browser.own("POST", STEP_UP, {"password": "a guess"}).status_code == 401
    assert browser.own("POST", STEP_UP, {"password": PASSWORD}).status_code == 429
    assert login_of().amr == "pwd"


def test_a_step_up_is_for_who_is_logged_in_by_the_cookie(browser: Browser, alice: User) -> None:
    body = {"password": PASSWORD}
    bearer = f"Bearer {jwt.issue(alice).access}"
    assert Browser().own("POST", STEP_UP, body).status_code == 401
    assert browser.own("POST", STEP_UP, body, HTTP_AUTHORIZATION=bearer).status_code == 403
    assert browser.own("POST", STEP_UP, body, HTTP_X_CSRFTOKEN="x").status_code == 403


def test_a_step_up_that_hashes_the_password_anew_keeps_the_session(
    browser: Browser, alice: User, project: Any
) -> None:
    project.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher", "django.contrib.auth.hashers.MD5PasswordHasher",
    ]  # fmt: skip
    assert browser.own("POST", STEP_UP, {"password": PASSWORD}).status_code == 200
    alice.refresh_from_db()
    assert alice.password.startswith("pbkdf2_sha1")
    assert browser.get("/me/").status_code == 200
    assert browser.get("/admin/").status_code == 302  # alice is nobody there


@pytest.mark.parametrize("amr", ["pwd", [1], ["a b"], ["x" * 33]], ids=["text", "number", "space", "long"])
def test_what_is_no_method_is_not_written_down(amr: Any, browser: Browser) -> None:
    request = HttpRequest()
    request.session = SessionStore(browser.key)
    with pytest.raises(ValueError, match=r"method|names"):
        prove(request, amr)


def test_elsewhere_nothing_is_noted(alice: User) -> None:
    assert prove(HttpRequest(), ["pwd"]) is None


# -- one list of all --------------------------------------------------------------------------------------------------


def test_sessions_of_every_scheme_are_in_one_list_and_are_ended_from_it(
    browser: Browser, alice: User
) -> None:
    pair = jwt.issue(alice)
    other = Browser(HTTP_USER_AGENT="Lynx")
    other.log_in()
    listed = browser.get("/api/sessions/").json()
    assert {one["scheme"] for one in listed} == {"session", "jwt"}
    assert [one["current"] for one in listed if one["scheme"] == "session"] == [False, True]
    lynx = next(one for one in listed if one["user_agent"] == "Lynx")
    assert browser.own("DELETE", f"/api/sessions/{lynx['id']}/").status_code == 204
    assert other.get("/me/").status_code == 401
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {pair.access}"}
    assert Client().delete("/api/sessions/", **bearer).status_code == 204  # all others, by token
    assert browser.get("/me/").status_code == 401
    assert Client().get("/me/", **bearer).status_code == 200


def test_the_list_has_no_session_that_a_new_password_has_ended(browser: Browser, alice: User) -> None:
    """Who has just locked a thief out sees that he is."""
    jwt.issue(alice)
    alice.set_password("another one, and long")
    alice.save()
    again = Browser()
    assert again.log_in(password="another one, and long").status_code == 200
    stockade.issue(alice)
    listed = again.get("/api/sessions/").json()
    assert [(one["scheme"], one["current"]) for one in listed] == [("jwt", False), ("session", True)]


def test_another_s_session_is_not_ended(browser: Browser, make_user: Any) -> None:
    make_user("mallory")
    other = Browser()
    other.log_in("mallory")
    assert other.own("DELETE", f"/api/sessions/{login_of().pk}/").status_code == 404
    assert browser.get("/me/").status_code == 200


def test_roles_are_those_of_the_user_and_change_at_once(browser: Browser, alice: User) -> None:
    assert browser.get("/editors/").status_code == 403
    alice.groups.add(Group.objects.create(name="Editors"))
    assert browser.get("/editors/").status_code == 200
    alice.groups.clear()
    assert browser.get("/editors/").status_code == 403
