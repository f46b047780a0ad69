"""Redis and Sentinel as deploy/redis has them: what the application may, what nobody may, and a fail-over."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from stockade.core.errors import Unavailable
from stockade.gate.keys import limit_key, session_key, subject_key
from stockade.gate.protocol import LISTS, WORLD, Charge, Gate
from stockade.gate.rates import parse
from stockade.gate.redis.address import parse as address
from stockade.gate.redis.gate import RedisGate
from tests.deploy.files import DEPLOY, filled, write
from tests.deploy.redis import Node, Passwords, redis, sentinel
from tests.state_servers import binary
from tests.waiting import until

KINDS = ("redis", "valkey")


@pytest.fixture(scope="module", params=KINDS)
def node(request: pytest.FixtureRequest, folder: Path) -> Iterator[Node]:
    with redis(folder / f"acl-{request.param}", Passwords(), kind=request.param) as found:
        yield found


@pytest.fixture
def gate(node: Node) -> Iterator[RedisGate]:
    made = RedisGate(address(node.url()))
    yield made
    made.close()


LIMIT = parse("login", "5/min")
WIDE = parse("user", "1000/min")
KEYS = (subject_key("1"), session_key("a-session"))
CHARGES = (Charge(LIMIT, limit_key(LIMIT, "someone")), Charge(WIDE, limit_key(WIDE, "someone")))


def asked(gate: RedisGate) -> None:
    for _ in range(7):  # until it refuses
        gate.ask(KEYS, CHARGES)


def asked_aside(gate: RedisGate) -> None:
    assert asyncio.run(gate.ask_async(KEYS, CHARGES[1:])).refused == -1


def changed(gate: RedisGate) -> None:
    every = [*KEYS, WORLD, LISTS]
    gate.mark(every, b"12345678")
    assert gate.stale(0)
    gate.publish([(key, 7) for key in every], b"12345678")
    assert gate.ask(KEYS, ()).epochs == (7, 7)


def loaded(gate: RedisGate) -> None:
    with gate.loading() as mine:
        assert mine
        gate.load([(subject_key(str(n)), n) for n in range(1, 1200)], 9)
    assert gate.ask((), ()).marker


def counted(gate: RedisGate) -> None:
    asked(gate)
    assert gate.usage()
    assert gate.clear(CHARGES[0].key)


def given_back(gate: RedisGate) -> None:
    gate.refund(CHARGES[1:], gate.ask((), CHARGES[1:]).at)


# What a worker or a command does, by the method that does it. `reset` empties the database: for tests, with a user of
# their own.
USES: dict[str, Callable[[RedisGate], None]] = {
    "ask": asked, "ask_async": asked_aside, "mark": changed, "publish": changed, "stale": changed, "loading": loaded,
    "load": loaded, "usage": counted, "clear": counted, "refund": given_back,
    "describe": lambda gate: gate.describe() and None,
}  # fmt: skip


def test_every_method_of_the_state_is_used_here() -> None:
    methods = {name for name, _ in inspect.getmembers(Gate, inspect.isfunction) if not name.startswith("_")}
    assert set(USES) | {"reset", "close"} == methods


@pytest.mark.parametrize("method", list(USES))
def test_the_application_may_do_all_that_it_does(method: str, gate: RedisGate, node: Node) -> None:
    USES[method](gate)
    log: Any = node.run("ACL", "LOG")
    denied = {entry[entry.index(b"object") + 1] for entry in log if b"myproject" in entry}
    assert denied <= {b"config|get", b"client|setinfo", b"hello"}, "what it is refused, it does without"


@pytest.mark.parametrize(
    "words",
    [
        ("FLUSHALL",), ("FLUSHDB",), ("KEYS", "*"), ("CONFIG", "GET", "*"), ("CONFIG", "SET", "maxmemory", "1mb"),
        ("DEBUG", "SLEEP", "1"), ("SHUTDOWN",), ("REPLICAOF", "192.0.2.1", "6379"), ("ACL", "LIST"), ("MONITOR",),
        ("SAVE",), ("MODULE", "LIST"), ("CLIENT", "LIST"), ("SCRIPT", "FLUSH"), ("EVAL", "return 1", "0"),
        ("GET", "other-key"), ("SET", "cache:1", "x"), ("MIGRATE", "192.0.2.1", "6379", "w", "0", "1"),
        ("SWAPDB", "0", "1"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_stolen_password_of_the_application_opens_nothing_else(words: tuple[str, ...], node: Node) -> None:
    with pytest.raises(ResponseError, match=r"permission|DEBUG command not allowed"):
        node.run(*words, user="myproject")


def test_an_operator_looks_and_changes_nothing(node: Node) -> None:
    report = RedisGate(address(node.url("operator"))).describe()
    assert report.eviction == "noeviction"
    assert report.min_replicas == 0
    for words in (("SET", "w", "x"), ("DEL", "w"), ("FLUSHALL",), ("CONFIG", "SET", "save", "1 1")):
        with pytest.raises(NoPermissionError):
            node.run(*words)


def test_nobody_comes_without_a_name_and_a_password(node: Node) -> None:
    import redis as library

    with library.Redis(host="127.0.0.1", port=node.port) as client, pytest.raises(AuthenticationError):
        client.get("w")


def test_the_server_is_what_the_check_asks_for(gate: RedisGate) -> None:
    report = gate.describe()
    assert (report.eviction, report.bounded, report.role) == ("noeviction", True, "master")
    assert report.room == 512 << 20
    assert report.foreign is None


def test_the_server_keeps_nothing_on_disk(node: Node, folder: Path) -> None:
    assert node.run("CONFIG", "GET", "save") == {b"save": b""}
    assert node.run("CONFIG", "GET", "appendonly") == {b"appendonly": b"no"}


def test_the_server_does_not_learn_debug_or_modules_at_run_time(folder: Path) -> None:
    text = filled("redis/redis.conf", {})
    for line in ("enable-debug-command no", "enable-module-command no", "enable-protected-configs no"):
        assert f"\n{line}\n" in text


def test_every_line_for_tls_is_one_that_the_server_knows(tmp_path: Path) -> None:
    """The servers that packages bring have no TLS: they read the file, then say that they cannot serve it."""
    put = {f"/etc/redis/tls/{name}": str(tmp_path / name) for name in ("redis.pem", "redis.key", "ca.pem")}
    path = write(tmp_path / "tls.conf", filled("redis/tls.conf", {**put, "tls-port 6379": "tls-port 1"}))
    done = subprocess.run([binary("redis"), str(path)], capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    assert "Configuration loaded" in done.stdout
    assert "Failed finding TLS support" in done.stdout


class Watched:
    """A primary, a replica and three Sentinels."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.passwords = Passwords()
        self.primary = stack.enter_context(redis(folder / "primary", self.passwords, replicas=True))
        self.replica = stack.enter_context(
            redis(folder / "replica", self.passwords, replicas=True, of=self.primary.port)
        )
        until(lambda: b"connected_slaves:1" in self.info(self.primary))
        self.sentinels = [
            stack.enter_context(sentinel(folder / f"sentinel-{n}", self.passwords, self.primary.port))
            for n in range(3)
        ]
        password = self.passwords.of["myproject"]
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.sentinels)
        self.url = (
            f"redis+sentinel://myproject:{password}@{hosts}/myproject/0"
            f"?sentinel_user=myproject&sentinel_password={password}"
        )
        until(lambda: self.sees() == (1, 2))

    def info(self, node: Node) -> bytes:
        """As raw text."""
        import redis as library

        with library.Redis(
            host="127.0.0.1", port=node.port, username="operator", password=self.passwords.of["operator"]
        ) as client:
            client.set_response_callback("INFO", lambda answer, **_: answer)
            found: bytes = client.execute_command("INFO")
            return found

    def sees(self) -> tuple[int, int]:
        """How many replicas and other Sentinels the first one knows."""
        import redis as library

        node = self.sentinels[0]
        with library.Redis(
            host="127.0.0.1", port=node.port, username="myproject", password=self.passwords.of["myproject"]
        ) as client:
            found: Any = client.sentinel_master("myproject")
        return int(found["num-slaves"]), int(found["num-other-sentinels"])


@pytest.fixture(scope="module")
def watched(folder: Path) -> Iterator[Watched]:
    with ExitStack() as stack:
        yield Watched(folder / "watched", stack)


def works(gate: RedisGate) -> bool:
    try:
        gate.ask(KEYS, CHARGES[1:])
    except Unavailable:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_a_primary_without_its_replica_stops_admitting_by_old_epochs(kind: str, tmp_path: Path) -> None:
    """Its successor may have newer ones: who was revoked there must not be admitted here, also where nothing counts."""
    passwords = Passwords()
    with (
        redis(tmp_path / "a", passwords, kind=kind, replicas=True) as primary,
        redis(tmp_path / "b", passwords, kind=kind, replicas=True, of=primary.port) as replica,
    ):
        gate = RedisGate(address(primary.url()))
        _judge_isolation(gate, replica.pid)
        gate.close()


def _judge_isolation(gate: RedisGate, replica: int) -> None:
    def refused() -> str:
        try:
            gate.ask(KEYS, ())
        except Unavailable as error:
            return error.reason
        return ""

    until(lambda: not refused())
    os.kill(replica, signal.SIGSTOP)
    try:
        until(refused, "a refusal", seconds=30)
        asked = time.monotonic()
        while time.monotonic() < asked + 1:  # not only while the gate fails fast
            assert refused()
    finally:
        os.kill(replica, signal.SIGCONT)
    until(lambda: not refused())


def test_the_application_cannot_tell_a_sentinel_what_to_do(watched: Watched) -> None:
    for words in (("FAILOVER", "myproject"), ("REMOVE", "myproject"), ("SET", "myproject", "quorum", "1")):
        with pytest.raises(NoPermissionError):
            watched.sentinels[0].run("SENTINEL", *words, user="myproject")
    with pytest.raises(RedisError):
        watched.sentinels[0].run("PING", user="operator")


def test_sentinel_elects_the_replica_and_the_state_goes_on_there(watched: Watched) -> None:
    gate = RedisGate(address(watched.url))
    loaded(gate)
    gate.publish([(KEYS[0], 5)], b"12345678")
    assert gate.describe().sentinels == 3
    os.kill(watched.primary.pid, signal.SIGKILL)
    # With one server left nothing is written, because no replica would confirm it: so the old one comes back.
    until(lambda: b"role:master" in watched.info(watched.replica))
    with redis(
        watched.primary.server.log.parent / "again",
        watched.passwords,
        port=watched.primary.port,
        replicas=True,
    ):
        until(lambda: works(gate))
        assert gate.ask((), ()).marker == b"", "another server: it must be loaded again"
    gate.close()


def test_the_old_primary_stops_before_its_successor_is_elected() -> None:
    text = (DEPLOY / "redis" / "replicas.conf").read_text() + (DEPLOY / "redis" / "sentinel.conf").read_text()
    words = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    (lag,) = [int(each[1]) for each in words if each[0] == "min-replicas-max-lag"]
    (down,) = [int(each[3]) for each in words if each[1] == "down-after-milliseconds"]
    assert down >= (lag + 3) * 1000
