"""Functions of the project that want to hear of events."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from stockade.events.catalogue import Event, Kind
from stockade.events.record import Record

Subscriber = Callable[[Record], object]
F = TypeVar("F", bound=Subscriber)

_log = logging.getLogger("stockade.events")
_subscribers: dict[str, tuple[Subscriber, ...]] = {}
_inside = threading.local()
_listeners: list[Callable[[], None]] = []
errors: Counter[Subscriber] = Counter()


def on(*events: Event) -> Callable[[F], F]:
    """Decorate a function to be called with the `Record` of each of `events` (of every event if none is given).

    It runs in the thread that emitted, for events of the life of credentials after the commit. What it raises is
    counted in `stats` and swallowed. What it emits goes to the sinks but to no subscriber. It also gets success
    events that are not recorded by setting.
    """

    def subscribe(function: F) -> F:
        for event in events or Event:
            _subscribers[event.tag] = (*_subscribers.get(event.tag, ()), function)
        _changed()
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
    _changed()


def notify(record: Record) -> None:
    """Call everyone who wants this record; never raises."""
    interested = _subscribers.get(record.event.tag)
    if not interested or getattr(_inside, "now", False):  # one that emits would else call itself for ever
        return
    _inside.now = True
    try:
        for subscriber in interested:
            try:
                subscriber(record)
            except Exception as error:  # noqa: BLE001 - a subscriber must not break the request
                if not errors[subscriber]:
                    _log.error("subscriber %r failed: %s", subscriber, type(error).__name__)
                errors[subscriber] += 1
    finally:
        _inside.now = False


def wanted(event: Event) -> bool:
    """Whether anyone wants this event."""
    return event.tag in _subscribers


def successes_wanted() -> bool:
    """Whether anyone wants events that are recorded by setting only."""
    return any(event.kind is Kind.SUCCESS and wanted(event) for event in Event)


def on_change(listener: Callable[[], None]) -> Callable[[], None]:
    """Have `listener()` called when subscribers come or go."""
    _listeners.append(listener)
    return listener


def _changed() -> None:
    for listener in _listeners:
        listener()
