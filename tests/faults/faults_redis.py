"""What happens to a Redis: it is emptied, killed, restored, stopped, filled, and cut off in the middle of a word."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults.controls import CUT, DELAY, PASS, REFUSE, SWALLOW, Controls
from tests.faults.faults import DOWN, Fault
from tests.faults.proxy import proxy_before
from tests.faults.stage import Stage
from tests.state_servers import Server, redis_server

BUSY = (0.3, 1.3)  # seconds for which the server does nothing else: below and above the gate's patience
ROUNDS = 60_000_000  # of an empty loop in Lua, in about a second


def server(stage: Stage) -> Server:
    found: Server = stage.state["server"]
    return found


def flushed(stage: Stage, chance: random.Random) -> None:
    """FLUSHALL: everything is gone, and the server is the same."""
    server(stage).run("FLUSHALL")


def killed(stage: Stage, chance: random.Random) -> None:
    """SIGKILL; it comes back empty."""
    redis = server(stage)
    redis.kill()
    (redis.folder / "dump.rdb").unlink(missing_ok=True)
    time.sleep(chance.uniform(*DOWN))
    redis.start()


def restored(stage: Stage, chance: random.Random) -> None:
    """SIGKILL; it comes back as it was some revocations ago, birth marker and all."""
    redis = server(stage)
    redis.run("SAVE")
    time.sleep(chance.uniform(0.3, 0.8))
    redis.kill()
    redis.start()
    (redis.folder / "dump.rdb").unlink()


def busy(stage: Stage, chance: random.Random) -> None:
    """Somebody's script takes long: everybody waits. (Its clock stands still, so it counts.)"""
    rounds = round(chance.uniform(*BUSY) * ROUNDS)
    server(stage).run("EVAL", "for i = 1, tonumber(ARGV[1]) do end", "0", str(rounds))


def busy_and_said(stage: Stage, chance: random.Random) -> None:
    """A script that does not end: after a while the server answers BUSY, until the script is killed."""
    redis = server(stage)
    redis.run("CONFIG", "SET", "busy-reply-threshold", "50")
    script = threading.Thread(target=_endless, args=(redis,), daemon=True)
    script.start()
    time.sleep(0.1 + chance.uniform(*DOWN))
    redis.run("SCRIPT", "KILL")
    script.join(30)
    redis.run("CONFIG", "SET", "busy-reply-threshold", "5000")


def _endless(redis: Server) -> None:
    from redis.exceptions import RedisError

    with contextlib.suppress(RedisError):  # it is told that it was killed
        redis.run("EVAL", "while true do end", "0")


def paused(stage: Stage, chance: random.Random) -> None:
    """The server takes commands and answers none."""
    wait = chance.uniform(*BUSY)
    server(stage).run("CLIENT", "PAUSE", str(round(wait * 1000)), "ALL")
    time.sleep(wait)


def stopped(stage: Stage, chance: random.Random) -> None:
    """SIGSTOP, and SIGCONT."""
    redis = server(stage)
    redis.stop()
    time.sleep(chance.uniform(*BUSY))
    redis.go_on()


def full(stage: Stage, chance: random.Random) -> None:
    """No memory is left, and nothing may be evicted."""
    redis = server(stage)
    redis.run("CONFIG", "SET", "maxmemory", "1")
    time.sleep(chance.uniform(*DOWN))
    redis.run("CONFIG", "SET", "maxmemory", "0")


def _wire(what: int, amounts: tuple[int, int], seconds: tuple[float, float] = DOWN) -> Fault:
    def take(stage: Stage, chance: random.Random) -> None:
        stage.controls.wire(what, chance.randint(*amounts))
        time.sleep(chance.uniform(*seconds))
        stage.controls.wire(PASS)

    return Fault(take)


FAULTS: dict[str, Fault] = {
    "flushed": Fault(flushed),
    "killed and empty": Fault(killed),
    "old snapshot": Fault(restored),
    "slow script": Fault(busy),
    "endless script": Fault(busy_and_said),
    "paused": Fault(paused),
    "stopped": Fault(stopped),
    "full memory": Fault(full),
    "cut in mid-reply": _wire(CUT, (0, 200)),
    "replies swallowed": _wire(SWALLOW, (0, 0), BUSY),
    "replies delayed": _wire(DELAY, (5, 1500), BUSY),
    "cut off": _wire(REFUSE, (0, 0)),
}


@contextlib.contextmanager
def alone(folder: Path, kind: str) -> Iterator[tuple[str, dict[str, Fault], dict[str, Any]]]:
    """One server behind a proxy: the URL of the proxy, what may happen, and the server."""
    Controls(folder / "controls")
    place = folder / kind
    place.mkdir()
    with redis_server(kind, folder=place) as found, proxy_before(found.port, folder / "controls") as port:
        yield f"redis://127.0.0.1:{port}/0", dict(FAULTS), {"server": found}
