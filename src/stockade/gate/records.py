"""The bytes that a state keeps for an epoch, its dirty marks, and the birth marker beside the world's epoch.

An epoch is 16 bytes: its number and the tick of its last publication. Marks follow it, so a reader sees from the
length alone that it is under change. The world's record is an epoch behind a 16-byte birth marker: one read tells a
request whether the state is loaded and whether anything that concerns everyone has moved.
"""

from __future__ import annotations

import os
import struct
from functools import lru_cache
from pathlib import Path

from stockade.gate.protocol import DIRTY, Mark

EPOCH = struct.Struct("<QQ")  # number, tick of publication
MARK = struct.Struct("<8sIQQ")  # token, pid and start time of the writer, tick
CLEAN = EPOCH.size
MARKER = 16
NOT_LOADED = bytes(MARKER)
WORLD_CLEAN = MARKER + CLEAN

_epoch = EPOCH.unpack_from


def number(value: bytes | None) -> int:
    """The epoch for readers: 0 if it never moved, DIRTY while marked."""
    if value is None:
        return 0
    return int(_epoch(value)[0]) if len(value) == CLEAN else DIRTY


def raised(value: bytes | None, epoch: int, now: int) -> bytes:
    """The record with `epoch` if that is greater; its marks stay. Republishing renews the tick."""
    if value is None:
        return EPOCH.pack(epoch, now)
    return EPOCH.pack(max(epoch, _epoch(value)[0]), now) + value[CLEAN:]


def marked(value: bytes | None, token: bytes, pid: int, start: int, now: int) -> bytes:
    """The record with a mark of `token` (one for each token, however often it marks)."""
    mark = MARK.pack(token, pid, start, now)
    return mark_taken(value or EPOCH.pack(0, now), token) + mark


def mark_taken(value: bytes, token: bytes) -> bytes:
    """The record without the mark of `token`."""
    if len(value) == CLEAN:
        return value
    step = MARK.size
    kept = [value[at : at + step] for at in range(CLEAN, len(value), step) if value[at : at + 8] != token]
    return value[:CLEAN] + b"".join(kept)


def marks(key: bytes, value: bytes) -> list[tuple[Mark, int, int]]:
    """Each mark with pid and start time of its writer."""
    return [(Mark(key, token, at), pid, start) for token, pid, start, at in MARK.iter_unpack(value[CLEAN:])]


def published(value: bytes) -> int:
    """The tick of the last publication."""
    return int(_epoch(value)[1])


def started(pid: int) -> int:
    """When a process of this pid started, in the kernel's ticks since boot; 0 if none lives.

    With the pid it names one process for good: pids are used again, a pid with its start time is not (proc(5), field
    22 of stat; the name in field 2 may hold spaces and parentheses, so it is cut off first). A zombie is dead.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self").is_dir():
            return 0
        return _alive(pid)
    fields = stat.rpartition(b")")[2].split()
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])


def _alive(pid: int) -> int:
    """1 if the process lives, where there is no /proc (development only)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return 0
    except PermissionError:
        pass
    return 1


@lru_cache(maxsize=4)
def own_start(pid: int) -> int:
    """`started` of this process, read once for each pid (a forked child has another)."""
    return started(pid)
