"""PgBouncer in transaction mode: outside of transactions each statement may meet another server connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import DatabaseError, connection
from django.test import Client

import stockade
from stockade import keyring
from stockade.gate.keys import subject_key
from stockade.gate.registry import get_gate
from stockade.truth import loading, reconcile

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


@pytest.fixture
def another_each_time() -> Iterator[None]:
    """What a session holds is gone after each statement: cursors, prepared statements, settings, advisory locks."""

    def forget(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        found = execute(sql, params, many, context)
        if not connection.in_atomic_block:
            assert connection.connection is not None
            connection.connection.execute("DISCARD ALL")
            # Django takes every time for UTC, whatever zone the session has; PgBouncer keeps this one for its client.
            connection.connection.execute("SET TIME ZONE 'UTC'")
        return found

    with connection.execute_wrapper(forget):
        yield


def test_a_cursor_of_the_server_does_not_outlive_its_statement(another_each_time: None, alice: User) -> None:
    """Else the test below would prove nothing; and why DISABLE_SERVER_SIDE_CURSORS is asked for."""
    with connection.cursor() as cursor:
        cursor.execute("DECLARE held CURSOR WITH HOLD FOR SELECT id FROM auth_user")  # as `iterator` does
        with pytest.raises(DatabaseError, match="does not exist"):
            cursor.execute("FETCH held")


def test_all_that_we_ask_outside_of_transactions_is_one_statement(
    alice: User, project: Any, another_each_time: None
) -> None:
    project.ROOT_URLCONF = "tests.databases.site"
    client = Client(raise_request_exception=False)

    def post(path: str, **body: Any) -> Any:
        return client.post(path, body, content_type="application/json")

    gate = get_gate()
    loading.ensure_loaded(gate, gate.ask((), ()).marker)
    pair = post("/api/token/", username="alice", password="correct horse battery").json()
    assert post("/api/token/", username="alice", password="wrong").status_code == 401
    headers = {"authorization": f"Bearer {pair['access']}"}
    assert client.get("/editors/", headers=headers).status_code == 200
    refreshed = post("/api/token/refresh/", refresh=pair["refresh"]).json()
    assert client.get("/api/sessions/", headers=headers).status_code == 200
    keyring.rotate(now=True)
    assert post("/api/token/refresh/", refresh=refreshed["refresh"]).status_code == 200
    alice.groups.set([Group.objects.create(name="Others")])
    assert client.get("/editors/", headers=headers).status_code == 403
    stockade.ban("192.0.2.1")
    stockade.unban("192.0.2.1")
    # What a dead writer has left is repaired, under a lock that is waited for no longer than the transaction says.
    gate.mark([subject_key(str(alice.pk))], b"12345678")
    assert reconcile(gate, older=0) == 1
    # And a state that was lost is filled again.
    gate.reset()
    stockade.end_sessions(alice)
    loading.ensure_loaded(gate, gate.ask((), ()).marker)
    assert client.get("/editors/", headers=headers).status_code == 401
