"""Which host, and which process of it, this is: names that no other host and no later process has."""

from __future__ import annotations

import os
import platform
from functools import lru_cache
from hashlib import sha256
from pathlib import Path


def boot_id() -> str:
    """A name of this boot of the machine; off Linux, for development, one that never changes."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def namespaces() -> tuple[str, ...]:
    """The namespaces whose pids and ticks this process sees."""
    found = []
    for kind in ("pid", "time"):
        try:
            found.append(str(Path(f"/proc/self/ns/{kind}").readlink()))
        except OSError:
            continue
    return tuple(found)


@lru_cache(maxsize=1)
def id() -> bytes:
    """4 bytes that name this boot of this host and its PID namespace: only within these does a pid name a process."""
    parts = (boot_id(), platform.node(), *namespaces())
    return sha256("\0".join(parts).encode()).digest()[:4]


def started(pid: int) -> int:
    """When a process of this pid started, in the kernel's ticks since boot; 0 if none lives.

    With the pid it names one process: pids are used again, a pid with its start time is not (proc(5), field
    22 of stat, here its low 32 bits; the name in field 2 may hold spaces and parentheses, so it is cut off first). A
    zombie is dead.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self").is_dir():
            return 0
        return _alive(pid)
    fields = stat.rpartition(b")")[2].split()
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19]) & 0xFFFFFFFF


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
