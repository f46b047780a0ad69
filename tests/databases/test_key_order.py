"""A key is revoked while a refresh or a login writes its id, under REPEATABLE READ and SERIALIZABLE as well."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.db.backends.postgresql.psycopg_any import IsolationLevel

from stockade import keyring
from stockade.keyring import retirement
from stockade.models import Session, SigningKey
from stockade.schemes.jwt import issue, redeem, redemption, sessions
from tests.databases.test_isolation import isolation as isolation
from tests.schemes.test_order import before

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


def revoke(kid: str) -> None:
    try:
        keyring.retire(kid, compromised=True)
    finally:
        connections.close_all()


def waiting() -> bool:
    """Whether somebody waits for a lock on the table of sessions."""
    with psycopg.connect(**connections["default"].get_connection_params()) as other:
        found = other.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'stockade_session'::regclass"
        )
        return bool(found.fetchone()[0])


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 1.5  # shorter than the revocation's patience
    while not true() and time.monotonic() < end:
        time.sleep(0.01)


def no_session_outlives_its_key() -> None:
    gone = SigningKey.objects.filter(state=SigningKey.State.REVOKED).values("kid")
    assert not Session.objects.filter(kid__in=gone, ended_at=None).exists()


def test_a_refresh_that_has_written_is_waited_for(
    isolation: IsolationLevel, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = issue(alice)
    stolen = keyring.rotate(now=True)
    revoking = threading.Thread(target=revoke, args=[stolen])

    def meanwhile() -> None:
        revoking.start()
        until(lambda: waiting() or not revoking.is_alive())

    before(monkeypatch, redemption, "confirm", meanwhile)
    redeem(first.refresh)
    revoking.join(30)
    assert Session.objects.get().end_reason == "key_compromised"
    no_session_outlives_its_key()


def test_a_refresh_that_waits_for_the_revocation_takes_another_key(
    isolation: IsolationLevel, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its snapshot may be older than the revocation: it began before that was committed."""
    first = issue(alice)
    stolen = keyring.rotate(now=True)
    revoking = threading.Thread(target=revoke, args=[stolen])
    locked = threading.Event()

    def locked_now() -> None:
        locked.set()
        until(waiting)

    before(monkeypatch, retirement, "end_sessions", locked_now)
    revoking.start()
    assert locked.wait(30)
    second = redeem(first.refresh)
    revoking.join(30)
    assert second.refresh.split(".")[3] != stolen
    no_session_outlives_its_key()


def test_a_login_beside_the_revocation_of_its_key(
    isolation: IsolationLevel, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    stolen = issue(alice).refresh.split(".")[3]
    revoking = threading.Thread(target=revoke, args=[stolen])

    def meanwhile() -> None:
        revoking.start()
        until(lambda: waiting() or not revoking.is_alive())

    before(monkeypatch, sessions, "confirm", meanwhile)
    issue(alice)
    revoking.join(30)
    assert SigningKey.objects.get(pk=stolen).state == SigningKey.State.REVOKED
    no_session_outlives_its_key()
