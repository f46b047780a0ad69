"""What a Redis says of itself, for `stockade check --deploy`."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

from stockade.core.errors import Unavailable
from stockade.gate.protocol import StateReport
from stockade.gate.redis.line import facts, pack


def make(call: Callable[[bytes], Any], marker: bytes, own: Collection[bytes]) -> StateReport:
    """Ask the server.

    Args:
        call: sends a packed command and returns the answer.
        own: what keys of ours begin with.
    """
    info = facts(call(pack(b"INFO")))
    before = time.perf_counter()
    seconds, rest = call(pack(b"TIME"))
    trip = time.perf_counter() - before
    name = info.get("server_name", "redis")
    version = info.get("valkey_version" if name == "valkey" else "redis_version", "")
    return StateReport(
        "redis",
        bool(marker),
        marker,
        used=int(info["used_memory"]),
        room=int(info["maxmemory"]) or int(info["total_system_memory"]),
        clock=int(seconds) * 1_000_000 + int(rest),
        version=version if name == "redis" else f"{name} {version}",
        run=info["run_id"],
        role=info["role"],
        replicas=int(info.get("connected_slaves", 0)),
        eviction=info["maxmemory_policy"],
        persistence=info.get("aof_enabled") == "1" or bool(_config(call, b"save")),
        min_replicas=_number(_config(call, b"min-replicas-to-write")),
        max_lag=_number(_config(call, b"min-replicas-max-lag")),
        foreign=_foreign(call, own),
        round_trip=round(trip * 1_000_000),
    )


def _config(call: Callable[[bytes], Any], name: bytes) -> str | None:
    try:
        found = call(pack(b"CONFIG", b"GET", name))
    except Unavailable:  # an ACL that does not let us look
        return None
    return str(found[1], "utf-8", "replace") if found else None


def _number(text: str | None) -> int | None:
    return int(text) if text else None


def _foreign(call: Callable[[bytes], Any], own: Collection[bytes]) -> str | None:
    cursor = b"0"
    for _ in range(20):
        cursor, keys = call(pack(b"SCAN", cursor, b"COUNT", b"500"))
        for key in keys:
            if key[:1] not in own:
                return str(key[:40], "utf-8", "replace")
        if cursor == b"0":
            break
    return None
