"""PostgreSQL stops and starts again under load: the announced 503 meanwhile, nothing else, and then full service."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from tests.databases.replica import programs
from tests.databases.test_pool import served
from tests.databases.traffic import EXPECTED, Answer, Caller, together
from tests.faults.postgres import Postgres, postgres_server
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

NAMES = [f"user{number}" for number in range(4)]


@pytest.fixture
def own_server(make_user: Any) -> Iterator[tuple[Postgres, str]]:
    """A server that may be stopped, with a copy of this test's database; the run's own serves other tests."""
    for name in NAMES:
        make_user(name)
    source = connection.settings_dict
    with (
        tempfile.TemporaryDirectory(prefix="stockade-restart-") as folder,
        postgres_server(Path(folder) / "data") as server,
    ):
        host = str(server.settings("x")["HOST"])
        server.execute('CREATE DATABASE "restarted"')
        dump = subprocess.run(
            [str(programs() / "pg_dump"), "-h", source["HOST"], "-U", "postgres", source["NAME"]],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        subprocess.run(
            [str(programs() / "psql"), "-q", "-h", host, "-U", "postgres", "-d", "restarted"],
            input=dump.stdout, check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        yield server, host


def wait_for(callers: list[Caller], answer: Answer) -> None:
    """Until each of them has had this answer once more."""
    for caller in callers:
        seen = len(caller.answers)
        until(lambda caller=caller, seen=seen: answer in caller.answers[seen:])  # type: ignore[misc]


@pytest.mark.parametrize(
    "database",
    [
        {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True},
        # As docs/how-to/postgresql.md says: a pool that waits longer to connect again each time comes back late.
        {
            "OPTIONS": {"pool": {"min_size": 2, "max_size": 4, "timeout": 1, "reconnect_timeout": 1}},
            "CONN_HEALTH_CHECKS": True,
        },
    ],
    ids=["kept", "pooled"],
)
def test_a_restart_under_load(
    database: dict[str, Any], own_server: tuple[Postgres, str], tmp_path: Path
) -> None:
    postgres, host = own_server
    stop = threading.Event()
    back = threading.Event()
    where = {"HOST": host, "NAME": "restarted"}
    with served(tmp_path, "wsgi", ATOMIC_REQUESTS=True, **where, **database) as server:
        callers = [Caller(server.base_url, name) for name in NAMES]

        def work(caller: Caller) -> None:
            while not stop.is_set():
                caller.round()

        def restart() -> None:
            try:
                until(lambda: all(len(caller.answers) > 7 for caller in callers))
                postgres.stop()
                wait_for(callers, ("login", 503))
                postgres.start()
                wait_for(callers, ("revoke", 204))
                back.set()
            finally:
                stop.set()

        thread = threading.Thread(target=restart)
        thread.start()
        together(callers, work)
        thread.join()
        assert back.is_set()
        answers = [answer for caller in callers for answer in caller.answers]
        assert [answer for answer in answers if answer[1] not in (503, EXPECTED[answer[0]])] == []
        assert [answer for answer in answers if answer[1] == 503] != []  # else it was never away
        assert User.objects.count() == len(NAMES)
