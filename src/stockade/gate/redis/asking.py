"""The one command of a request, as bytes, and its answer as a verdict; for sync and asyncio alike."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from stockade.gate import keys, records, windows
from stockade.gate.keys import check_limit_key
from stockade.gate.protocol import DIRTY, MAX_KEY, WORLD, Charge, Verdict
from stockade.gate.redis import scripts

_LIMIT = keys.LIMIT[0]
_CLEAN = records.CLEAN
_EPOCH = records.EPOCH.unpack
_ONE = (1).to_bytes(4, "little")
_MOST = 0xFFFF_FFFF  # a cost above every limit is refused for good, whatever it is
_new = tuple.__new__  # a NamedTuple's own __new__ costs twice as much


@lru_cache(maxsize=256)
def _template(epochs: int, charges: int, time: bytes) -> bytes:
    """EVALSHA with a place for each key and each limit's argument."""
    count = 1 + epochs + charges
    head = b"*%d\r\n" % (3 + count + 2 + charges)
    body = [b"EVALSHA", scripts.ASK.sha, b"%d" % count, WORLD]
    tail = [b"%d" % epochs, time]
    return b"".join(
        [
            head,
            *[b"$%d\r\n%s\r\n" % (len(part), part) for part in body],
            b"$%d\r\n%b\r\n" * (epochs + charges),
            *[b"$%d\r\n%s\r\n" % (len(part), part) for part in tail],
            b"$16\r\n%b%b\r\n" * charges,
        ]
    )


def command(epochs: tuple[bytes, ...], charges: tuple[Charge, ...], time: bytes) -> bytes:
    """What to send.

    Args:
        time: microseconds as a test has them, b"" for the server's own.

    Raises:
        ValueError: a key or a cost is none.
    """
    parts: list[Any] = []
    for key in epochs:
        parts += (len(key), key)
    arguments: list[bytes] = []
    for limit, key, cost in charges:
        size = len(key)
        if not 0 < size <= MAX_KEY or key[0] != _LIMIT:
            check_limit_key(key)
        parts += (size, key)
        arguments += (limit.packed, _ONE if cost == 1 else cost_of(cost))
    return _template(len(epochs), len(charges), time) % (*parts, *arguments)


def cost_of(cost: int) -> bytes:
    """A cost as the scripts take it. ValueError for one that would give places away."""
    windows.check_cost(cost)
    return min(cost, _MOST).to_bytes(4, "little")


class Reading:
    """Reads answers; keeps what the world's record says, because it hardly ever changes.

    Attributes:
        world: the record as last read, for which run of the server, and what it says. One tuple, because threads
            replace it while others read.
    """

    __slots__ = ("world",)

    def __init__(self) -> None:
        self.world: tuple[bytes | None, bytes, bytes, int, int] = (None, b"", b"", 0, 0)

    def verdict(self, answer: list[Any], epochs: int, tag: bytes) -> Verdict:
        """The verdict in an answer of ask.lua.

        Args:
            epochs: how many were asked for.
            tag: names the run of the server that answered; a marker of another run is none.
        """
        record = answer[3]
        seen, run, marker, world, lists = self.world
        if record != seen or run != tag:
            marker, world, lists = records.world(record)
            if not marker.startswith(tag):
                marker = b""
            self.world = (record, tag, marker, world, lists)
        found = []
        end = 4 + epochs
        for value in answer[4:end]:
            if value is None:
                found.append(0)
            else:
                found.append(_EPOCH(value)[0] if len(value) == _CLEAN else self._odd(value))
        return _new(
            Verdict,
            (
                answer[1],
                answer[2],
                tuple(answer[end::2]),
                tuple(answer[end + 1 :: 2]),
                tuple(found),
                world,
                lists,
                marker,
                answer[0],
            ),
        )

    @staticmethod
    def _odd(value: bytes) -> int:
        """A record that is not a clean epoch's: one with marks, or the world's own."""
        if (len(value) - _CLEAN) % records.MARK.size == 0:
            return DIRTY
        return records.number(value[records.HEAD :])
