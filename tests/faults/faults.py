"""The faults that every state has: workers that die, clocks that are set, a database and a state that go away."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.stage import Stage, kill

Take = Callable[[Stage, random.Random], None]  # takes a part away, and returns when it is back
BOUND = 60  # seconds for whatever must come
DOWN = (0.05, 0.6)  # seconds for which a part stays away


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens to a part.

    Args:
        take: does it.
        ready: whether it can be done now; until then it is waited for, and nothing is wrong.
    """

    take: Take
    ready: Callable[[Stage], bool] = lambda stage: True


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Poll, with a bound."""
    deadline = time.monotonic() + BOUND
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not come in {BOUND} s")
        time.sleep(0.01)  # another process decides when


def complete(stage: Stage) -> bool:
    """Whether every worker of every server has been loaded and serves."""
    logs = [server.output() for server in stage.servers]
    return all(log.count("] Started worker-") == log.count("] Spawning worker-") for log in logs)


def mortal(stage: Stage) -> bool:
    """Whether a worker may die: all serve, and one of them at least has lived for a while."""
    return complete(stage) and bool(stage.mortals())


def worker_killed(stage: Stage, chance: random.Random) -> None:
    """SIGKILL to a worker at any moment. Another goes on meanwhile, so the part is back as soon as it is gone."""
    pid = chance.choice(stage.mortals())
    kill(pid)
    wait_for(lambda: pid not in stage.workers(), "the death of a worker")


def worker_dies_after_mark(stage: Stage, chance: random.Random) -> None:
    """A writer dies when its change is announced and not yet committed."""
    _die_at(stage, "after-mark")


def worker_dies_after_commit(stage: Stage, chance: random.Random) -> None:
    """A writer dies between commit and bump."""
    _die_at(stage, "after-commit")


def _die_at(stage: Stage, point: str) -> None:
    before = set(stage.workers())
    stage.controls.arm(point)
    try:
        wait_for(lambda: not before.issubset(stage.workers()), f"a change that dies {point}")
    finally:
        stage.controls.disarm()


def clocks_step(stage: Stage, chance: random.Random) -> None:
    """Wall clocks are set, those of some workers ahead and of others back, by less than CLOCK_SKEW; then put right."""
    stage.controls.step(chance.uniform(-25, 25), chance.uniform(-25, 25))
    time.sleep(chance.uniform(*DOWN))
    stage.controls.step(0, 0)


def postgres_restarted(stage: Stage, chance: random.Random) -> None:
    """The database is stopped with every connection, and recovers."""
    assert stage.postgres is not None
    stage.postgres.stop()
    time.sleep(chance.uniform(*DOWN))
    stage.postgres.start()


def state_emptied(stage: Stage, chance: random.Random) -> None:
    """The state forgets everything, its birth marker included."""
    from stockade.gate.registry import get_gate

    get_gate().reset()


COMMON: dict[str, Fault] = {
    "worker killed": Fault(worker_killed, mortal),
    "worker dies after mark": Fault(worker_dies_after_mark, mortal),
    "worker dies after commit": Fault(worker_dies_after_commit, mortal),
    "clocks step": Fault(clocks_step),
}
POSTGRES: dict[str, Fault] = {"postgres restarted": Fault(postgres_restarted)}
LMDB: dict[str, Fault] = {"state emptied": Fault(state_emptied)}
