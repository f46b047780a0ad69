"""Time that passes when a test says so."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stockade.conf import duration
from stockade.core import clock


class MovingTime:
    """Moves Stockade's clocks: lifetimes, limits, lockouts, the times of events. Python's own clock stands still."""

    def __init__(self) -> None:
        self.moved = 0.0
        self._traveller: Any = None

    def forward(self, time: str | float | datetime.timedelta, *, everywhere: bool = False) -> None:
        """Let time pass.

        Args:
            time: ``"10m"``, seconds or a timedelta.
            everywhere: move Python's clock too (`datetime.now`, `timezone.now`), with the library time-machine.

        Raises:
            ValueError: `time` is no time.
            ModuleNotFoundError: `everywhere` without time-machine installed.
        """
        seconds = duration(time)
        self.moved += seconds
        if everywhere:
            self._travel(seconds)
        else:
            clock.shift(seconds)

    def _travel(self, seconds: float) -> None:
        import time_machine

        if self._traveller is None:
            self._traveller = time_machine.travel(datetime.datetime.now(datetime.UTC), tick=True)
            self._coordinates = self._traveller.start()
        self._coordinates.shift(seconds)
        # The wall clock moves with Python's. The one that limits are counted by does not, so only that is shifted.
        clock.shift(seconds)
        clock._shift -= seconds

    def now(self) -> datetime.datetime:
        """What Stockade takes for now, in UTC."""
        return clock.now_datetime()

    def stop(self) -> None:
        """Bring every clock back."""
        clock.unshift()
        self.moved = 0.0
        if self._traveller is not None:
            self._traveller.stop()
            self._traveller = None


@contextmanager
def moving_time() -> Iterator[MovingTime]:
    """Time that moves by `forward` in the block, and is back to normal after it.

    What the shared state has learned in the time to come is forgotten then.
    """
    from stockade.testing.state import reset

    moving = MovingTime()
    try:
        yield moving
    finally:
        moving.stop()
        reset()
