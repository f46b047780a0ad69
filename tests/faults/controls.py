"""A page of memory that the driver and all workers share: how far clocks were set, and where to die."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

_LAYOUT = struct.Struct("=dd")  # how far the wall clocks of even and of odd process ids are off, in seconds
_DIE = _LAYOUT.size  # one byte: the point at which the next worker that comes by dies
_BEGUN = _DIE + 1  # one byte: whether the first workers have all started
_WIRE = struct.Struct("=BI")  # what the proxy does to answers, and how much of it
_WIRE_AT = 64
SIZE = 4096
YOUNG = 7.0  # seconds: a worker that took another's place is not killed before

POINTS = {"after-mark": 1, "after-commit": 2}
PASS, CUT, SWALLOW, DELAY, REFUSE = range(5)  # what the proxy may do to what a server answers


class Controls:
    """Args: path: of the page's file, made if it is not there."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(SIZE))
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), SIZE)

    def offset(self, pid: int) -> float:
        """Seconds that the wall clock of a process is off."""
        return float(_LAYOUT.unpack_from(self._page)[pid % 2])

    def step(self, even: float, odd: float) -> None:
        """Set the wall clocks of all workers, two ways, as of two hosts."""
        _LAYOUT.pack_into(self._page, 0, even, odd)

    @property
    def begun(self) -> bool:
        """Whether a worker that starts now takes the place of another."""
        return self._page[_BEGUN] != 0

    def begin(self) -> None:
        """The first workers have started."""
        self._page[_BEGUN] = 1

    def arm(self, point: str) -> None:
        """Have the next worker that passes a point die there."""
        self._page[_DIE] = POINTS[point]

    def disarm(self) -> bool:
        """Take that back; whether it was still armed."""
        armed = self._page[_DIE] != 0
        self._page[_DIE] = 0
        return armed

    def dies(self, point: str) -> bool:
        """Whether this process is the one that dies here."""
        if self._page[_DIE] != POINTS[point]:
            return False
        self._page[_DIE] = 0
        return True

    def wire(self, what: int, amount: int = 0) -> None:
        """Tell the proxy what to do to answers.

        Args:
            what: CUT the connection after `amount` bytes, SWALLOW them, DELAY them by `amount` milliseconds, REFUSE
                connections, or PASS.
        """
        _WIRE.pack_into(self._page, _WIRE_AT, what, amount)

    def on_wire(self) -> tuple[int, int]:
        """What the proxy has been told."""
        what, amount = _WIRE.unpack_from(self._page, _WIRE_AT)
        return int(what), int(amount)
