"""A query that is compiled once gives what the ORM gives, on every connection."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from stockade.models import Session
from stockade.schemes.jwt import issue
from stockade.schemes.prepared import Prepared

NAMES = ("id", "ended_at", "expires_at", "claims", "user_id", "user__is_active", "user__groups__name")


def build(pk: Any, using: str) -> Any:
    return Session.objects.using(using).filter(pk=pk).order_by().values_list(*NAMES)


def as_sets(rows: Any) -> set[str]:
    return {repr(list(row)) for row in rows}


@pytest.mark.django_db
def test_it_answers_as_the_orm_does(alice: User) -> None:
    alice.groups.set([Group.objects.create(name=name) for name in ("a", "b")])
    query = Prepared(build)
    for pair in (issue(alice, claims={"x": [1]}), issue(alice)):
        session = Session.objects.get(pk=pair.session)
        assert as_sets(query.rows(session.pk, "default")) == as_sets(build(session.pk, "default"))
    assert query.rows("00000000-0000-4000-8000-000000000000", "default") == []


@pytest.mark.django_db
def test_it_is_one_query_each_time_and_seen_by_whoever_watches(alice: User) -> None:
    session = Session.objects.get(pk=issue(alice).session)
    query = Prepared(build)
    with CaptureQueriesContext(connection) as queries:
        for _ in range(3):
            query.rows(session.pk, "default")
    assert len(queries) == 3


@pytest.mark.django_db(transaction=True)
def test_every_thread_compiles_for_its_own_connection(alice: User) -> None:
    session = Session.objects.get(pk=issue(alice).session)
    query = Prepared(build)
    expected = as_sets(query.rows(session.pk, "default"))
    found: list[set[str]] = []

    def ask() -> None:
        try:
            found.extend(as_sets(query.rows(session.pk, "default")) for _ in range(20))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [expected] * 160


@pytest.mark.django_db(transaction=True)
def test_it_keeps_no_connection_of_a_thread_that_has_ended(alice: User) -> None:
    session = Session.objects.get(pk=issue(alice).session)
    query = Prepared(build)
    gone: list[weakref.ref[Any]] = []

    def ask() -> None:
        query.rows(session.pk, "default")
        gone.append(weakref.ref(connections["default"]))
        connections.close_all()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(60)
    del thread
    gc.collect()
    assert gone[0]() is None


@pytest.mark.django_db
def test_a_query_with_another_parameter_is_refused(alice: User) -> None:
    with pytest.raises(TypeError, match="only parameter"):
        Prepared(lambda pk, using: build(pk, using).filter(client="x")).rows(alice.pk, "default")
