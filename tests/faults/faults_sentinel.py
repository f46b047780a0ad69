"""Fail-overs: a master that dies with writes that nobody else has, and one that comes back and does not know better."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from tests.faults.faults import DOWN, Fault
from tests.faults.sentinels import Group, sentinel_group
from tests.faults.stage import Stage


def group(stage: Stage) -> Group:
    found: Group = stage.state["group"]
    return found


def whole(stage: Stage) -> bool:
    """Whether the last fail-over is over, with everything that Sentinels do after one."""
    try:
        return group(stage).is_whole()
    except (RedisError, OSError):
        return False


def lost_writes(stage: Stage, chance: random.Random) -> None:
    """The master takes writes that its replicas do not get, then dies; another knows nothing of it."""
    servers = group(stage)
    old = servers.master()
    old.run("CONFIG", "SET", "min-replicas-to-write", "0")
    servers.cut(old)
    time.sleep(chance.uniform(*DOWN))
    old.kill()
    new = servers.await_other(old)
    old.start()
    servers.follow(old, new)


def stale_master(stage: Stage, chance: random.Random) -> None:
    """The master stands still, another takes its place, and it wakes up and takes itself for the master."""
    servers = group(stage)
    old = servers.master()
    old.stop()
    try:
        new = servers.await_other(old)
    finally:
        old.go_on()
    time.sleep(chance.uniform(0.5, 1.5))
    servers.follow(old, new)


FAULTS: dict[str, Fault] = {
    "fail-over with lost writes": Fault(lost_writes, whole),
    "fail-over and a stale master": Fault(stale_master, whole),
}


@contextlib.contextmanager
def guarded(folder: Path, kind: str) -> Iterator[tuple[str, dict[str, Fault], dict[str, Any]]]:
    """A group behind Sentinels: its URL, what may happen, and the group."""
    place = folder / "sentinel"
    place.mkdir()
    with sentinel_group(place, kind) as found:
        yield found.url, dict(FAULTS), {"group": found}
