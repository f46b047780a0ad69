"""Events as a test wants to see them: a list of what was emitted, with questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import overload

from stockade.events import Event, Kind, Record
from stockade.events.bus import Delivery, capture, release


class CapturedEvents(Sequence[Record]):
    """The records emitted so far, oldest first, whatever EVENTS says of sinks and successes.

    An event of the life of credentials is in it while its transaction may still commit, so that it is seen in a test
    that runs in a transaction of its own, and is gone when that is rolled back. Events of Stockade about itself
    (`Kind.SYSTEM`) are left out but for `of` and `one` with their name.
    """

    def __init__(self) -> None:
        self._deliveries: list[Delivery] = []

    def see(self, delivery: Delivery, /) -> None:
        """Called by `emit`."""
        self._deliveries.append(delivery)

    def _all(self) -> list[Record]:
        return [one.record for one in self._deliveries if one.arrived or one.waiting]

    def _usual(self) -> list[Record]:
        return [record for record in self._all() if record.event.kind is not Kind.SYSTEM]

    def of(self, *events: Event) -> list[Record]:
        """Those of `events`."""
        return [record for record in self._all() if record.event in events]

    def one(self, event: Event | None = None) -> Record:
        """The only one (of `event`).

        Raises:
            AssertionError: there is none, or more than one; the message lists what there is.
        """
        found = self._usual() if event is None else self.of(event)
        if len(found) != 1:
            what = "event" if event is None else event.name
            raise AssertionError(f"expected one {what}, found {len(found)} in {self!r}")
        return found[0]

    def clear(self) -> None:
        """Forget what was emitted so far."""
        self._deliveries.clear()

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...

    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        return self._usual()[index]

    def __len__(self) -> int:
        return len(self._usual())

    def __iter__(self) -> Iterator[Record]:
        return iter(self._usual())

    def __repr__(self) -> str:
        return (
            f"[{', '.join(f'{r.event.name}({r.reason})' if r.reason else r.event.name for r in self._all())}]"
        )


@contextmanager
def capture_events() -> Iterator[CapturedEvents]:
    """Capture every event that this process emits in the block."""
    captured = CapturedEvents()
    capture(captured)
    try:
        yield captured
    finally:
        release(captured)
