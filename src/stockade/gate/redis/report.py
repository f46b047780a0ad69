"""What a Redis and its Sentinels say of themselves, for `stockade check --deploy`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection
from typing import Any

import redis

from stockade.gate import records
from stockade.gate.protocol import WORLD, StateReport
from stockade.gate.redis.address import Address
from stockade.gate.redis.line import Line, Refused, facts
from stockade.gate.redis.master import sentinel_options

_TRIPS = 5


def make(line: Line, address: Address, own: Collection[bytes]) -> StateReport:
    """Ask the server, and the Sentinels that watch it.

    Args:
        line: to the server, which need not be fit.
        address: of STATE.
        own: what keys of ours begin with.

    Raises:
        Broken: the line broke meanwhile. Refused: the user may not run what every worker runs.
    """
    info = facts(line.run(b"INFO"))
    trips = []
    seconds = rest = b"0"
    for _ in range(_TRIPS):
        before = time.perf_counter()
        seconds, rest = line.run(b"TIME")
        trips.append(time.perf_counter() - before)
    name = info.get("server_name", "redis")
    version = info.get("valkey_version" if name == "valkey" else "redis_version", "")
    marker = _marker(line)
    return StateReport(
        "redis",
        bool(marker),
        marker,
        used=int(info["used_memory"]),
        room=int(info["maxmemory"]) or int(info["total_system_memory"]),
        bounded=info["maxmemory"] != "0",
        clients=int(info["connected_clients"]),
        most_clients=int(info["maxclients"]),
        clock=int(seconds) * 1_000_000 + int(rest),
        version=version if name == "redis" else f"{name} {version}",
        run=info["run_id"],
        role=info["role"],
        cluster=info.get("cluster_enabled") == "1",
        replicas=int(info.get("connected_slaves", 0)),
        eviction=info["maxmemory_policy"],
        persistence=info.get("aof_enabled") == "1" or bool(_config(line, b"save")),
        min_replicas=_number(_config(line, b"min-replicas-to-write")),
        max_lag=_number(_config(line, b"min-replicas-max-lag")),
        foreign=_foreign(line, own),
        round_trip=round(sorted(trips)[_TRIPS // 2] * 1_000_000),
        **(_sentinels(address) if address.service else {}),
    )


def _marker(line: Line) -> bytes:
    try:
        marker = records.world(line.run(b"GET", WORLD))[0]
    except Refused:  # a part of a cluster, which does not hold this key
        return b""
    return marker if marker.startswith(line.tag) else b""


def _config(line: Line, name: bytes) -> str | None:
    try:
        found = line.run(b"CONFIG", b"GET", name)
    except Refused:  # an ACL that does not let us look
        return None
    return str(found[1], "utf-8", "replace") if found else None


def _number(text: str | None) -> int | None:
    return int(text) if text else None


def _foreign(line: Line, own: Collection[bytes]) -> str | None:
    cursor = b"0"
    for _ in range(20):
        cursor, keys = line.run(b"SCAN", cursor, b"COUNT", b"500")
        for key in keys:
            if key[:1] not in own:
                return str(key[:40], "utf-8", "replace")
        if cursor == b"0":
            break
    return None


def _sentinels(address: Address) -> dict[str, Any]:
    """What those that answer have in common; where they differ, what most of them say."""
    answers: list[dict[str, Any]] = []
    for host, port in address.hosts:
        client = redis.Redis(host=host, port=port, **sentinel_options(address))
        try:
            found: Any = client.sentinel_master(address.service)
            answers.append(found)
        except (redis.RedisError, OSError):
            continue
        finally:
            client.close()
    if not answers:
        return {"sentinels": 0}

    def most(name: str) -> int:
        return int(Counter([answer[name] for answer in answers]).most_common(1)[0][0])

    return {
        "sentinels": len(answers),
        "watchers": most("num-other-sentinels") + 1,
        "quorum": most("quorum"),
        "down_after": most("down-after-milliseconds"),
    }
