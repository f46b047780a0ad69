"""What every state answers to: the one atomic call of a request, and the few writes that keep its copies true.

The state (memory, lmdb, redis) holds two things: how much of each limit is used, and an *epoch* for each subject and
session. An epoch that moved means "read it again from SQL", never "refuse". Nothing here knows SQL.

Keys are bytes that `stockade.gate.keys` builds: a limit's begins with ``l``, a subject's epoch with ``s``, a session's
with ``t``. A gate raises ValueError for a key of another kind, so that no limit can overwrite an epoch.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

DIRTY = -1  # an epoch under change: ask SQL and cache nothing

SLOTS = 60  # of a period, for limits that are counted by slots
EXACT = 60  # up to this N every admission is kept with its own time
MAX_COUNT = 1_000_000_000
MAX_PERIOD = 10 * 366 * 86_400_000_000
MAX_NAME = 100
NOBODY = bytes(4)  # an owner of a state that belongs to no database (tests)
MAX_KEY = 500  # bytes; lmdb takes 511, and the gate's own index needs some of them


def shape_of(shape: int) -> tuple[int, int]:
    """Grain and span of a shape, which is twice the period, plus one where every admission is kept exactly."""
    period, exact = divmod(shape, 2)
    return (1, period) if exact else (-(-period // SLOTS), SLOTS + 1)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` in any window of `period` microseconds.

    The other fields follow from these; they are kept because every request needs them.

    Args:
        name: as in LIMITS, or the view's own; shown in headers and events. 1 to 100 printable characters.
        count: N, from 1 to a thousand million.
        period: P in microseconds, up to ten years.

    Attributes:
        grain: length of a slot in microseconds: 1 up to N = 60 (exact), a sixtieth of P, rounded up, above.
        span: how many grains an admission counts, its own included.
        shape: grain and span in one number (see `shape_of`); what was counted in another shape means nothing in this.
        label: the name as a structured-field string (RFC 9651 section 3.3.3), what is not ASCII percent-encoded.
        policy: what RateLimit-Policy says of it.
        head, tail: what `keys.limit_key` puts before and after whom it counts.
        packed: shape and count, 12 bytes, as a state's script takes them.

    Raises:
        ValueError: the limit cannot be meant; the message says what to write.
    """

    name: str
    count: int
    period: int
    grain: int = field(init=False, repr=False, compare=False)
    span: int = field(init=False, repr=False, compare=False)
    shape: int = field(init=False, repr=False, compare=False)
    label: str = field(init=False, repr=False, compare=False)
    policy: str = field(init=False, repr=False, compare=False)
    head: bytes = field(init=False, repr=False, compare=False)
    tail: bytes = field(init=False, repr=False, compare=False)
    packed: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        name, count, period = self.name, self.count, self.period
        raw = name.encode("utf-8", "replace")
        if not name or not name.isprintable() or len(name) > MAX_NAME or len(raw) > 2 * MAX_NAME:
            raise ValueError(f"{name!r} names no limit. Write 1 to {MAX_NAME} printable characters.")
        if not 0 < count <= MAX_COUNT:
            raise ValueError(
                f"A limit of {count} is none. Write 1 to {MAX_COUNT}; to refuse everyone use a policy."
            )
        if not 0 < period <= MAX_PERIOD:
            raise ValueError("The period of a limit must be above zero and at most ten years.")
        exact = count <= EXACT
        fill = object.__setattr__  # the dataclass is frozen for everyone else
        fill(self, "shape", 2 * period + exact)
        grain, span = shape_of(self.shape)
        fill(self, "grain", grain)
        fill(self, "span", span)
        ascii_name = "".join([chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in raw])
        fill(self, "label", '"' + ascii_name.replace("\\", "\\\\").replace('"', '\\"') + '"')
        fill(self, "policy", f"{self.label};q={count};w={self.seconds}")
        fill(self, "head", b"l" + raw + b"\0")
        # The shape is part of the key: counts of another shape mean something else, so a changed one starts afresh.
        fill(self, "tail", b"\0%d%s" % (period, b"e" if exact else b"s"))
        fill(self, "packed", struct.pack("<QI", self.shape, count))

    @property
    def seconds(self) -> int:
        """The period in whole seconds, rounded up."""
        return -(-self.period // 1_000_000)


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
        lists: the epoch of the lists of addresses and callers (bans); DIRTY while under change.
        marker: the birth marker, b"" while the state is not loaded yet.
        at: the tick at which it was charged; `refund` wants it back.
    """

    refused: int
    wait: int
    remaining: tuple[int, ...]
    reset: tuple[int, ...]
    epochs: tuple[int, ...]
    world: int
    lists: int
    marker: bytes
    at: int


class Mark(NamedTuple):
    """A dirty mark as `stale` reports it: the epoch's key, the writer's token, and when it was set (ticks)."""

    key: bytes
    token: bytes
    at: int


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of one limit key is used; for `lockouts list`."""

    key: bytes
    used: int
    count: int
    reset: int


@dataclass(frozen=True, slots=True)
class StateReport:
    """What a state says of itself, for `stockade check --deploy`. None: it has no such thing, or does not tell.

    Args:
        kind: memory, lmdb or redis.
        loaded: whether it has a birth marker.
        marker: the birth marker, b"" while there is none.
        used, room: bytes in use, and how many there may be.
        bounded: whether it was told how many that are.
        clients, most_clients: connections that it has, and how many it takes.
        clock: microseconds since 1970 by the clock of the server that holds it.
        version: of that server, as it writes it; with its name where it is not Redis.
        run: the id of that server's run.
        role: master or slave.
        cluster: whether it is a part of a cluster.
        replicas: how many are connected.
        eviction: its maxmemory-policy.
        persistence: whether it writes its data to disk.
        min_replicas, max_lag: its min-replicas-to-write, and min-replicas-max-lag in seconds.
        sentinels: how many of the Sentinels that STATE names answered.
        watchers: how many Sentinels know of one another.
        quorum, down_after: of them, the last in milliseconds.
        foreign: a key in its database that is none of ours, if one was found.
        round_trip: microseconds.
    """

    kind: str
    loaded: bool
    marker: bytes = b""
    used: int | None = None
    room: int | None = None
    bounded: bool | None = None
    clients: int | None = None
    most_clients: int | None = None
    clock: int | None = None
    version: str | None = None
    run: str | None = None
    role: str | None = None
    cluster: bool | None = None
    replicas: int | None = None
    eviction: str | None = None
    persistence: bool | None = None
    min_replicas: int | None = None
    max_lag: int | None = None
    sentinels: int | None = None
    watchers: int | None = None
    quorum: int | None = None
    down_after: int | None = None
    foreign: str | None = None
    round_trip: int | None = None


def owner_of(marker: bytes) -> bytes:
    """The owner that `Gate.load` wrote into a marker."""
    return marker[8:12]


class Gate(Protocol):
    """A state. Every method may raise `stockade.core.errors.Unavailable`; the caller fails closed."""

    url: str
    remote: (
        bool  # whether an answer may take long: an event loop awaits `ask_async` then, and never calls `ask`
    )

    def ask(self, epochs: tuple[bytes, ...], charges: tuple[Charge, ...]) -> Verdict:
        """Read epochs and charge limits in one atomic step. Charges all or none."""
        ...

    async def ask_async(self, epochs: tuple[bytes, ...], charges: tuple[Charge, ...]) -> Verdict:
        """`ask` for an event loop."""
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

    def loading(self) -> AbstractContextManager[bool]:
        """Whether the caller may fill the state: one thread of all that share it at a time, while others wait."""
        ...

    def load(self, epochs: Iterable[tuple[bytes, int]], world: int, owner: bytes = NOBODY) -> None:
        """Fill an empty state from SQL (each set if greater), then write a new birth marker, last.

        Args:
            owner: 4 bytes that name the database which the state is a copy of; the marker has them (`owner_of`).
        """
        ...

    def describe(self) -> StateReport:
        """What is known of the state where it runs; for checks, not for requests."""
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
LISTS = (
    b"x"  # the epoch key of the lists; every verdict tells it, so that a change of them reads nobody again
)
