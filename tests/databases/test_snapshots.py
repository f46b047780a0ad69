"""What a transaction that began earlier does not see decides about nobody, and is remembered by nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, connections, transaction
from django.test import Client
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import stockade
from stockade import keyring
from stockade.database import aside, snapshot_is_old
from stockade.gate.keys import session_key
from stockade.gate.registry import get_gate
from stockade.models import Session
from stockade.policy import Authenticated
from stockade.schemes.jwt import issue
from stockade.truth import loading

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["repeatable_read", "serializable"])
def isolation(request: pytest.FixtureRequest, project: Any, database_vendor: str) -> Iterator[None]:
    """DATABASES says so for the whole project; on SQLite what is alike: BEGIN takes no lock, by either name."""
    options = connection.settings_dict.setdefault("OPTIONS", {})
    before = dict(options)
    if database_vendor == "sqlite":
        options["transaction_mode"] = "DEFERRED"
    else:
        from django.db.backends.postgresql.psycopg_any import IsolationLevel

        options["isolation_level"] = IsolationLevel[request.param.upper()]
    connections.close_all()
    yield
    options.clear()
    options.update(before)
    connections.close_all()


@contextmanager
def old_snapshot() -> Iterator[None]:
    """A transaction that has looked at the database before what it must not miss."""
    with transaction.atomic():
        list(Group.objects.values_list("pk"))
        yield


def elsewhere(call: Callable[[], Any]) -> None:
    """Have another thread do and commit it."""
    aside(call, 20)


def test_whether_a_snapshot_may_be_old_is_known(isolation: None) -> None:
    assert not snapshot_is_old("default")
    with old_snapshot():
        assert snapshot_is_old("default")
    assert not snapshot_is_old("default")


@pytest.mark.postgres
def test_until_a_statement_is_sent_there_is_no_snapshot(isolation: None) -> None:
    with transaction.atomic():
        assert not snapshot_is_old("default")
        with transaction.atomic():  # a savepoint is one
            assert snapshot_is_old("default")


def test_under_read_committed_and_where_begin_takes_the_lock_no_snapshot_is_old(project: Any) -> None:
    with old_snapshot():
        assert not snapshot_is_old("default")


@pytest.mark.postgres
def test_the_servers_own_default_counts_as_the_settings_do(project: Any) -> None:
    connections.close_all()
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_isolation = 'repeatable read'")
    with old_snapshot():
        assert snapshot_is_old("default")
    connections.close_all()


def test_a_key_that_was_revoked_since_the_transaction_began_is_not_kept(
    isolation: None, project: Any
) -> None:
    """Read in that transaction, it would verify for the whole worker from then on."""
    kid = keyring.ring().signer().kid
    with old_snapshot():
        elsewhere(lambda: keyring.retire(kid, compromised=True))
        keyring.forget()  # as when the worker hears of it
        assert keyring.ring().verifier(kid) is None
    assert keyring.ring().verifier(kid) is None


class Late(APIView):
    """Reads before it asks who is calling; without the middleware that is within the request's transaction."""

    policy = Authenticated()
    between: Callable[[], Any] = staticmethod(lambda: None)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        list(Group.objects.values_list("pk"))
        type(self).between()
        super().initial(request, *args, **kwargs)

    def get(self, request: Request) -> Response:
        return Response({})


def test_a_session_that_ended_since_the_transaction_began_is_not_admitted_by_the_drf_classes_alone(
    isolation: None, alice: User, project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.MIDDLEWARE = []
    project.ROOT_URLCONF = type("Urls", (), {"urlpatterns": [path("late/", Late.as_view())]})
    client = Client(headers={"authorization": f"Bearer {issue(alice).access}"}, raise_request_exception=False)
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    assert client.get("/late/").status_code == 200
    end = staticmethod(lambda: elsewhere(lambda: stockade.end_sessions(alice)))
    monkeypatch.setattr(Late, "between", end)
    assert client.get("/late/").status_code == 401
    monkeypatch.setattr(Late, "between", staticmethod(lambda: None))
    assert client.get("/late/").status_code == 401


def test_a_lost_state_is_not_filled_from_an_old_snapshot(isolation: None, alice: User, project: Any) -> None:
    issue(alice)
    session = Session.objects.get()
    gate = get_gate()
    with old_snapshot():
        elsewhere(lambda: stockade.end_sessions(alice))
        gate.reset()
        loading.ensure_loaded(gate, gate.ask((), ()).marker)
    assert gate.ask((session_key(str(session.pk)),), ()).epochs[0] > 0
