"""What every state answers to: the one atomic call of a request, and the few writes that keep its copies true.

The state (memory, lmdb, redis) holds two things: how much of each limit is used, and an *epoch* for each subject and
session. An epoch that moved means "read it again from SQL", never "refuse". Nothing here knows SQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

DIRTY = -1  # an epoch under change: ask SQL and cache nothing


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` in any window of `period` microseconds.

    Args:
        name: as in LIMITS, or the view's own; shown in headers and events.
        count: N, 1 or more.
        period: P in microseconds.
    """

    name: str
    count: int
    period: int


class Charge(NamedTuple):
    """One limit to be charged: `cost` places of `limit` for `key` (the limit's name and whom it counts, encoded)."""

    limit: Limit
    key: bytes
    cost: int = 1


class Verdict(NamedTuple):
    """The gate's answer to one `ask`.

    Args:
        refused: index of the charge that refused and waits longest, or -1 if all were admitted (then all are charged;
            otherwise none is).
        wait: microseconds until that charge would be admitted; 0 if admitted.
        remaining: for each charge, places left after this answer.
        reset: for each charge, microseconds until its oldest place comes free (0 if nothing is used).
        epochs: for each asked key its epoch, 0 if it never moved, DIRTY while a change is under way.
        world: the epoch of what concerns every subject (keys, groups); DIRTY while under change.
        marker: the birth marker, b"" while the state is not loaded yet.
        at: the tick at which it was charged; `refund` wants it back.
    """

    refused: int
    wait: int
    remaining: tuple[int, ...]
    reset: tuple[int, ...]
    epochs: tuple[int, ...]
    world: int
    marker: bytes
    at: int


class Mark(NamedTuple):
    """A dirty mark as `stale` reports it: the epoch's key, the writer's token, and when it was set (ticks)."""

    key: bytes
    token: bytes
    at: int


class Usage(NamedTuple):
    """How much of one limit key is used; for `lockouts list`."""

    key: bytes
    used: int
    count: int
    reset: int


class Gate(Protocol):
    """A state. Every method may raise `stockade.core.errors.Unavailable`; the caller fails closed."""

    url: str

    def ask(self, epochs: tuple[bytes, ...], charges: tuple[Charge, ...]) -> Verdict:
        """Read epochs and charge limits in one atomic step. Charges all or none."""
        ...

    def refund(self, charges: tuple[Charge, ...], at: int) -> None:
        """Give back places that an admitted `ask` charged at `at`; forgotten ones are ignored."""
        ...

    def mark(self, keys: Iterable[bytes], token: bytes) -> None:
        """Set a dirty mark of this writer on each epoch (before its SQL commits). `token`: 8 bytes."""
        ...

    def publish(self, epochs: Iterable[tuple[bytes, int]], token: bytes) -> None:
        """After the commit: set each epoch if greater, and take this token's mark off it."""
        ...

    def stale(self, older: int) -> list[Mark]:
        """Marks older than `older` microseconds or whose writer is dead: the reconciler bumps and publishes them."""
        ...

    def load(self, epochs: Iterable[tuple[bytes, int]], world: int) -> None:
        """Fill an empty state from SQL (each set if greater), then write a new birth marker, last."""
        ...

    def usage(self, prefix: bytes = b"") -> list[Usage]:
        """What is used of every limit whose key starts with `prefix`."""
        ...

    def clear(self, prefix: bytes) -> int:
        """Forget the use of limits whose key starts with `prefix`; also ends what workers remember of refusals."""
        ...

    def reset(self) -> None:
        """Forget everything, birth marker included (tests, and the demonstration of a lost state)."""
        ...

    def close(self) -> None:
        """Let go of files and connections; the gate opens again by itself when asked."""
        ...


WORLD = b"w"  # the epoch key of everything at once; `mark` and `publish` take it like any other
