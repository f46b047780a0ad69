"""A bounded queue and the thread that empties it into the database, so that a refusal never waits for SQL."""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from collections import Counter, deque
from collections.abc import Callable

from stockade.core import clock
from stockade.events.catalogue import Level
from stockade.events.record import Record
from stockade.events.rows import alias, insert_many

BATCH = 500
_IDLE = 30.0  # seconds without an event after which the writer closes its connection
_RETRIES = (
    0.1,
    0.5,
    1.0,
    2.0,
    5.0,
)  # seconds between attempts while the database is away; the last one repeats
# An attacker who floods the queue with cheap refusals must not push out the ones that matter.
_RESERVED = 10  # percent of the queue that only critical events may use

_log = logging.getLogger("stockade.events")


class _Marker:
    """Stands in the queue; `passed` is set when everything before it was written or dropped."""

    __slots__ = ("passed",)

    def __init__(self) -> None:
        self.passed = threading.Event()


class Writer:
    """Takes records without waiting and inserts them in batches from a daemon thread with a connection of its own.

    A full queue drops (and counts by event) instead of growing; so does a minute with more than `rows` records. The
    thread starts with the first record of a process, so a forked worker has its own. What was dropped is reported
    by an event once the database takes rows again.

    Args:
        size: how many records may wait.
        interval: seconds that records gather before they are inserted together.
        rows: how many records a minute are taken; 0 for no bound.
        report: makes the record that reports drops, counted by event tag; it is inserted like any other.
        announce: called with that record when it is in the table.
    """

    def __init__(
        self,
        size: int,
        interval: float,
        rows: int,
        report: Callable[[Counter[str]], Record],
        announce: Callable[[Record], None],
    ) -> None:
        self._size, self._interval, self._rows = size, interval, rows
        self._make_report, self._announce = report, announce
        self._open_to_all = size - size * _RESERVED // 100
        self.dropped = 0
        self._fresh()

    def _fresh(self) -> None:
        self._queue: deque[Record | _Marker] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._lost: Counter[str] = Counter()
        self._minute = 0
        self._taken = 0
        self._report_at = 0

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, record: Record) -> None:
        """Take a record, or drop and count it; never waits."""
        waiting = len(self._queue)
        if waiting >= self._open_to_all and (
            waiting >= self._size or record.event.level is not Level.CRITICAL
        ):
            self._drop(record)
            return
        if self._rows and self._over(record):
            self._drop(record)
            return
        self._queue.append(record)
        if not self._wake.is_set():
            self._wake.set()
        if self._thread is None:
            self._start()

    def _over(self, record: Record) -> bool:
        minute = clock.ticks() // 60_000_000
        if minute != self._minute:
            self._minute, self._taken = minute, 0
        if self._taken >= self._rows and record.event.level is not Level.CRITICAL:
            return True
        self._taken += 1
        return False

    def _drop(self, record: Record) -> None:
        self.dropped += 1
        with self._lock:
            self._lost[record.event.tag] += 1
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
        """Wait until what was put before this is written or dropped; False if `timeout` seconds did not suffice."""
        if not self._queue and self._thread is None:
            return True
        marker = _Marker()
        self._queue.append(marker)
        self._start()
        self._hurry.set()
        self._wake.set()
        return marker.passed.wait(timeout)

    def stop(self, timeout: float) -> bool:
        """Flush, then end the thread and close its connection; the next record starts a new one."""
        thread = self._thread
        if thread is None:
            return True
        done = self.flush(timeout)
        self._stopping = True
        self._hurry.set()
        self._wake.set()
        thread.join(timeout)
        with self._lock:
            if self._thread is thread and not thread.is_alive():
                self._thread = None
            self._stopping = False
        return done and not thread.is_alive()

    def after_fork(self) -> None:
        """In a forked child: the parent's records are the parent's to write, its thread and locks are not here."""
        self._fresh()

    # -- in the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopping:
                if self._wake.wait(_IDLE):
                    self._hurry.wait(self._interval)
                    self._wake.clear()
                    self._hurry.clear()
                elif not self._lost:
                    _close_connection()
                    continue
                self.drain()
        finally:
            _close_connection()

    def drain(self) -> None:
        """Insert what is queued now, batch by batch."""
        for _ in range(len(self._queue) // BATCH + 1):
            markers, batch = self._take()
            report = self._report(urgent=bool(markers))
            self._insert(batch if report is None else [*batch, report], report)
            for marker in markers:
                marker.passed.set()

    def _take(self) -> tuple[list[_Marker], list[Record]]:
        markers: list[_Marker] = []
        batch: list[Record] = []
        with contextlib.suppress(IndexError):
            while len(batch) < BATCH:
                found = self._queue.popleft()
                if isinstance(found, _Marker):
                    markers.append(found)
                else:
                    batch.append(found)
        return markers, batch

    def _report(self, urgent: bool) -> Record | None:
        """What was lost since the last report; one a minute, so that a flood does not fill the table with reports."""
        if not self._lost or not (urgent or clock.ticks() >= self._report_at):
            return None
        with self._lock:
            lost, self._lost = self._lost, Counter()
        self._report_at = clock.ticks() + 60_000_000
        return self._make_report(lost)

    def _insert(self, batch: list[Record], report: Record | None) -> None:
        from django.db import InterfaceError, OperationalError, ProgrammingError

        for attempt in itertools.count():
            if not batch:
                return
            try:
                insert_many(batch, alias())
            except (OperationalError, InterfaceError, ProgrammingError) as error:
                # Away, locked, or not migrated yet. The queue is bounded, so waiting costs nothing but its overflow.
                if attempt == 0:
                    _log.warning("events wait for the database: %s", type(error).__name__)
                _close_connection()
                if self._stopping:
                    self._discard(batch)
                    return
                self._hurry.clear()
                self._hurry.wait(_RETRIES[min(attempt, len(_RETRIES) - 1)])
            except Exception as error:  # noqa: BLE001 - one bad row must neither stop the thread nor lose its neighbours
                _log.warning("events could not be inserted together: %s", type(error).__name__)
                batch = self._one_by_one(batch)
            else:
                if report is not None:
                    self._announce(report)
                return

    def _one_by_one(self, batch: list[Record]) -> list[Record]:
        for record in batch:
            try:
                insert_many([record], alias())
            except Exception as error:  # noqa: BLE001 - as above
                _log.warning("an event could not be inserted: %s", type(error).__name__)
                self._discard([record])
        return []

    def _discard(self, batch: list[Record]) -> None:
        self.dropped += len(batch)
        with self._lock:
            self._lost.update(record.event.tag for record in batch)


def _close_connection() -> None:
    from django.db import connections

    with contextlib.suppress(Exception):
        connections[alias()].close()
