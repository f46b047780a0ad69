"""What only a Redis can do to us: it restarts, forgets, hangs, fills up, is cut off, evicts, or is a replica."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stockade.core.errors import Unavailable
from stockade.events import Event
from stockade.gate import outage
from stockade.gate.keys import limit_key, session_key, subject_key
from stockade.gate.protocol import DIRTY, Charge, Limit, owner_of
from stockade.gate.redis.address import parse
from stockade.gate.redis.gate import RedisGate
from stockade.gate.redis.line import Line
from stockade.gate.redis.master import Master
from stockade.testing import CapturedEvents
from tests.deploy.files import certificates
from tests.deploy.stack import run_nginx
from tests.gate.between import Between, between
from tests.gate.conftest import SERVERS, wait_for
from tests.gate.oracle import SECOND
from tests.servers import free_port
from tests.state_servers import Server, redis_server
from tests.waiting import PATIENCE, until

MANY = Limit("many", 100, 60 * SECOND)
SHORT = Limit("short", 3, SECOND)
HANGS = 1.0  # s; after which a server that hangs is given up, where one does
ALICE, BOB = subject_key("alice"), subject_key("bob")
ONE = b"writer-1"


def charge(limit: Limit = MANY, who: str = "alice") -> tuple[Charge, ...]:
    return (Charge(limit, limit_key(limit, who)),)


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, folder: Path) -> Iterator[Server]:
    """A server of this test's own."""
    with redis_server(request.param, folder=folder) as found:
        yield found


@pytest.fixture
def redis(folder: Path) -> Iterator[Server]:
    """A Redis of this test's own, for what is ours and not the server's."""
    with redis_server("redis", folder=folder) as found:
        yield found


@pytest.fixture
def connect() -> Iterator[Callable[..., RedisGate]]:
    made: list[RedisGate] = []

    def make(url: str, **options: Any) -> RedisGate:
        made.append(RedisGate(parse(url), **{"timeout": PATIENCE, **options}))
        return made[-1]

    yield make
    for gate in made:
        gate.close()


def counted_tries(monkeypatch: pytest.MonkeyPatch) -> list[Line]:
    """Every connection that is tried from now on."""
    tried: list[Line] = []

    class Tried(Line):
        def __init__(self, *args: Any, **options: Any) -> None:
            tried.append(self)
            super().__init__(*args, **options)

    monkeypatch.setattr("stockade.gate.redis.connected.Line", Tried)
    return tried


def until_answered(gate: RedisGate) -> None:
    def answers() -> bool:
        try:
            gate.ask((), ())
        except Unavailable:
            return False
        return True

    until(answers, "an answer of the gate")


# -- the birth marker ------------------------------------------------------------------------------------------------


def test_a_restart_with_an_old_dump_does_not_pass_for_a_loaded_state(
    server: Server, connect: Callable[..., RedisGate]
) -> None:
    gate = connect(server.url)
    gate.load([(ALICE, 1)], 1, b"ours")
    assert owner_of(gate.ask((), ()).marker) == b"ours"
    server.run("SAVE")
    gate.publish([(ALICE, 2)], ONE)  # a revocation after the dump
    server.restart()
    until_answered(gate)
    verdict = gate.ask((ALICE,), ())
    assert verdict.epochs == (1,)  # the dump is there, and the revocation is not
    assert verdict.marker == b""
    gate.load([(ALICE, 2)], 1, b"ours")
    verdict = gate.ask((ALICE,), ())
    assert (verdict.epochs, owner_of(verdict.marker)) == ((2,), b"ours")


def test_flushall_is_seen_by_the_next_request(server: Server, connect: Callable[..., RedisGate]) -> None:
    gate, other = connect(server.url), connect(server.url)
    gate.load([(ALICE, 1)], 1)
    assert other.ask((), ()).marker
    server.run("FLUSHALL")
    assert (other.ask((ALICE,), ()).marker, gate.ask((), ()).marker) == (b"", b"")


def test_a_state_that_another_database_filled_gets_a_marker_of_its_new_owner(
    redis: Server, connect: Callable[..., RedisGate]
) -> None:
    gate = connect(redis.url)
    gate.load([], 1, b"them")
    first = gate.ask((), ()).marker
    gate.load([], 1, b"them")
    assert gate.ask((), ()).marker == first
    gate.load([], 1, b"ours")
    assert owner_of(gate.ask((), ()).marker) == b"ours"


def test_who_loads_keeps_the_others_waiting_and_a_dead_loader_does_not_for_long(
    redis: Server, connect: Callable[..., RedisGate]
) -> None:
    one, two = connect(redis.url), connect(redis.url)
    with one.loading() as mine:
        assert mine
        with two.loading() as also:
            assert not also
    with two.loading() as mine:
        assert mine
    redis.run("SET", "n", "of the dead", "PX", "50")
    with one.loading() as mine:
        assert not mine
    until(lambda: not redis.run("EXISTS", "n"))
    with one.loading() as mine:
        assert mine


# -- absence ---------------------------------------------------------------------------------------------------------


def test_a_server_that_hangs_holds_nobody_up_and_is_told_of_once(
    server: Server,
    connect: Callable[..., RedisGate],
    captured_events: CapturedEvents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = connect(server.url, timeout=HANGS)
    until_answered(gate)
    captured_events.clear()
    server.stop()
    try:
        with pytest.raises(Unavailable):
            gate.ask((), charge())
        # Then nobody waits: one try in each tenth of a second, the rest is refused at once.
        tries = counted_tries(monkeypatch)
        with monkeypatch.context() as still:
            now = [time.monotonic()]
            still.setattr(outage, "time", SimpleNamespace(monotonic=lambda: now[0]))
            for _ in range(2):
                tries.clear()
                now[0] += outage.PAUSE
                for _ in range(20):
                    with pytest.raises(Unavailable):
                        gate.ask((), charge())
                    assert len(tries) == 1
    finally:
        server.go_on()
    until_answered(gate)
    assert gate.ask((), charge()).refused == -1
    assert len(captured_events.of(Event.STATE_AWAY)) == 1
    (back,) = captured_events.of(Event.STATE_BACK)
    assert back.details["seconds"] > 0


def test_a_server_that_is_gone_is_refused_at_once_and_used_again_when_it_is_back(
    server: Server, connect: Callable[..., RedisGate], captured_events: CapturedEvents
) -> None:
    gate = connect(server.url)
    gate.load([(ALICE, 1)], 1)
    server.kill()
    for _ in range(50):
        with pytest.raises(Unavailable) as caught:
            gate.ask((), charge())
        assert caught.value.headers["Retry-After"] == "1"
    with pytest.raises(Unavailable):
        gate.mark([ALICE], ONE)
    server.start()
    until_answered(gate)
    assert gate.ask((), ()).marker == b""
    assert len(captured_events.of(Event.STATE_AWAY)) == 1
    assert len(captured_events.of(Event.STATE_BACK)) == 1


def test_a_connection_cut_in_mid_reply_is_never_read_on(
    redis: Server, connect: Callable[..., RedisGate]
) -> None:
    with between(redis.port) as way:
        gate = connect(f"redis://127.0.0.1:{way.port}/0")
        gate.load([(ALICE, 7)], 1)
        for cut in (0, 1, 5, 20, 60):
            way.cut_after = cut
            # Its answer is lost, the question is asked again on a new connection, and that answer is whole.
            verdict = gate.ask((ALICE,), charge())
            assert (verdict.epochs, verdict.world, verdict.refused) == ((7,), 1, -1)
            assert gate.ask((ALICE,), ()).epochs == (7,)
        assert way.connections == 6
        # What was charged twice is toward fewer places.
        assert gate.usage()[0].used == 10


def test_an_answer_that_comes_late_is_not_taken_for_the_next_one(
    redis: Server, connect: Callable[..., RedisGate]
) -> None:
    with between(redis.port) as way:
        gate = connect(f"redis://127.0.0.1:{way.port}/0", timeout=HANGS)
        gate.load([(ALICE, 7)], 1)
        way.swallow = True
        with pytest.raises(Unavailable):
            gate.ask((ALICE,), charge())
        way.swallow = False
        until_answered(gate)
        assert gate.ask((ALICE,), ()).epochs == (7,)
        assert way.connections == 2


def test_idle_connections_that_the_server_closed_refuse_nobody(
    redis: Server, connect: Callable[..., RedisGate]
) -> None:
    with between(redis.port) as way:
        gate = connect(f"redis://127.0.0.1:{way.port}/0")
        for _ in range(5):
            assert gate.ask((), charge()).refused == -1
            way.drop()
        assert gate.ask((), charge()).refused == -1


def test_scripts_that_the_server_forgot_are_loaded_again(
    server: Server, connect: Callable[..., RedisGate]
) -> None:
    gate = connect(server.url)
    gate.load([(ALICE, 1)], 1)
    for use in (lambda: gate.ask((ALICE,), charge()), lambda: gate.publish([(ALICE, 2)], ONE)):
        server.run("SCRIPT", "FLUSH")
        use()
    assert gate.ask((ALICE,), charge()).epochs == (2,)


class Interrupted(Exception):
    """Raised by a signal's handler, as Celery's and gunicorn's time limits are."""


def test_a_question_that_a_signal_interrupts_does_not_leave_its_answer_to_the_next(
    redis: Server, connect: Callable[..., RedisGate]
) -> None:
    def interrupt(*_: object) -> None:
        raise Interrupted

    with between(redis.port) as way:
        gate = connect(f"redis://127.0.0.1:{way.port}/0")
        gate.load([(ALICE, 7), (BOB, 9)], 1)
        way.hold = 0.3
        before = signal.signal(signal.SIGALRM, interrupt)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(Interrupted):
                gate.ask((ALICE,), ())
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert gate.ask((BOB,), ()).epochs == (9,)
        assert gate.ask((ALICE,), ()).epochs == (7,)


def test_a_refund_whose_answer_is_lost_is_not_given_twice(
    redis: Server, connect: Callable[..., RedisGate]
) -> None:
    with between(redis.port) as way:
        gate = connect(f"redis://127.0.0.1:{way.port}/0")
        day = Limit("day", 100, 86_400 * SECOND)
        at = [gate.ask((), charge(day)).at for _ in range(5)][-1]
        way.cut_after = 1
        with pytest.raises(Unavailable):
            gate.refund(charge(day), at)
        until_answered(gate)
        assert gate.usage()[0].used == 4


# -- room ------------------------------------------------------------------------------------------------------------


def test_a_full_server_refuses_and_forgets_nothing(
    server: Server, connect: Callable[..., RedisGate], captured_events: CapturedEvents
) -> None:
    gate = connect(server.url)
    gate.load([(ALICE, 7)], 3)
    gate.ask((), charge())
    server.run("CONFIG", "SET", "maxmemory", "1")
    long = Limit("long", 1000, 86_400 * SECOND)
    both = charge(MANY) + charge(long, "new")
    for _ in range(3):
        with pytest.raises(Unavailable):
            gate.ask((ALICE,), both)
        with pytest.raises(Unavailable):
            gate.mark([ALICE], ONE)
        with pytest.raises(Unavailable):
            gate.ask((ALICE,), ())  # a server that cannot be told of a revocation does not answer either
    assert len(captured_events.of(Event.STATE_AWAY)) == 1
    assert not captured_events.of(Event.STATE_BACK)
    server.run("CONFIG", "SET", "maxmemory", "0")
    until_answered(gate)
    verdict = gate.ask((ALICE,), ())
    assert (verdict.epochs, verdict.world) == ((7,), 3)
    assert [(each.key, each.used) for each in gate.usage()] == [(charge()[0].key, 1)]


def test_what_counts_nothing_any_more_is_gone_from_the_server(
    server: Server, connect: Callable[..., RedisGate]
) -> None:
    gate = connect(server.url)
    for _ in range(30):  # the server's clock is its own: what took longer than the window says nothing
        began = time.monotonic()
        refused = [gate.ask((), charge(SHORT)).refused for _ in range(4)]
        if time.monotonic() - began < SHORT.period / SECOND:
            break
        until(lambda: server.run("EXISTS", charge(SHORT)[0].key) == 0)
    assert refused == [-1, -1, -1, 0]
    gate.publish([(ALICE, 1), (session_key("x"), 1)], ONE)
    until(lambda: server.run("EXISTS", charge(SHORT)[0].key) == 0)
    assert gate.ask((), charge(SHORT)).refused == -1
    # Epochs stay as long as a worker may rely on them, and longer: a day, and a session's for as long as its tokens.
    assert 86_300 < int(str(server.run("TTL", ALICE))) <= 86_401
    assert int(str(server.run("TTL", session_key("x")))) > 30 * 86_400
    gate.mark([ALICE], ONE)
    assert server.run("TTL", ALICE) == -1  # a mark is never forgotten


# -- who may hold the state ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
def test_a_server_that_evicts_is_not_used(
    server: Server, connect: Callable[..., RedisGate], policy: str
) -> None:
    server.run("CONFIG", "SET", "maxmemory-policy", policy)
    gate = connect(server.url)
    with pytest.raises(Unavailable, match="state_unavailable") as caught:
        gate.ask((), ())
    assert f"maxmemory-policy is {policy}" in caught.value.reason
    server.run("CONFIG", "SET", "maxmemory-policy", "noeviction")
    until_answered(gate)


def test_a_replica_is_not_used(redis: Server, folder: Path, connect: Callable[..., RedisGate]) -> None:
    with redis_server("redis", folder=folder, options={"replicaof": f"127.0.0.1 {redis.port}"}) as replica:
        gate = connect(replica.url)
        with pytest.raises(Unavailable) as caught:
            gate.ask((), ())
        assert "replica" in caught.value.reason


def synced(server: Server) -> None:
    until(lambda: "online" in str(server.run("INFO", "replication")), "the replica")


def test_a_revocation_is_told_only_when_a_replica_has_it(
    redis: Server, folder: Path, connect: Callable[..., RedisGate]
) -> None:
    options = {"replicaof": f"127.0.0.1 {redis.port}"}
    with redis_server("redis", folder=folder, options=options) as replica:
        synced(redis)
        gate = connect(redis.url, timeout=4 * HANGS)  # half of it for a replica to confirm
        gate.load([(ALICE, 1)], 1)
        gate.publish([(ALICE, 2)], ONE)
        assert replica.run("GET", ALICE)
        replica.stop()  # connected, and silent: as for a master that was cut off from it
        try:
            with pytest.raises(Unavailable):
                gate.publish([(ALICE, 3)], ONE)
        finally:
            replica.go_on()
        until_answered(gate)
        gate.publish([(ALICE, 4)], ONE)
        replica.kill()
        until(lambda: "connected_slaves': 0" in str(redis.run("INFO", "replication")))
        until_answered(gate)
        gate.publish([(ALICE, 5)], ONE)  # one server alone has nobody to confirm
        assert gate.ask((ALICE,), ()).epochs == (5,)


def test_a_master_that_may_not_write_does_not_answer_from_what_it_knew(
    redis: Server, connect: Callable[..., RedisGate], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off from its replicas it may have a successor that was told of revocations."""
    monkeypatch.setattr(Master, "place", lambda self, *, anew=False: ("127.0.0.1", redis.port))
    gate = connect("redis+sentinel://127.0.0.1:1/main/0")
    connect(redis.url).load([(ALICE, 7)], 1)
    assert gate.ask((ALICE,), ()).epochs == (7,)
    redis.run("CONFIG", "SET", "min-replicas-to-write", "1")
    for charges in ((), charge()):
        with pytest.raises(Unavailable) as caught:
            gate.ask((ALICE,), charges)
        assert "NOREPLICAS" in str(caught.value.reason)
    redis.run("CONFIG", "SET", "min-replicas-to-write", "0")
    assert gate.ask((ALICE,), ()).epochs == (7,)


# -- ways to connect -------------------------------------------------------------------------------------------------


def test_a_unix_socket(server: Server, connect: Callable[..., RedisGate]) -> None:
    gate = connect(f"unix://{server.socket_path}?db=3")
    assert gate.ask((), charge()).remaining == (99,)
    assert server.run("EXISTS", charge()[0].key) == 0  # in the other database


def test_an_acl_user_and_a_wrong_password(server: Server, connect: Callable[..., RedisGate]) -> None:
    server.run("ACL", "SETUSER", "app", "on", ">hunter2", "~*", "+@all")
    gate = connect(f"redis://app:hunter2@127.0.0.1:{server.port}/0")
    assert gate.ask((), charge()).remaining == (99,)
    with pytest.raises(Unavailable) as caught:
        connect(f"redis://app:swordfish@127.0.0.1:{server.port}/0").ask((), ())
    assert "swordfish" not in repr(caught.value) + str(caught.value.reason)


def test_a_user_who_may_too_little_is_refused_not_admitted(
    server: Server, connect: Callable[..., RedisGate]
) -> None:
    server.run("ACL", "SETUSER", "poor", "on", ">pw", "~*", "+info", "+select", "+evalsha", "+script", "+get")
    gate = connect(f"redis://poor:pw@127.0.0.1:{server.port}/0")
    with pytest.raises(Unavailable):
        gate.ask((ALICE,), charge())


# -- threads, processes, loops ---------------------------------------------------------------------------------------


def test_a_hundred_threads_get_a_hundred_places(server: Server, connect: Callable[..., RedisGate]) -> None:
    gate = connect(server.url)
    start, admitted = threading.Barrier(100), []

    def work() -> None:
        start.wait()
        admitted.append(sum(gate.ask((), charge()).refused < 0 for _ in range(4)))

    threads = [threading.Thread(target=work) for _ in range(100)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(admitted) == 100


def test_a_forked_child_does_not_read_its_parents_answers(
    redis: Server, connect: Callable[..., RedisGate]
) -> None:
    gate = connect(redis.url)
    gate.load([(ALICE, 7)], 1)
    gate.ask((), charge())
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            good = [gate.ask((ALICE,), charge()).epochs == (7,) for _ in range(20)]
            status = 0 if all(good) else 2
        finally:
            os._exit(status)
    here = [gate.ask((ALICE,), charge()).epochs == (7,) for _ in range(20)]
    assert wait_for(pid) == 0
    assert all(here)
    assert gate.usage()[0].used == 41


def test_requests_of_one_event_loop_share_a_connection_and_get_their_own_answers(
    server: Server, connect: Callable[..., RedisGate]
) -> None:
    gate = connect(server.url)
    gate.load([(subject_key(str(at)), at + 1) for at in range(200)], 1)
    before = connected(server)

    async def one(at: int) -> bool:
        verdict = await gate.ask_async((subject_key(str(at)),), charge(who=str(at % 50)))
        return verdict.epochs == (at + 1,) and verdict.refused == -1

    async def all_of_them() -> list[bool]:
        return await asyncio.gather(*[one(at) for at in range(200)])

    assert all(asyncio.run(all_of_them()))
    assert connected(server) - before == 1 + 1  # and the one that counts them
    assert sorted(each.used for each in gate.usage()) == [4] * 50


def connected(server: Server) -> int:
    return int(dict(server.run("INFO", "stats"))["total_connections_received"])


def test_a_request_that_is_given_up_leaves_the_next_ones_their_answers(
    redis: Server, connect: Callable[..., RedisGate]
) -> None:
    gate = connect(redis.url)
    gate.load([(subject_key(str(at)), at + 1) for at in range(100)], 1)

    async def work() -> list[bool]:
        tasks = [asyncio.ensure_future(gate.ask_async((subject_key(str(at)),), ())) for at in range(100)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        return [
            not isinstance(each, BaseException) and each.epochs == (at + 1,)
            for at, each in enumerate(found)
            if at % 3
        ]

    assert all(asyncio.run(work()))


def test_an_event_loop_goes_on_while_the_server_hangs(
    server: Server, connect: Callable[..., RedisGate]
) -> None:
    """The loop itself has the server go on: one that waits with the requests does so for nobody."""
    gate = connect(server.url, timeout=PATIENCE / 2)

    async def work() -> list[int]:
        await gate.ask_async((), charge())
        server.stop()
        asking = asyncio.gather(*[gate.ask_async((), charge()) for _ in range(20)])
        await asyncio.sleep(0.1)  # they have asked, or, in a loop that waits, have given up
        assert not asking.done()
        server.go_on()
        return [verdict.refused for verdict in await asking]

    try:
        assert asyncio.run(work()) == [-1] * 20
    finally:
        server.go_on()


def test_what_an_event_loop_asked_of_a_server_that_hangs_is_given_up(
    server: Server, connect: Callable[..., RedisGate]
) -> None:
    gate = connect(server.url, timeout=HANGS)

    async def work() -> list[Any]:
        server.stop()
        return await asyncio.gather(
            *[gate.ask_async((), charge()) for _ in range(20)], return_exceptions=True
        )

    try:
        assert all(isinstance(each, Unavailable) for each in asyncio.run(work()))
    finally:
        server.go_on()
    until_answered(gate)


def test_a_loop_asks_again_where_the_connection_was_idle_or_the_scripts_are_gone(
    redis: Server, connect: Callable[..., RedisGate]
) -> None:
    async def work(way: Between, gate: RedisGate) -> list[int]:
        found = [(await gate.ask_async((), charge())).refused]
        way.drop()
        found.append((await gate.ask_async((), charge())).refused)
        redis.run("SCRIPT", "FLUSH")
        found.append((await gate.ask_async((), charge())).refused)
        way.cut_after = 7
        found.append((await gate.ask_async((), charge())).refused)
        return found

    with between(redis.port) as way:
        assert asyncio.run(work(way, connect(f"redis://127.0.0.1:{way.port}/0"))) == [-1] * 4


def test_the_server_is_asked_once_a_question(server: Server, connect: Callable[..., RedisGate]) -> None:
    gate = connect(server.url)
    three = charge(MANY) + charge(Limit("b", 500, 60 * SECOND)) + charge(Limit("c", 600, 3600 * SECOND))
    gate.ask((ALICE, session_key("x")), three)
    before = commands(server)
    for _ in range(50):
        gate.ask((ALICE, session_key("x")), three)
    assert commands(server) - before == 50


def commands(server: Server) -> int:
    stats = dict(server.run("INFO", "commandstats"))
    return int(stats["cmdstat_evalsha"]["calls"])


def test_a_mark_of_this_host_is_dirty_for_every_connection(
    server: Server, connect: Callable[..., RedisGate]
) -> None:
    one, two = connect(server.url), connect(server.url)
    one.mark([ALICE], ONE)
    assert two.ask((ALICE,), ()).epochs == (DIRTY,)
    assert two.stale(3600 * SECOND) == []
    one.publish([(ALICE, 5)], ONE)
    assert two.ask((ALICE,), ()).epochs == (5,)


# -- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def tls(redis: Server, folder: Path) -> Iterator[tuple[str, Path]]:
    """The Redis behind a real TLS server: the place of that, and the folder with ca.pem."""
    pki = certificates(folder)
    port = free_port()
    stream = f"""stream {{ server {{
            listen 127.0.0.1:{port} ssl;
            listen 127.0.0.2:{port} ssl;
            ssl_certificate {pki}/server.pem;
            ssl_certificate_key {pki}/server.key;
            proxy_pass 127.0.0.1:{redis.port};
    }} }}"""
    with run_nginx(folder / "nginx", port, stream=stream):
        yield f"127.0.0.1:{port}", pki


def test_tls_and_a_certificate_that_is_verified(
    tls: tuple[str, Path], redis: Server, connect: Callable[..., RedisGate]
) -> None:
    place, pki = tls
    gate = connect(f"rediss://{place}/0?ca={pki}/ca.pem")
    gate.load([(ALICE, 7)], 1)
    assert gate.ask((ALICE,), charge()).epochs == (7,)
    assert asyncio.run(gate.ask_async((ALICE,), charge())).epochs == (7,)
    assert connect(redis.url).ask((ALICE,), ()).epochs == (7,)


def test_a_server_whose_certificate_nobody_has_signed_is_told_nothing(
    tls: tuple[str, Path], connect: Callable[..., RedisGate]
) -> None:
    """Whoever is on the way must not get the password, nor answer in the state's place."""
    place, _ = tls
    with pytest.raises(Unavailable):
        connect(f"rediss://{place}/0").ask((ALICE,), ())
    with pytest.raises(Unavailable):
        asyncio.run(connect(f"rediss://{place}/0").ask_async((ALICE,), ()))


def test_a_certificate_for_another_name_is_refused(
    tls: tuple[str, Path], connect: Callable[..., RedisGate]
) -> None:
    place, pki = tls
    elsewhere = place.replace("127.0.0.1", "127.0.0.2")
    with pytest.raises(Unavailable):
        connect(f"rediss://{elsewhere}/0?ca={pki}/ca.pem").ask((ALICE,), ())
