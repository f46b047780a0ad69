"""What stands around a test in every room: nothing that the test before has left, and the security log of this one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy

from stockade import conf, keyring
from stockade.core import clock
from stockade.core.context import current
from stockade.events import Record, subscribers
from stockade.events.bus import Delivery, capture, release
from stockade.gate.registry import get_gate
from stockade.vault import read


@contextmanager
def fresh() -> Iterator[None]:
    """A process that knows no settings, no keys and no state, before and after; and whose clock goes right."""
    conf.forget()
    keyring.forget()
    get_gate().reset()
    try:
        yield
    finally:
        get_gate().reset()
        clock.unshift()
        conf.forget()
        keyring.forget()


# What a test leaves behind although no setting has changed: a process that serves keeps what was good last.
_REMEMBERED = (
    (read, ("_used", "_holding", "_asked", "_first", "_judged")),
    (subscribers, ("_subscribers",)),
)


@contextmanager
def as_found() -> Iterator[None]:
    """Leave the process as it was: which secrets the vault gave, whether it serves, who hears of events; no request."""
    before = [(module, name, copy(getattr(module, name))) for module, names in _REMEMBERED for name in names]
    try:
        yield
    finally:
        current.set(None)
        for module, name, value in before:
            if getattr(module, name) == value:
                continue
            if isinstance(value, dict):  # others hold the very dictionary
                getattr(module, name).clear()
                getattr(module, name).update(value)
            else:
                setattr(module, name, value)
            if module is subscribers:
                subscribers._changed()


class Log:
    """Every event from now on that was committed, or that the test's own transaction holds."""

    def __init__(self) -> None:
        self._seen: list[Delivery] = []

    def see(self, delivery: Delivery, /) -> None:
        """Called for each."""
        self._seen.append(delivery)

    def __call__(self, name: str = "") -> list[Record]:
        """The events so far; of one kind if its name is given."""
        kept = [delivery.record for delivery in self._seen if delivery.arrived or delivery.waiting]
        return [record for record in kept if not name or record.event.name == name]


@contextmanager
def listening() -> Iterator[Log]:
    """The security log, from here to the end of the block."""
    found = Log()
    capture(found)
    try:
        yield found
    finally:
        release(found)
