"""Which errors of a database pass by themselves, how they are answered, and how often the same is tried again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import psycopg
import psycopg.errors
import psycopg_pool
import pytest
from django.contrib.auth.models import User
from django.db import InterfaceError, InternalError, OperationalError, connection, transaction
from django.test import Client

from stockade import database
from stockade.core.errors import Unavailable
from stockade.database import again, durably, is_passing
from stockade.web.translate import refusal_of


def wrapped(outer: type[Exception], cause: Exception) -> Exception:
    """As Django wraps what a driver raises."""
    error = outer(str(cause))
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        wrapped(OperationalError, psycopg.OperationalError("the connection is closed")),
        wrapped(OperationalError, psycopg_pool.PoolTimeout("couldn't get a connection after 2.00 sec")),
        wrapped(OperationalError, psycopg.errors.AdminShutdown("terminating connection")),
        wrapped(OperationalError, psycopg.errors.SerializationFailure("could not serialize access")),
        wrapped(OperationalError, psycopg.errors.DeadlockDetected("deadlock detected")),
        wrapped(OperationalError, psycopg.errors.LockNotAvailable("canceling statement due to lock timeout")),
        wrapped(OperationalError, psycopg.errors.TooManyConnections("sorry, too many clients already")),
        wrapped(InternalError, psycopg.errors.ReadOnlySqlTransaction("cannot execute UPDATE")),
        wrapped(InterfaceError, psycopg.InterfaceError("the connection is lost")),
        wrapped(OperationalError, sqlite3.OperationalError("database is locked")),
    ],
    ids=str,
)
def test_what_passes_is_answered_with_503(error: Exception) -> None:
    assert is_passing(error)
    refusal = refusal_of(error)
    assert isinstance(refusal, Unavailable)
    assert str(error) not in str(refusal)


@pytest.mark.parametrize(
    "error",
    [
        wrapped(OperationalError, sqlite3.OperationalError("no such table: articles")),
        wrapped(OperationalError, psycopg.errors.InvalidPassword("password authentication failed")),
        wrapped(InternalError, psycopg.errors.InFailedSqlTransaction("current transaction is aborted")),
        ValueError("the connection is closed"),
    ],
    ids=str,
)
def test_a_mistake_stays_a_mistake(error: Exception) -> None:
    assert not is_passing(error)
    assert refusal_of(error) is None


def test_a_database_that_goes_away_under_a_view_is_answered_with_503(
    alice: User, client_of: Callable[..., Client], project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stockade.demo.articles.models import Article

    def away(*_: object, **__: object) -> None:
        raise wrapped(OperationalError, psycopg.errors.AdminShutdown("terminating connection"))

    project.ROOT_URLCONF = "tests.databases.site"
    client = client_of(alice)
    monkeypatch.setattr(Article, "save", away)
    answer = client.post("/articles/", {"title": "x"}, content_type="application/json")
    assert answer.status_code == 503
    assert answer["Retry-After"] == "1"
    assert b"terminating" not in answer.content


@pytest.mark.django_db(transaction=True)
def test_a_lost_race_is_run_again_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_LONGEST", 0.001)
    calls: list[int] = []

    def lose() -> None:
        calls.append(1)
        raise OperationalError("database is locked")

    with pytest.raises(OperationalError):
        again(lose, "default")
    assert 5 <= len(calls) <= 20
    with pytest.raises(Unavailable):
        durably(lose, "default")
    calls.clear()
    # What somebody else has begun, nobody but him can begin again.
    with transaction.atomic(), pytest.raises(OperationalError):
        again(lose, "default")
    assert len(calls) == 1
    with transaction.atomic(), pytest.raises(RuntimeError):
        durably(lose, "default")


@pytest.mark.django_db(transaction=True)
def test_what_takes_long_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that has no connection within 30 seconds would else be waited for in vain a dozen times."""
    monkeypatch.setattr(database, "_ENOUGH", -1.0)
    calls: list[int] = []

    def lose() -> None:
        calls.append(1)
        raise OperationalError("couldn't get a connection after 30.00 sec")

    with pytest.raises(Unavailable):
        durably(lose, "default")
    assert len(calls) == 1
    assert not connection.in_atomic_block
