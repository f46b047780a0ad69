"""What stands around a test in every room: nothing that the test before has left, and the security log of this one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stockade import conf, keyring
from stockade.core import clock
from stockade.events import Record
from stockade.events.bus import Delivery, capture, release
from stockade.gate.registry import get_gate


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
