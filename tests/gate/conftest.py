"""One state of each kind for every test of the conformance suite, each with a clock that the test moves."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from stockade.gate import places
from stockade.gate.base import LocalGate
from stockade.gate.lmdb import LmdbGate
from stockade.gate.memory import MemoryGate
from stockade.gate.redis.address import parse
from stockade.gate.redis.gate import RedisGate
from tests.gate.oracle import Clock
from tests.state_servers import Server, redis_server

MAP = 16 << 20
SERVERS = ("redis", "valkey")


@pytest.fixture(scope="session")
def disk() -> Iterator[Path]:
    """A folder on a real disk: the state refuses to lie in memory, where a temporary folder may be."""
    for base in (tempfile.gettempdir(), "/var/tmp", Path.cwd()):
        if places.suits(Path(base)):
            with tempfile.TemporaryDirectory(prefix="stockade-gate-", dir=base) as found:
                yield Path(found)
            return
    raise AssertionError("no folder on a disk")


@pytest.fixture
def folder(disk: Path) -> Path:
    """An empty folder on a disk, of this test alone."""
    return Path(tempfile.mkdtemp(dir=disk))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "lmdb", "redis", "valkey"])
def kind(request: pytest.FixtureRequest) -> str:
    """Every state; a further one joins the conformance suite here."""
    return str(request.param)


@pytest.fixture(scope="session")
def servers(disk: Path) -> Iterator[dict[str, Server]]:
    """One server of each kind; a test begins with an empty state."""
    with ExitStack() as stack:
        yield {
            kind: stack.enter_context(redis_server(kind, folder=Path(tempfile.mkdtemp(dir=disk))))
            for kind in SERVERS
        }


@pytest.fixture
def make_gate(
    kind: str, folder: Path, clock: Clock, request: pytest.FixtureRequest
) -> Iterator[Callable[..., LocalGate]]:
    """Makes gates of the kind under test over one and the same place; they are closed at the end."""
    made: list[LocalGate] = []

    def make(**options: Any) -> LocalGate:
        gate: LocalGate
        if kind == "memory":
            gate = MemoryGate(ticks=clock, **options)
        elif kind in SERVERS:
            gate = RedisGate(parse(request.getfixturevalue("servers")[kind].url), ticks=clock, **options)
            if not made:
                gate.reset()
        else:
            gate = LmdbGate(folder / "state", ticks=clock, **{"map_size": MAP, **options})
        made.append(gate)
        return gate

    yield make
    for gate in made:
        gate.close()


@pytest.fixture
def gate(make_gate: Callable[..., LocalGate]) -> LocalGate:
    return make_gate()


@pytest.fixture
def lmdb_gate(folder: Path, clock: Clock) -> Iterator[LmdbGate]:
    gate = LmdbGate(folder / "state", ticks=clock, map_size=MAP, timeout=0.3)
    yield gate
    gate.close()


def wait_for(pid: int) -> int:
    """The exit status of a child."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
