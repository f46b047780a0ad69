"""A Redis that goes away at the worst moment: in mid-load, or between a revocation and its confirmation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stockade.core.errors import Unavailable
from stockade.gate.keys import subject_key
from stockade.gate.redis import gate as module
from stockade.gate.redis.address import parse
from stockade.gate.redis.gate import RedisGate
from stockade.gate.redis.line import Broken, refuse_unfit
from tests.gate.test_redis import synced, until_answered
from tests.state_servers import Server, redis_server

ALICE, BOB = subject_key("alice"), subject_key("bob")
ONE = b"writer-1"
HANGS = 1.0  # s; after which a gate gives a server up that hangs


@pytest.fixture
def redis(folder: Path) -> Iterator[Server]:
    with redis_server("redis", folder=folder) as found:
        yield found


@pytest.fixture
def gate(redis: Server) -> Iterator[RedisGate]:
    gate = RedisGate(parse(redis.url), timeout=HANGS)
    yield gate
    gate.close()


def test_a_server_that_restarts_while_it_is_loaded_does_not_pass_for_loaded(
    redis: Server, gate: RedisGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the revocations went to a run of before; a dump brings the load's own beginning back."""
    monkeypatch.setattr(module, "_CHUNK", 1)
    gate.load([], 1)  # a state that was loaded once, and is in the dump
    redis.run("SAVE")
    redis.restart()

    def rows() -> Iterator[tuple[bytes, int]]:
        yield ALICE, 5  # a revocation
        redis.restart()
        yield BOB, 5

    with pytest.raises(Unavailable):
        gate.load(rows(), 1)
    until_answered(gate)
    assert gate.ask((ALICE,), ()).marker == b""
    gate.load([(ALICE, 5), (BOB, 5)], 1)
    assert gate.ask((ALICE, BOB), ()).epochs == (5, 5)
    assert gate.ask((), ()).marker


def test_what_is_told_while_sql_is_read_is_not_lost_with_the_state(redis: Server, gate: RedisGate) -> None:
    """Read, then a revocation, then the state is wiped: what was read knows nothing of it."""
    other = RedisGate(parse(redis.url), timeout=HANGS)
    with gate.loading() as mine:
        assert mine
        read = [(ALICE, 1)]  # from SQL
        other.publish([(ALICE, 2)], ONE)
        redis.run("FLUSHALL")
        with pytest.raises(Unavailable):
            gate.load(read, 1)
    assert other.ask((ALICE,), ()).marker == b""
    other.close()


def test_a_replica_of_another_connection_confirms_nothing(
    redis: Server, folder: Path, gate: RedisGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WAIT asks about what its own connection has written: on a new one it says yes to everybody.

    So does the new master, when the old one, which took the revocation, is found out and ends its connections.
    """
    options = {"replicaof": f"127.0.0.1 {redis.port}"}
    with redis_server("redis", folder=folder, options=options) as replica:
        synced(redis)
        gate.load([(ALICE, 1)], 1)
        replica.stop()  # connected, and silent
        try:
            publish = gate._publish

            def cut(*arguments: object) -> object:
                found = publish(*arguments)  # type: ignore[arg-type]
                redis.run("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                return found

            monkeypatch.setattr(gate, "_publish", cut)
            with pytest.raises(Unavailable):
                gate.publish([(ALICE, 2)], ONE)
        finally:
            replica.go_on()


def test_a_host_that_is_no_name_is_a_state_that_is_away() -> None:
    with pytest.raises(Unavailable):
        RedisGate(parse("redis://redis..example/0"), timeout=0.3).ask((), ())


def test_a_server_that_does_not_name_its_run_is_not_used() -> None:
    """As of a proxy that hides it: no restart would ever be noticed."""
    fit = {"role": "master", "maxmemory_policy": "noeviction", "run_id": "4f"}
    refuse_unfit(fit)
    with pytest.raises(Broken, match="run_id"):
        refuse_unfit(fit | {"run_id": ""})


def test_requests_that_wait_for_one_connection_do_not_wait_one_after_the_other(
    redis: Server, gate: RedisGate
) -> None:
    """Twenty requests of an event loop, and a server that hangs: each used to try in its turn."""
    many = 20

    async def ask() -> float:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await gate.ask_async((), ())
        return time.monotonic() - began

    async def attack() -> list[float]:
        return list(await asyncio.gather(*[ask() for _ in range(many)]))

    redis.stop()
    try:
        waited = asyncio.run(attack())
    finally:
        redis.go_on()
    assert max(waited) < many / 2 * HANGS
