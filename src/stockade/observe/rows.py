"""What is counted, and the bytes in which it is kept: a key by hour, a tally of count, first and last."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

HOUR = 3600
LAST_HOUR = 1 << 32
OTHERS = "(others)"  # where there are more different ones than are kept apart
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE"})
_LONGEST = (300, 20, 20, 120)  # bytes of a view, a method, a kind, a reason; lmdb takes 511 for a key
_HEAD = struct.Struct(">I")  # big-endian, so that keys lie in the order of their hours
_TALLY = struct.Struct("<Qdd")


@dataclass(frozen=True, slots=True)
class Row:
    """How often one thing would have been refused.

    Args:
        view: the view's dotted name. Never a path: it may hold what is private.
        method: the HTTP method; ``(others)`` for one that HTTP does not have.
        kind: ``policies``, ``limits``, ``input`` or ``edge``.
        reason: as in events, such as ``undeclared`` or ``limit:user``.
        count: how often.
        first, last: when, in seconds since 1970.
    """

    view: str
    method: str
    kind: str
    reason: str
    count: int
    first: float
    last: float


class Key(NamedTuple):
    """What one tally counts, in one hour since 1970."""

    view: str
    method: str
    kind: str
    reason: str
    hour: int


class Tally:
    """How often, and between when and when. Changed in place: every request counts."""

    __slots__ = ("count", "first", "last")

    def __init__(self, count: int, first: float, last: float) -> None:
        self.count, self.first, self.last = count, first, last

    def add(self, count: int, first: float, last: float) -> None:
        """Count more of the same."""
        self.count += count
        self.first = min(self.first, first)
        self.last = max(self.last, last)

    def pack(self) -> bytes:
        """Its bytes."""
        return _TALLY.pack(self.count, self.first, self.last)


def tally(value: bytes) -> Tally:
    """The tally of these bytes."""
    return Tally(*_TALLY.unpack(value))


def pack(key: Key) -> bytes:
    """The bytes of a key; a name that is longer than any view's is cut."""
    parts = zip(key[:4], _LONGEST, strict=True)
    cut = [part.replace("\0", "").encode("utf-8", "replace")[:most] for part, most in parts]
    return _HEAD.pack(key.hour) + b"\0".join(cut)


def unpack(raw: bytes) -> Key:
    """The key of these bytes."""
    parts = raw[_HEAD.size :].decode("utf-8", "replace").split("\0")
    view, method, kind, reason = parts
    return Key(view, method, kind, reason, hour_of(raw))


def hour_of(raw: bytes) -> int:
    """The hour of a key's bytes."""
    return int(_HEAD.unpack_from(raw)[0])


def since_hour(hour: int) -> bytes:
    """What the keys of `hour` and later ones are not less than."""
    return _HEAD.pack(max(0, min(hour, LAST_HOUR - 1)))
