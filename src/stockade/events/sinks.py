"""Where records go: the protocol that every sink answers to, and the two that need nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from stockade.events.record import Record


class Sink(Protocol):
    """Keeps records. Called in the request, after the answer is decided: be quick, and do not raise.

    A class named in EVENTS["SINKS"] is made without arguments. It may also have `flush(timeout: float) -> bool` and
    `close()`; what `write` raises is counted and swallowed.
    """

    def write(self, records: Sequence[Record], /) -> None:
        """Keep `records`, oldest first."""
        ...


class NullSink:
    """Keeps nothing."""

    def write(self, records: Sequence[Record], /) -> None:
        """Do nothing."""


class MemorySink:
    """Keeps the last records of this process, for tests and for looking around.

    Args:
        size: how many.
    """

    def __init__(self, size: int = 10_000) -> None:
        self.records: deque[Record] = deque(maxlen=size)

    def write(self, records: Sequence[Record], /) -> None:
        """Remember `records`."""
        self.records.extend(records)
