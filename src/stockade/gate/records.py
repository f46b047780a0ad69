"""The bytes that a state keeps for an epoch, its dirty marks, and the birth marker beside the world's epoch.

An epoch is 16 bytes: its number and the tick of its last publication. Marks follow it, so a reader sees from the
length alone that it is under change. The world's record is an epoch behind a 16-byte birth marker and the number of
the lists' epoch: one read tells a request whether the state is loaded and whether anything that concerns everyone has
moved.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from stockade.gate import host
from stockade.gate.protocol import DIRTY, Mark

EPOCH = struct.Struct("<QQ")  # number, tick of publication
WRITER = struct.Struct("<4sII")  # host, pid and start time
MARK = struct.Struct("<8s4sIIQ")  # token; host, pid and start time of the writer; tick
CLEAN = EPOCH.size
MARKER = 16
NOT_LOADED = bytes(MARKER)
LISTED = struct.Struct(
    "<q"
)  # the lists' epoch as readers see it, DIRTY too; it has a record of its own for its marks
HEAD = MARKER + LISTED.size
WORLD_CLEAN = HEAD + CLEAN
NEW_WORLD = NOT_LOADED + LISTED.pack(0)

_epoch = EPOCH.unpack_from


def number(value: bytes | None) -> int:
    """The epoch for readers: 0 if it never moved, DIRTY while marked."""
    if value is None:
        return 0
    return int(_epoch(value)[0]) if len(value) == CLEAN else DIRTY


def world(value: bytes | None) -> tuple[bytes, int, int]:
    """Birth marker (b"" while not loaded), the world's epoch and the lists', of the world's record."""
    if value is None:
        return b"", 0, 0
    marker = value[:MARKER]
    return (
        b"" if marker == NOT_LOADED else marker,
        number(value[HEAD:]),
        int(LISTED.unpack_from(value, MARKER)[0]),
    )


def raised(value: bytes | None, epoch: int, now: int) -> bytes:
    """The record with `epoch` if that is greater; its marks stay. Republishing renews the tick."""
    if value is None:
        return EPOCH.pack(epoch, now)
    return EPOCH.pack(max(epoch, _epoch(value)[0]), now) + value[CLEAN:]


def marked(value: bytes | None, token: bytes, pid: int, now: int) -> bytes:
    """The record with a mark of `token` (one for each token, however often it marks), set by this host's `pid`."""
    mark = token + writer(pid) + now.to_bytes(8, "little")
    return mark_taken(value or EPOCH.pack(0, now), token) + mark


def writer(pid: int) -> bytes:
    """What a mark says of who set it, a process of this host."""
    return WRITER.pack(host.id(), pid, host.own_start(pid))


def check_token(token: bytes) -> None:
    """ValueError unless `token` may name a writer's change."""
    if len(token) != 8:
        raise ValueError("A token is 8 bytes.")


def mark_taken(value: bytes, token: bytes) -> bytes:
    """The record without the mark of `token`."""
    if len(value) == CLEAN:
        return value
    step = MARK.size
    kept = [value[at : at + step] for at in range(CLEAN, len(value), step) if value[at : at + 8] != token]
    return value[:CLEAN] + b"".join(kept)


def stale(records: Iterable[tuple[bytes, bytes]], older: int, now: int) -> list[Mark]:
    """Marks older than `older` microseconds, and those whose writer is dead, as far as this host can tell.

    Args:
        records: epoch keys with their records, marks and all.
    """
    found: list[Mark] = []
    alive: dict[int, int] = {}
    here = host.id()
    for key, value in records:
        for token, writer, pid, start, at in MARK.iter_unpack(value[CLEAN:]):
            if writer == here and pid not in alive:
                alive[pid] = host.started(pid)
            if now - at > older or (writer == here and alive[pid] != start):
                found.append(Mark(key, token, at))
    return found


def published(value: bytes) -> int:
    """The tick of the last publication."""
    return int(_epoch(value)[1])
