"""The sinks of this process, as configured: made at the first event, made anew when settings change or after a fork."""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from stockade import conf
from stockade.events import subscribers
from stockade.events.backlog import Backlog
from stockade.events.catalogue import Event
from stockade.events.conf import SINKS, STREAMS, EventSettings
from stockade.events.log import LogSink
from stockade.events.record import Naming, Record, Scalar, build
from stockade.events.sinks import MemorySink, Sink
from stockade.events.writer import HeldWriter, ThreadWriter, Writer

_log = logging.getLogger("stockade.events")


class Delivery(Protocol):
    """A record on its way: `arrived` once it went to the sinks, `waiting` while a transaction holds it back."""

    record: Record

    @property
    def arrived(self) -> bool: ...

    @property
    def waiting(self) -> bool: ...


class Capture(Protocol):
    """Sees every record where it is emitted; for `stockade.testing`."""

    def see(self, delivery: Delivery, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Stats:
    """What became of this process's events, for probes and metrics.

    Args:
        waiting: records in the queue for the database.
        log_dropped, database_dropped: records lost by a sink.
        sink_errors, subscriber_errors: exceptions that were swallowed.
    """

    waiting: int
    log_dropped: int
    database_dropped: int
    sink_errors: int
    subscriber_errors: int


class Bus:
    """The sinks, and what `emit` must know of the settings."""

    def __init__(self) -> None:
        settings = conf.load(EventSettings)
        # Without a STOCKADE setting we only observe: the table may not be there, and nobody asked for a log.
        listed = settings.sinks if conf.configured() else ()
        self.keeps = any(name != "null" for name in listed)
        self.successes = settings.successes and self.keeps
        self.naming = Naming(settings.accounts, naming_key())
        # A test runner writes to the same console; a file is nobody's console.
        shown = settings.log not in STREAMS or settings.log_in_tests or not under_test()
        self.log = LogSink(settings.log, self._log_report) if "log" in listed and shown else None
        self.memory = MemorySink() if "memory" in listed else None
        self.writer: Writer | None = None
        if "database" in listed:
            backlog = Backlog(settings.queue, settings.rows, self._queue_report)
            if under_test():
                self.writer = HeldWriter(backlog, self.deliver)
            else:
                self.writer = ThreadWriter(backlog, settings.flush, self.deliver)
        # All but the database, which does not take every event at once.
        self.sinks: list[Sink] = [sink for sink in (self.log, self.memory) if sink is not None]
        self.sinks += [_import(name) for name in listed if name not in SINKS]
        self.sink_errors = 0

    def deliver(self, record: Record) -> None:
        """Hand a record to every sink but the database and to subscribers; never raises."""
        for sink in self.sinks:
            try:
                sink.write((record,))
            except Exception as error:  # noqa: BLE001 - a broken sink must not break the request
                if not self.sink_errors:
                    _log.error("sink %s failed: %s", type(sink).__name__, type(error).__name__)
                self.sink_errors += 1
        subscribers.notify(record)

    def _queue_report(self, counts: Counter[str]) -> Record:
        details: dict[str, Scalar] = {"total": counts.total(), **dict(counts.most_common(15))}
        return build(Event.EVENTS_DROPPED, self.naming, reason="database", details=details)

    def _log_report(self, count: int) -> Record:
        return build(Event.EVENTS_DROPPED, self.naming, reason="log", details={"total": count})


class State:
    """The one bus of the process, and whether success events go nowhere (all that a request without events asks)."""

    __slots__ = ("bus", "captures", "lock", "quiet")

    def __init__(self) -> None:
        self.bus: Bus | None = None
        self.quiet = False
        self.captures: tuple[Capture, ...] = ()
        self.lock = threading.Lock()


state = State()


def start() -> Bus:
    """The sinks as configured.

    Raises:
        ConfigurationError: EVENTS is wrong.
    """
    with state.lock:
        if state.bus is None:
            state.bus = Bus()
            hush()
        return state.bus


@conf.on_change
def forget() -> None:
    """Write what waits and drop the sinks; the next event makes them anew from the settings of that time."""
    with state.lock:
        bus, state.bus, state.quiet = state.bus, None, False
    if bus is not None and bus.writer is not None:
        bus.writer.stop(5.0)


@subscribers.on_change
def hush() -> None:
    """Work out `quiet`."""
    bus = state.bus
    state.quiet = not (bus is None or bus.successes or state.captures or subscribers.successes_wanted())


def capture(by: Capture) -> None:
    """Show `by` every record from now on, success events included."""
    state.captures = (*state.captures, by)
    hush()


def release(by: Capture) -> None:
    """Show `by` no more."""
    state.captures = tuple(one for one in state.captures if one is not by)
    hush()


def flush(timeout: float = 5.0) -> bool:
    """Wait until every event emitted before is in the database.

    Args:
        timeout: seconds to wait at most.

    Returns:
        False if the time did not suffice.
    """
    bus = state.bus
    return bus is None or bus.writer is None or bus.writer.flush(timeout)


def reopen() -> None:
    """Open the log file again at the next event, for a SIGHUP handler; rotation is noticed within a second anyway."""
    if state.bus is not None and state.bus.log is not None:
        state.bus.log.reopen()


def problem() -> str:
    """Why events cannot be kept as configured, or "" if they can; for the check at start."""
    bus = state.bus or start()
    return bus.log.problem() if bus.log is not None else ""


def stats() -> Stats:
    """Counts of this process."""
    bus = state.bus
    writer = bus.writer if bus is not None else None
    return Stats(
        waiting=len(writer.backlog) if writer else 0,
        log_dropped=bus.log.dropped if bus is not None and bus.log is not None else 0,
        database_dropped=writer.backlog.dropped if writer else 0,
        sink_errors=bus.sink_errors if bus is not None else 0,
        subscriber_errors=subscribers.errors.total(),
    )


def under_test() -> bool:
    """Whether Django's test environment is set up. (That there is a `mail.outbox` says less: any site may keep its
    mail in memory.)
    """
    state = getattr(sys.modules.get("django.test.utils"), "_TestState", None)
    return hasattr(state, "saved_data")


def _import(name: str) -> Sink:
    from django.utils.module_loading import import_string

    sink: Sink = import_string(name)()
    return sink


def naming_key() -> bytes:
    """The key for digests of account names; other than every key that signs or encrypts."""
    from django.conf import settings

    return hashlib.sha256(b"stockade.events.account\0" + str(settings.SECRET_KEY).encode()).digest()


def _at_exit() -> None:
    if state.bus is not None and state.bus.writer is not None:
        state.bus.writer.stop(2.0)


def _before_fork() -> None:
    # A thread does not survive a fork, and a connection must not be shared by two processes: end both first.
    if state.bus is not None and state.bus.writer is not None:
        state.bus.writer.stop(1.0)


def _after_fork_in_child() -> None:
    state.lock = threading.Lock()
    if state.bus is not None:
        if state.bus.writer is not None:
            state.bus.writer.after_fork()
        if state.bus.log is not None:
            state.bus.log.after_fork()


atexit.register(_at_exit)
os.register_at_fork(before=_before_fork, after_in_child=_after_fork_in_child)
