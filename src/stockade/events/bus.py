"""The way of one event: built and cleaned once, handed to every sink and subscriber, never in a request's way."""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from stockade.conf import configured, load, on_change
from stockade.core.credential import Credential
from stockade.core.principal import Principal
from stockade.events.catalogue import Event, Kind
from stockade.events.conf import SINKS, EventSettings
from stockade.events.log import LogSink
from stockade.events.record import Details, Naming, Record, build
from stockade.events.rows import alias, insert
from stockade.events.sinks import MemorySink, Sink
from stockade.events.writer import Writer

Subscriber = Callable[[Record], object]
F = TypeVar("F", bound=Subscriber)

_log = logging.getLogger("stockade.events")
_SUCCESS, _LIFE = Kind.SUCCESS, Kind.LIFE


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
    """The sinks as configured."""

    def __init__(self) -> None:
        settings = load(EventSettings)
        listed = settings.sinks if configured() else ()  # without STOCKADE we only observe: no table, no log
        self.successes = settings.successes and configured()
        self.naming = Naming(settings.accounts, _naming_key())
        self.log = LogSink(settings.log) if "log" in listed else None
        self.memory = MemorySink() if "memory" in listed else None
        self.writer: Writer | None = None
        if "database" in listed:
            self.writer = Writer(settings.queue, settings.flush, settings.rows, self._report, self._announce)
        # All but the database, which takes LIFE events another way.
        self.sinks: list[Sink] = [sink for sink in (self.log, self.memory) if sink is not None]
        self.sinks += [_import(name) for name in listed if name not in SINKS]
        self.sink_errors = 0

    def write(self, record: Record) -> None:
        """Hand a record to every sink but the database; what a sink raises is counted."""
        for sink in self.sinks:
            try:
                sink.write((record,))
            except Exception as error:  # noqa: BLE001 - a broken sink must not break the request
                if not self.sink_errors:
                    _log.error("sink %s failed: %s", type(sink).__name__, type(error).__name__)
                self.sink_errors += 1

    def _report(self, counts: Counter[str]) -> Record:
        details: dict[str, str | int | float | bool | None] = {
            "total": counts.total(),
            **dict(counts.most_common(15)),
        }
        return build(Event.EVENTS_DROPPED, self.naming, reason="queue", details=details)

    def _announce(self, record: Record) -> None:
        _deliver(self, record)


_bus: Bus | None = None
_bus_lock = threading.Lock()
_quiet = False  # whether success events go nowhere; the one thing that a request without events costs
_subscribers: dict[str, tuple[Subscriber, ...]] = {}
_subscriber_errors: Counter[Subscriber] = Counter()
_inside = threading.local()


def emit(
    event: Event,
    *,
    reason: str = "",
    outcome: str = "",
    status: int | None = None,
    account: str = "",
    principal: Principal | None = None,
    credential: Credential | None = None,
    session: str = "",
    subject: str = "",
    details: Details | None = None,
    using: str | None = None,
) -> None:
    """Record that something happened. Who called and which request it was is taken from the request at hand.

    A refusal's event is written at once and survives the rollback of the request's transaction. An event of the life
    of credentials (`Kind.LIFE`) is a row of the transaction that is open on `using`: if that rolls back there is no
    such event, if it commits there is; sinks other than the database and subscribers get it on commit.

    Args:
        event: from the catalogue.
        reason: machine-readable cause, for example ``limit:login``.
        outcome: ``success``, ``failure`` or ``unknown``; by default what the event means.
        status: HTTP status of the answer that the event decided.
        account: the name that a login was tried with. Give `subject` too if that account exists: only then it is
            written in clear (EVENTS["ACCOUNTS"]), because people type passwords into the wrong field.
        principal: who called, if not the request's.
        credential: what was shown, if not the principal's.
        session: the session's id; never a Django session key.
        subject: whom it is about, if not the principal.
        details: at most 16 texts, numbers and booleans; never a secret.
        using: the database alias of the change that this event belongs to.

    Raises:
        django.db.Error: an event of the life of credentials could not be written; the change must then fail too.
            Nothing else is raised.
    """
    if _quiet and event.kind is _SUCCESS:
        return
    bus = _bus or start()
    if event.kind is _SUCCESS and not bus.successes and event.tag not in _subscribers:
        return
    record = build(
        event,
        bus.naming,
        reason=reason,
        outcome=outcome,
        status=status,
        account=account,
        principal=principal,
        credential=credential,
        session=session,
        subject=subject,
        details=details,
    )
    if event.kind is _LIFE:
        _emit_life(bus, record, using)
        return
    _deliver(bus, record)
    if bus.writer is not None:
        bus.writer.put(record)


def _emit_life(bus: Bus, record: Record, using: str | None) -> None:
    from django.db import transaction

    if bus.writer is not None:
        using = alias(using)
        insert(record, using)
    transaction.on_commit(partial(_deliver, bus, record), using=using)


def _deliver(bus: Bus, record: Record) -> None:
    bus.write(record)
    if _subscribers:
        _notify(record)


def _notify(record: Record) -> None:
    if getattr(_inside, "subscriber", False):
        return  # a subscriber that emits would else call itself for ever
    _inside.subscriber = True
    try:
        for subscriber in _subscribers.get(record.event.tag, ()):
            try:
                subscriber(record)
            except Exception as error:  # noqa: BLE001 - a subscriber must not break the request
                if not _subscriber_errors[subscriber]:
                    _log.error("subscriber %r failed: %s", subscriber, type(error).__name__)
                _subscriber_errors[subscriber] += 1
    finally:
        _inside.subscriber = False


def on(*events: Event) -> Callable[[F], F]:
    """Decorate a function to be called with the `Record` of each of `events` (of every event if none is given).

    It runs in the thread that emitted, for events of the life of credentials after the commit. What it raises is
    counted in `stats` and swallowed. It also gets success events that are not recorded by setting.
    """

    def subscribe(function: F) -> F:
        for event in events or Event:
            _subscribers[event.tag] = (*_subscribers.get(event.tag, ()), function)
        _hush()
        return function

    return subscribe


def off(function: Subscriber) -> None:
    """Have `function` called no more."""
    for tag, functions in list(_subscribers.items()):
        kept = tuple(f for f in functions if f is not function)
        if kept:
            _subscribers[tag] = kept
        else:
            del _subscribers[tag]
    _hush()


def flush(timeout: float = 5.0) -> bool:
    """Wait until every event emitted before is where it belongs.

    Args:
        timeout: seconds to wait at most.

    Returns:
        False if the time did not suffice.
    """
    bus = _bus
    return bus is None or bus.writer is None or bus.writer.flush(timeout)


def reopen() -> None:
    """Open the log file again at the next event, for a SIGHUP handler; rotation is noticed within a second anyway."""
    if _bus is not None and _bus.log is not None:
        _bus.log.reopen()


def stats() -> Stats:
    """Counts of this process."""
    bus = _bus
    return Stats(
        waiting=len(bus.writer) if bus and bus.writer else 0,
        log_dropped=bus.log.dropped if bus and bus.log else 0,
        database_dropped=bus.writer.dropped if bus and bus.writer else 0,
        sink_errors=bus.sink_errors if bus else 0,
        subscriber_errors=_subscriber_errors.total(),
    )


def start() -> Bus:
    """The sinks as configured; made at the first event.

    Raises:
        ConfigurationError: EVENTS is wrong.
    """
    global _bus
    with _bus_lock:
        if _bus is None:
            _bus = Bus()
            _hush()
        return _bus


@on_change
def forget() -> None:
    """Write what waits and drop the sinks; the next event makes them anew from the settings of that time."""
    global _bus, _quiet
    with _bus_lock:
        bus, _bus, _quiet = _bus, None, False
    if bus is not None and bus.writer is not None:
        bus.writer.stop(5.0)


def _hush() -> None:
    global _quiet
    bus = _bus
    _quiet = (
        bus is not None
        and not bus.successes
        and not any(event.kind is _SUCCESS and event.tag in _subscribers for event in Event)
    )


def _import(name: str) -> Sink:
    from django.utils.module_loading import import_string

    sink: Sink = import_string(name)()
    return sink


def _naming_key() -> bytes:
    from django.conf import settings

    return hashlib.sha256(b"stockade.events.account\0" + str(settings.SECRET_KEY).encode()).digest()


def _at_exit() -> None:
    if _bus is not None and _bus.writer is not None:
        _bus.writer.stop(2.0)


def _before_fork() -> None:
    # A thread does not survive a fork, and a connection must not be shared by two processes: end both first.
    if _bus is not None and _bus.writer is not None:
        _bus.writer.stop(1.0)


def _after_fork_in_child() -> None:
    global _bus_lock
    _bus_lock = threading.Lock()
    if _bus is not None and _bus.writer is not None:
        _bus.writer.after_fork()


atexit.register(_at_exit)
os.register_at_fork(before=_before_fork, after_in_child=_after_fork_in_child)
