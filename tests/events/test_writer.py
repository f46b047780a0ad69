"""The queue and its thread: bounded, lossless while the database is there, honest about losses when it is not."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import DataError, OperationalError, connection, transaction

from stockade.core import clock
from stockade.events import Event
from stockade.events.backlog import Backlog
from stockade.events.record import Naming, Record, build
from stockade.events.writer import BATCH, ThreadWriter
from stockade.models import SecurityEvent
from tests.servers import child_environment

NAMING = Naming("known", b"")
REFUSAL = Record(Event.AUTHZ_FAIL, 1_700_000_000.0, "failure")
CRITICAL = Record(Event.CREDENTIAL_EXPOSED, 1_700_000_000.0, "failure")
SYSTEM = Record(Event.STATE_LOST, 1_700_000_000.0, "failure")

pytestmark = pytest.mark.django_db(transaction=True)


def report(counts: Counter[str]) -> Record:
    return build(Event.EVENTS_DROPPED, NAMING, reason="database", details=dict(counts))


@pytest.fixture
def announced() -> list[Record]:
    return []


@pytest.fixture
def writer(announced: list[Record]) -> Iterator[Callable[..., ThreadWriter]]:
    made: list[ThreadWriter] = []

    def make(size: int = 10_000, rows: int = 0, interval: float = 0.01) -> ThreadWriter:
        made.append(ThreadWriter(Backlog(size, rows, report), interval, announced.append))
        return made[-1]

    yield make
    for one in made:
        assert one.stop(20)
    clock.unshift()


def count(**filters: Any) -> int:
    return SecurityEvent.objects.filter(**filters).count()


def drops() -> list[dict[str, int]]:
    rows = SecurityEvent.objects.filter(event="sys_events_dropped").order_by("pk")
    return list(rows.values_list("details", flat=True))


def test_everything_put_is_in_the_table_after_a_flush(writer):
    one = writer()
    for _ in range(BATCH * 2 + 7):
        one.put(REFUSAL)
    assert one.flush(20)
    assert count() == BATCH * 2 + 7
    assert len(one.backlog) == 0


def test_rows_keep_their_order(writer):
    one = writer()
    for number in range(1200):
        one.put(Record(Event.AUTHZ_FAIL, float(number), "failure"))
    one.flush(20)
    assert [
        at.timestamp() for at in SecurityEvent.objects.order_by("pk").values_list("at", flat=True)
    ] == list(range(1200))


def test_several_threads_lose_nothing(writer):
    one = writer()
    threads = [threading.Thread(target=lambda: [one.put(REFUSAL) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert one.flush(20)
    assert count() == 4000


def test_flush_of_nothing_starts_no_thread(writer):
    one = writer()
    assert one.flush(0)
    assert one._thread is None


def test_the_thread_is_a_daemon_and_ends_on_stop(writer):
    one = writer()
    one.put(REFUSAL)
    thread = one._thread
    assert thread is not None
    assert thread.daemon
    assert one.stop(20)
    assert not thread.is_alive()
    assert count() == 1
    one.put(REFUSAL)
    assert one.flush(20)
    assert count() == 2


# -- a bounded queue -------------------------------------------------------------------------------------------------


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The database refuses until this is set."""
    from stockade.events import writer as module

    back = threading.Event()
    real = module.insert_many

    def insert_many(records: list[Record], using: str) -> None:
        if not back.is_set():
            raise OperationalError("database is locked")
        real(records, using)

    monkeypatch.setattr(module, "insert_many", insert_many)
    monkeypatch.setattr(module, "_RETRIES", (0.01,))
    yield back
    back.set()


def test_attack_a_flood_cannot_make_the_queue_grow(writer, away):
    one = writer(size=1000)
    for _ in range(50_000):
        one.put(REFUSAL)
    assert len(one.backlog) <= 900
    assert one.backlog.dropped >= 50_000 - 900 - BATCH


def test_attack_a_flood_of_cheap_refusals_does_not_push_out_a_critical_one(writer, away):
    one = writer(size=1000)
    for _ in range(5_000):
        one.put(REFUSAL)
    one.put(CRITICAL)
    away.set()
    assert one.flush(20)
    assert count(event="authn_credential_exposed") == 1


def test_what_was_dropped_is_counted_and_told_when_the_database_is_back(writer, away, announced):
    one = writer(size=100)
    for _ in range(3_000):
        one.put(REFUSAL)
    away.set()
    assert one.flush(20)
    lost = sum(found["authz_fail"] for found in drops())
    assert lost == one.backlog.dropped > 0
    assert count(event="authz_fail") == 3_000 - lost
    assert [record.details["authz_fail"] for record in announced] == [
        found["authz_fail"] for found in drops()
    ]


def test_a_database_that_is_away_loses_nothing_that_fits(writer, away):
    one = writer()
    for _ in range(50):
        one.put(REFUSAL)
    assert not one.flush(0.05)
    assert count() == 0
    away.set()
    assert one.flush(20)
    assert count() == 50
    assert one.backlog.dropped == 0


def begin_a_minute() -> None:
    clock.shift(60 - clock.ticks() / 1_000_000 % 60)


def test_attack_a_flood_of_critical_refusals_fills_the_table_no_more_than_any_other(writer):
    """A stranger writes `?token=eyJ...` as often as he likes, and before any limit is asked."""
    begin_a_minute()
    one = writer(rows=200)
    for _ in range(2_000):
        one.put(CRITICAL)
    one.put(SYSTEM)
    one.put(REFUSAL)
    assert one.flush(20)
    assert count(event="authn_credential_exposed") == 200
    assert count(event="sys_state_lost") == 1  # what Stockade says of itself, no stranger can have it say
    assert count(event="authz_fail") == 1  # the two budgets do not eat each other
    assert sum(found["authn_credential_exposed"] for found in drops()) == 1_800
    clock.shift(60)
    one.put(CRITICAL)
    assert one.flush(20)
    assert count(event="authn_credential_exposed") == 201


def test_attack_a_flood_fills_neither_the_disk_nor_the_table(writer):
    begin_a_minute()
    one = writer(rows=200)
    for _ in range(5_000):
        one.put(REFUSAL)
    one.put(CRITICAL)
    assert one.flush(20)
    assert count(event="authz_fail") == 200
    assert count(event="authn_credential_exposed") == 1
    assert sum(found["authz_fail"] for found in drops()) == 4_800
    clock.shift(60)
    one.put(REFUSAL)
    assert one.flush(20)
    assert count(event="authz_fail") == 201


def test_drops_are_reported_once_a_minute(writer):
    begin_a_minute()
    backlog = writer(rows=1).backlog
    backlog.put(REFUSAL)
    backlog.put(REFUSAL)
    assert backlog.report(urgent=False) is not None
    backlog.put(REFUSAL)
    assert backlog.report(urgent=False) is None
    clock.shift(60)
    found = backlog.report(urgent=False)
    assert found is not None
    assert found.details == {"authz_fail": 1}


def test_one_bad_row_neither_stops_the_thread_nor_takes_its_neighbours_along(writer, monkeypatch):
    from stockade.events import writer as module

    real = module.insert_many

    def insert_many(records: list[Record], using: str) -> None:
        if any(record.reason == "poison" for record in records):
            raise DataError("value too long")
        real(records, using)

    monkeypatch.setattr(module, "insert_many", insert_many)
    one = writer()
    for number in range(20):
        one.put(Record(Event.AUTHZ_FAIL, 1.0, "failure", "poison" if number == 10 else "fine"))
    assert one.flush(20)
    assert count(reason="fine") == 19
    assert one.backlog.dropped == 1
    assert one.flush(20)
    assert drops() == [{"authz_fail": 1}]


# -- locks, forks, ends ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Hold what every insert needs, in this very thread: one that waited for it here would wait for ever."""
    if connection.vendor == "sqlite":
        holder = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")
        holder.close()
    else:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE stockade_securityevent IN ACCESS EXCLUSIVE MODE")
            yield


def test_attack_a_locked_database_does_not_slow_a_request(writer):
    one = writer()
    with locked():
        for _ in range(2_000):
            one.put(REFUSAL)
        assert not one.flush(0.1)
    assert one.flush(30)
    assert count() == 2_000
    assert one.backlog.dropped == 0


def fork_and_write(one: ThreadWriter, before: Callable[[], object] = lambda: None) -> int:
    """Write one critical event from a forked child; the child's exit status."""
    from stockade.events import bus

    bus.state.bus = Holder(one)  # type: ignore[assignment]
    try:
        pid = os.fork()
        if pid == 0:  # pragma: no cover - in the child
            done = False
            try:
                before()
                one.put(CRITICAL)
                done = one.flush(20)
                one.stop(20)
            finally:
                os._exit(0 if done else 1)
        return os.waitpid(pid, 0)[1]
    finally:
        bus.state.bus = None


def test_what_waits_is_written_before_a_fork_and_the_child_has_a_thread_of_its_own(writer):
    one = writer(interval=5.0)  # long enough for the parent's event to be in the queue when it forks
    one.put(REFUSAL)
    assert fork_and_write(one) == 0
    assert one.flush(20)
    assert count(event="authz_fail") == 1
    assert count(event="authn_credential_exposed") == 1


def test_a_forked_child_writes_none_of_its_parents_events(writer, away):
    one = writer()
    for _ in range(10):
        one.put(REFUSAL)
    assert fork_and_write(one, away.set) == 0  # the parent could not write them before
    assert count(event="authz_fail") == 0
    assert count(event="authn_credential_exposed") == 1
    away.set()
    assert one.flush(20)
    assert count(event="authz_fail") == 10
    assert one.backlog.dropped == 0


class Holder:
    """As much of a bus as the fork hooks ask for."""

    log = None

    def __init__(self, writer: ThreadWriter) -> None:
        self.writer = writer


CHILD = """
import django, os, signal, sys
django.setup()
from django.conf import settings
settings.STOCKADE = {"EVENTS": {"SINKS": ["database"], "FLUSH": "1h"}}
from stockade.events import Event, emit
for _ in range(30):
    emit(Event.AUTHZ_FAIL)
if sys.argv[1] == "crash":
    raise RuntimeError("as a worker may")
if sys.argv[1] == "term":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.parametrize("end", ["return", "crash", "term"])
def test_what_waits_is_written_when_the_process_ends(end):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, end],
        env=child_environment(),
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert done.returncode == (1 if end == "crash" else 0), done.stderr
    assert count() == 30


def test_a_process_whose_database_is_gone_ends_all_the_same():
    environment = {**child_environment(), "STOCKADE_TEST_DATABASE_NAME": "/nowhere/db.sqlite3"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, "return"], env=environment, timeout=60, capture_output=True
    )
    assert done.returncode == 0
