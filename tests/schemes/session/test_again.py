"""What changes a session is done again where the database was busy: with the session as it was before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import auth
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_out
from django.db import OperationalError

from stockade.models import Session, SessionData
from stockade.schemes import devices
from stockade.schemes.session import SessionStore, login, rows
from tests.schemes.conftest import PASSWORD, Log
from tests.schemes.session.conftest import LOGOUT, STEP_UP, Browser, by_key, login_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has the database be busy once, when something was done; what was done with it is rolled back."""

    def arrange(where: Any, name: str) -> None:
        original, done = getattr(where, name), []

        def then_busy(*args: Any, **fields: Any) -> Any:
            found = original(*args, **fields)
            if not done:
                done.append(True)
                raise OperationalError("database is locked")
            return found

        monkeypatch.setattr(where, name, then_busy)

    return arrange


def test_a_logout_whose_first_transaction_fails_logs_out(
    alice: User, busy: Callable[..., None], log: Log
) -> None:
    """Else the browser is told that it is logged out, and whoever has a copy of its key is not."""
    browser, heard = Browser(), []
    browser.log_in()
    key, login_id = browser.key, str(login_of().pk)

    def hear(sender: Any, user: Any, **_: Any) -> None:
        heard.append(user)

    user_logged_out.connect(hear)
    busy(auth, "logout")
    try:
        assert browser.own("POST", LOGOUT).status_code == 204
    finally:
        user_logged_out.disconnect(hear)
    assert by_key(key).get("/me/").status_code == 401
    assert [record.session for record in log("SESSION_ENDED")] == [login_id]
    assert [user.pk for user in heard] == [alice.pk, alice.pk]


def test_a_login_whose_first_transaction_fails_logs_in(alice: User, busy: Callable[..., None]) -> None:
    browser = Browser()
    browser.get("/visit/")
    planted = browser.key
    busy(devices, "remember")
    assert browser.log_in().status_code == 200
    assert browser.get("/me/").status_code == 200
    assert browser.get("/visit/").json() == {"basket": 2}
    assert by_key(planted).get("/visit/").json() == {"basket": 1}
    assert Session.objects.count() == 1


def test_a_step_up_whose_first_transaction_fails_steps_up(alice: User, busy: Callable[..., None]) -> None:
    browser = Browser()
    browser.log_in()
    old, before = browser.key, login_of()
    busy(login, "emit")
    assert browser.own("POST", STEP_UP, {"password": PASSWORD}).status_code == 200
    assert browser.get("/me/").status_code == 200
    assert by_key(old).get("/me/").status_code == 401
    assert login_of().auth_time > before.auth_time


@pytest.mark.parametrize("call", ["save", "cycle_key"])
def test_a_write_whose_first_transaction_fails_is_written(
    call: str, alice: User, busy: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its end, when the session has heard already what the row was to tell."""
    store = SessionStore()
    store["_auth_user_id"], store["_auth_user_hash"] = str(alice.pk), alice.get_session_auth_hash()
    if call == "cycle_key":
        store.save()
    busy(SessionStore, "_write")
    getattr(store, call)()
    row = SessionData.objects.get()
    assert row.login is not None
    assert row.digest == rows.digests(str(store.session_key))[0]
    assert SessionStore(store.session_key)["_auth_user_id"] == str(alice.pk)


def test_a_write_that_fails_for_good_leaves_the_key_that_was(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser()
    browser.log_in()
    store = SessionStore(browser.key)
    assert store["_auth_user_id"] == str(alice.pk)

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("something broke")

    with monkeypatch.context() as patched:
        patched.setattr(rows, "open_login", broken)
        with pytest.raises(RuntimeError):
            store.cycle_key()
    assert store.session_key == browser.key
    store["basket"] = 1
    store.save()
    assert browser.get("/visit/").json() == {"basket": 2}
