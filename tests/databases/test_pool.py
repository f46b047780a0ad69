"""Pooled connections: requests and the threads that ask SQL beside them share few, and none is kept or lost."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction
from django.db.backends.postgresql.psycopg_any import IsolationLevel

from stockade import database, keyring
from stockade.core.errors import Unavailable
from stockade.gate.registry import get_gate
from stockade.models import SecurityEvent
from stockade.truth import loading, reconciler
from tests import servers
from tests.databases.traffic import EXPECTED, Caller, together
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

APPLICATION = "pooled"
PATIENCE = 20  # seconds that a thread waits for a connection of the pool


def served(folder: Path, interface: str, **database: Any) -> Any:
    """One worker with eight threads, on this test's database."""
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.databases.served",
        "STOCKADE_TEST_STATE": str(folder / "state"),
        "STOCKADE_TEST_APPLICATION": APPLICATION,
        "STOCKADE_TEST_OPTIONS": json.dumps(database),
    }
    target = "tests.databases.served:" + ("wsgi" if interface == "wsgi" else "asgi")
    options = ["--blocking-threads", "8"] if interface == "wsgi" else []
    return servers.granian(target, interface=interface, options=options, env=environment)


def opened() -> int:
    """How many connections the served project holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()",
            [APPLICATION],
        )
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("interface", ["wsgi", "asginl"])
def test_requests_and_threads_get_along_with_a_pool_of_one(
    interface: str, tmp_path: Path, make_user: Callable[..., User]
) -> None:
    """Each request holds one in its transaction while the log is written, the state loaded and marks are repaired."""
    names = [f"user{number}" for number in range(6)]
    for name in names:
        make_user(name)
    pool = {"min_size": 1, "max_size": 1, "timeout": 8}
    with served(tmp_path, interface, ATOMIC_REQUESTS=True, OPTIONS={"pool": pool}) as server:
        callers = [Caller(server.base_url, name) for name in names]

        def work(caller: Caller) -> None:
            for _ in range(4):
                caller.round()

        together(callers, work)
        answers = [answer for caller in callers for answer in caller.answers]
        assert [answer for answer in answers if answer[1] != EXPECTED[answer[0]]] == []
        assert len(answers) == 6 * 4 * 7
        until(lambda: SecurityEvent.objects.filter(event="authn_credential_fail").count() >= 24)
        assert opened() <= 1


@pytest.mark.parametrize(
    "database",
    [
        {"CONN_MAX_AGE": None},
        {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True},
        {"OPTIONS": {"pool": {"min_size": 2, "max_size": 4, "timeout": 8}}},
        {"OPTIONS": {"pool": {"min_size": 2, "max_size": 4, "timeout": 8}}, "CONN_HEALTH_CHECKS": True},
    ],
    ids=["kept", "kept-checked", "pooled", "pooled-checked"],
)
def test_connections_that_the_server_has_closed_cost_a_503_at_most_and_are_replaced(
    database: dict[str, Any], tmp_path: Path, make_user: Callable[..., User]
) -> None:
    names = [f"user{number}" for number in range(4)]
    for name in names:
        make_user(name)
    with served(tmp_path, "wsgi", ATOMIC_REQUESTS=True, **database) as server:
        together([Caller(server.base_url, name) for name in names], Caller.round)
        for _ in range(3):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
                    [APPLICATION],
                )
            callers = [Caller(server.base_url, name) for name in names]
            together(callers, Caller.round)
            answers = [answer for caller in callers for answer in caller.answers]
            wrong = [answer for answer in answers if answer[1] not in (503, EXPECTED[answer[0]])]
            assert wrong == []
            if database.get("CONN_HEALTH_CHECKS"):
                # Asked before it is used: only the thread that writes the log may meet a dead one.
                assert [answer for answer in answers if answer[1] == 503] == []

        def recovered() -> bool:
            caller = Caller(server.base_url, names[0])
            caller.round()
            caller.close()
            return all(status == EXPECTED[what] for what, status in caller.answers)

        until(recovered)


# -- in this process ---------------------------------------------------------------------------------------------------


@pytest.fixture
def pool() -> Iterator[Callable[[int], Any]]:
    """Give this process a pool of so many connections."""
    options = connection.settings_dict.setdefault("OPTIONS", {})

    def make(size: int) -> Any:
        connections.close_all()
        options["pool"] = {"min_size": 1, "max_size": size, "timeout": PATIENCE}
        found: Any = connection
        found.ensure_connection()
        return found.pool

    yield make
    reconciler.join()
    connections.close_all()
    found: Any = connection
    found.close_pool()
    del options["pool"]


def test_a_request_that_holds_the_only_connection_does_not_wait_for_a_thread_that_needs_one(
    pool: Callable[[int], Any], project: Any
) -> None:
    """It would wait for itself. The old snapshot of its transaction sends it to another connection."""
    pool(1)
    connection.settings_dict["OPTIONS"]["isolation_level"] = IsolationLevel.REPEATABLE_READ
    try:
        connections.close_all()
        keyring.ring().signer()
        with transaction.atomic():
            User.objects.count()
            keyring.forget()
            began = time.monotonic()
            with pytest.raises(Unavailable):
                keyring.ring()
            assert time.monotonic() - began < PATIENCE
        connections.close_all()
        assert keyring.ring().signer()
    finally:
        del connection.settings_dict["OPTIONS"]["isolation_level"]


def test_every_thread_gives_its_connection_back(pool: Callable[[int], Any], project: Any) -> None:
    found = pool(4)
    gate = get_gate()
    for _ in range(6):  # more than there are connections: one that is lost each time would be missed
        database.aside(User.objects.count)
        reconciler.forget()
        reconciler.reconcile_soon()
        reconciler.join()
        keyring.forget()

        async def in_a_loop() -> None:
            keyring.ring()
            gate.reset()
            loading.ensure_loaded(gate, b"")

        asyncio.run(in_a_loop())
    connections.close_all()
    until(lambda: found.get_stats()["pool_available"] == found.get_stats()["pool_size"])
    until(
        lambda: all(thread.name != "stockade-aside" for thread in threading.enumerate())
    )  # it gives back, then ends
