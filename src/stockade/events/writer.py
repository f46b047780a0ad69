"""Empties the backlog into the database from a thread of its own, so that a refusal never waits for SQL."""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from collections.abc import Callable
from typing import Protocol

from stockade.events.backlog import Backlog
from stockade.events.record import Record
from stockade.events.rows import alias, insert_many

BATCH = 500
_IDLE = 30.0  # seconds without an event after which the thread closes its connection
_RETRIES = (
    0.1,
    0.5,
    1.0,
    2.0,
    5.0,
)  # seconds between attempts while the database is away; the last one repeats

_log = logging.getLogger("stockade.events")


class Writer(Protocol):
    """Brings records into the database some time later."""

    backlog: Backlog

    def put(self, record: Record) -> None:
        """Take a record, or drop and count it; never waits, never raises."""
        ...

    def flush(self, timeout: float) -> bool:
        """Wait until what was put before is written or dropped; False if `timeout` seconds did not suffice."""
        ...

    def stop(self, timeout: float) -> bool:
        """Flush and let go of the connection; the next `put` begins anew."""
        ...

    def after_fork(self) -> None:
        """In a forked child: the parent's records are the parent's to write, its thread and locks are not here."""
        ...


class ThreadWriter:
    """Inserts in batches from a daemon thread with a connection of its own; the first record of a process starts it.

    While the database is away it tries again and again, and the backlog overflows instead of growing.

    Args:
        backlog: what waits.
        interval: seconds that records gather before they are inserted together.
        announce: called with the report of drops once it is in the table.
    """

    def __init__(self, backlog: Backlog, interval: float, announce: Callable[[Record], None]) -> None:
        self.backlog, self._interval, self._announce = backlog, interval, announce
        self._lock = threading.Lock()
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def put(self, record: Record) -> None:
        """Take a record, or drop and count it; never waits, never raises."""
        self.backlog.put(record)
        if not self._wake.is_set():
            self._wake.set()
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._stopping:
                thread = threading.Thread(target=self._run, name="stockade-events", daemon=True)
                with contextlib.suppress(
                    RuntimeError
                ):  # the interpreter is shutting down: too late for a thread
                    thread.start()
                    self._thread = thread

    def flush(self, timeout: float) -> bool:
        """Wait until what was put before is written or dropped; False if `timeout` seconds did not suffice."""
        if self._thread is None and not self.backlog and not self.backlog.lost:
            return True
        marker = self.backlog.mark()
        self._start()
        self._hurry.set()
        self._wake.set()
        return marker.passed.wait(timeout)

    def stop(self, timeout: float) -> bool:
        """Flush, end the thread and close its connection; the next `put` starts another."""
        done = self.flush(timeout)
        thread = self._thread
        if thread is None:
            return done
        self._stopping = True
        self._hurry.set()
        self._wake.set()
        thread.join(timeout)
        with self._lock:
            if not thread.is_alive():
                self._thread = None
            self._stopping = False
        return done and not thread.is_alive()

    def after_fork(self) -> None:
        """In a forked child: the parent's records are the parent's to write, its thread and locks are not here."""
        self.backlog.clear()
        self._lock = threading.Lock()
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._thread, self._stopping = None, False

    # -- in the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopping:
                if self._wake.wait(_IDLE):
                    self._hurry.wait(self._interval)
                    self._wake.clear()
                    self._hurry.clear()
                elif not self.backlog.lost:
                    _close_connection()
                    continue
                self._drain()
                if _pooled():  # kept, it would be missing to requests; out of a pool of one for good
                    _close_connection()
        finally:
            _close_connection()

    def _drain(self) -> None:
        for _ in range(len(self.backlog) // BATCH + 1):
            records, markers = self.backlog.take(BATCH)
            report = self.backlog.report(urgent=bool(markers))
            if report is not None:
                records.append(report)
            if records and self._insert(records) and report is not None:
                self._announce(report)
            for marker in markers:
                marker.passed.set()

    def _insert(self, records: list[Record]) -> bool:
        from django.db import InterfaceError, OperationalError, ProgrammingError

        for attempt in itertools.count():
            try:
                insert_many(records, alias())
            except (OperationalError, InterfaceError, ProgrammingError) as error:
                # Away, locked, or not migrated yet.
                if attempt == 0:
                    _log.warning("events wait for the database: %s", type(error).__name__)
                _close_connection()
                if self._stopping:
                    self.backlog.give_back(
                        records
                    )  # a fork stops the thread too, and the next one may succeed
                    return False
                self._hurry.clear()
                self._hurry.wait(_RETRIES[min(attempt, len(_RETRIES) - 1)])
            except Exception as error:  # noqa: BLE001 - one bad row must neither stop the thread nor lose its neighbours
                _log.warning("events could not be inserted: %s", type(error).__name__)
                if len(records) == 1:
                    break
                taken = [self._insert([record]) for record in records]
                return all(taken)
            else:
                return True
        self.backlog.drop(records)
        return False


class HeldWriter:
    """Holds records until `flush`, and inserts them in the calling thread: for tests.

    A thread would meet a test's transaction as a lock, would leave rows behind that no rollback takes back, and its
    connection would keep the test database from being dropped. Inserting at once would be counted as queries of the
    request under test.
    """

    def __init__(self, backlog: Backlog, announce: Callable[[Record], None]) -> None:
        self.backlog, self._announce = backlog, announce

    def put(self, record: Record) -> None:
        """Take a record, or drop and count it; never waits, never raises."""
        self.backlog.put(record)

    def flush(self, timeout: float) -> bool:
        """Insert what is held, on this thread's connection and in its transaction."""
        from django.db import transaction

        records, _ = self.backlog.take(len(self.backlog))
        report = self.backlog.report(urgent=True)
        if report is not None:
            records.append(report)
        if records:
            using = alias()
            with transaction.atomic(using):  # what fails here must not break the test's own transaction
                insert_many(records, using)
        if report is not None:
            self._announce(report)
        return True

    def stop(self, timeout: float) -> bool:
        """Forget what is held: it belongs to a test that is over."""
        self.backlog.clear()
        return True

    def after_fork(self) -> None:
        """Forget what is held: it belongs to the parent."""
        self.backlog.clear()


def _pooled() -> bool:
    from django.db import connections

    options: dict[str, object] = connections[alias()].settings_dict.get("OPTIONS") or {}
    return bool(options.get("pool"))


def _close_connection() -> None:
    from django.db import connections

    with contextlib.suppress(Exception):
        connections[alias()].close()
