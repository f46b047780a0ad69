"""Many processes over one state: exact counts, and none that dies, stops or forks harms the others."""

from __future__ import annotations

import math
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stockade.core.errors import Unavailable
from stockade.gate.keys import limit_key, subject_key
from stockade.gate.lmdb import LmdbGate
from stockade.gate.protocol import DIRTY, Charge, Limit
from tests.gate.actors import (
    EXACT,
    HUNDRED,
    MAP,
    SHARED,
    SLOTS,
    THOUSAND,
    AnyGate,
    charges,
    gate_at,
    start,
)
from tests.state_servers import Server
from tests.waiting import until

Actor = subprocess.Popen[str]


@pytest.fixture
def actors() -> Iterator[list[Actor]]:
    """Processes that the test starts; they are ended by their id."""
    started: list[Actor] = []
    yield started
    for actor in started:
        if actor.poll() is None:
            actor.kill()
        actor.communicate()


def line(actor: Actor) -> str:
    assert actor.stdout is not None
    return actor.stdout.readline().strip()


def tell(actor: Actor) -> None:
    assert actor.stdin is not None
    actor.stdin.write("\n")
    actor.stdin.flush()


@pytest.fixture(params=["lmdb", "redis", "valkey"])
def state(request: pytest.FixtureRequest, folder: Path) -> str:
    """The place of an empty state that several processes can share, with its own real clock."""
    if request.param == "lmdb":
        return str(folder / "state")
    server: Server = request.getfixturevalue("servers")[request.param]
    server.run("FLUSHALL")
    return server.url


@pytest.fixture
def gate(state: str) -> Iterator[AnyGate]:
    gate = gate_at(state)
    yield gate
    gate.close()


@pytest.fixture
def lmdb_state(folder: Path) -> Path:
    return folder / "state"


@pytest.fixture
def lmdb_gate(lmdb_state: Path) -> Iterator[LmdbGate]:
    """One that waits only a little for its turn."""
    gate = LmdbGate(lmdb_state, map_size=MAP, timeout=0.2)
    yield gate
    gate.close()


def go(actors: list[Actor], count: int, action: str, place: str, *arguments: str) -> None:
    """Start actors and let them begin together."""
    actors += [start(action, place, *arguments) for _ in range(count)]
    begin(actors)


def begin(actors: list[Actor]) -> None:
    assert [line(actor) for actor in actors] == ["ready"] * len(actors)
    for actor in actors:
        tell(actor)


def test_eight_processes_get_a_hundred_places_of_a_hundred(
    state: str, actors: list[Actor], gate: AnyGate
) -> None:
    go(actors, 8, "hammer", state, "200")
    assert sum(int(line(actor)) for actor in actors) == 100
    assert gate.usage()[0].used == 100


def test_no_window_holds_more_than_its_limit_over_the_admissions_of_eight_processes(
    state: str, actors: list[Actor]
) -> None:
    go(actors, 8, "burst", state, "2500")
    admitted = sorted(int(word) for actor in actors for word in line(actor).split())
    for limit in (SLOTS, EXACT):
        first = 0
        for last, tick in enumerate(admitted):
            while admitted[first] <= tick - limit.period:
                first += 1
            assert last - first + 1 <= limit.count
    assert len(admitted) > SLOTS.count


def test_no_window_of_any_limit_is_overfull_in_random_histories_of_eight_processes(
    state: str, actors: list[Actor]
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    actors += [start("wander", state, str(seed + at), "600") for at in range(8)]
    begin(actors)
    made: dict[tuple[int, str], list[tuple[int, int, float]]] = {}
    for actor in actors:
        while (said := line(actor)) != "done":
            which, cost, who, at, gone = said.split()
            admission = int(at), int(cost), math.inf if gone == "-" else int(gone)
            made.setdefault((int(which), who), []).append(admission)
    full = 0
    for (which, who), admissions in made.items():
        limit = SHARED[which]
        admissions.sort()
        for now, _, _ in admissions:
            # What was given back counts until it was, and surely was not yet at the tick `gone`.
            inside = sum(
                cost for at, cost, gone in admissions if now - limit.period < at <= now and now < gone
            )
            assert inside <= limit.count, f"seed {seed}: {inside} places of {limit} for {who} at {now}"
            full += inside == limit.count
    assert len(made) == 2 * len(SHARED)
    assert full > 100  # a limit that is never reached is not tried


def test_a_writer_killed_at_any_point_loses_no_epoch_and_opens_no_limit(
    state: str, actors: list[Actor], gate: AnyGate
) -> None:
    draw = random.Random(7)
    gate.load([], 1)
    marker = gate.ask((), ()).marker
    admitted = 0
    for turn in range(4):
        churners = [start("churn", state, f"{turn}-{at}") for at in range(4)]
        actors += churners
        assert [line(each) for each in churners] == ["ready"] * 4
        for at, each in enumerate(churners):
            for _ in range(draw.randrange(1, 120)):
                if line(each) == "+":
                    admitted += 1
            each.send_signal(signal.SIGKILL)
            rest = each.communicate()[0].split()
            admitted += rest.count("+")
            said = [int(word) for word in rest if word.isdigit()]
            key = subject_key(f"{turn}-{at}")
            # A mark that the dead writer left is dirty for readers, and found at once by the reconciler.
            for mark in gate.stale(86_400_000_000):
                assert mark.key.startswith(b"s")
                gate.publish([(mark.key, 0)], mark.token)
            epoch = gate.ask((key,), ()).epochs[0]
            assert epoch != DIRTY
            assert epoch >= max(said, default=0)
    # What was answered as admitted is counted: not lost with its writer, and never more than the limit.
    assert admitted <= gate.usage()[0].used <= 1_000
    assert admitted > 0
    assert gate.ask((), ()).marker == marker
    left = THOUSAND.count - gate.usage()[0].used
    assert sum(gate.ask((), charges(THOUSAND)).refused < 0 for _ in range(left + 10)) == left


def test_a_stopped_writer_does_not_stop_the_others(
    lmdb_state: Path, actors: list[Actor], lmdb_gate: LmdbGate
) -> None:
    few = Limit("few", 1, 86_400_000_000)
    refused = (Charge(few, limit_key(few, "bob")),)
    lmdb_gate.load([(subject_key("alice"), 3)], 1)
    assert lmdb_gate.ask((), refused).refused == -1
    assert lmdb_gate.ask((), refused).refused == 0
    stopped = start("stop", lmdb_state)
    actors.append(stopped)
    assert line(stopped) == "stopping"
    for _ in range(3):
        with pytest.raises(Unavailable, match="state_unavailable"):
            lmdb_gate.ask((), charges(HUNDRED))
        with pytest.raises(Unavailable):
            lmdb_gate.publish([(subject_key("alice"), 4)], b"blocked!")
        # What only reads goes on: epochs, and refusals that this worker remembers.
        assert lmdb_gate.ask((subject_key("alice"),), ()).epochs == (3,)
        assert lmdb_gate.ask((), refused).refused == 0
    stopped.send_signal(signal.SIGCONT)
    assert line(stopped) == "went on"
    assert lmdb_gate.ask((), charges(HUNDRED)).refused == -1
    lmdb_gate.publish([(subject_key("alice"), 4)], b"blocked!")
    assert lmdb_gate.ask((subject_key("alice"),), ()).epochs == (4,)


def test_killing_a_stopped_writer_gives_its_turn_back(
    lmdb_state: Path, actors: list[Actor], lmdb_gate: LmdbGate
) -> None:
    stopped = start("stop", lmdb_state)
    actors.append(stopped)
    assert line(stopped) == "stopping"
    with pytest.raises(Unavailable):
        lmdb_gate.ask((), charges(HUNDRED))
    stopped.kill()
    stopped.wait()
    assert lmdb_gate.ask((), charges(HUNDRED)).refused == -1


def test_a_forked_child_counts_with_its_parent_and_disturbs_nobody(
    state: str, actors: list[Actor], gate: AnyGate
) -> None:
    forking = start("fork", state)
    actors.append(forking)
    assert line(forking) == "100"
    # The parent lives on, and so does everyone else.
    assert gate.ask((), charges(HUNDRED)).refused == 0
    assert gate.usage()[0].used == 100
    tell(forking)
    assert forking.wait() == 0


def test_a_child_of_a_server_that_forks_in_c_opens_its_own(
    state: str, actors: list[Actor], gate: AnyGate
) -> None:
    forking = start("fork_in_c", state)
    actors.append(forking)
    assert line(forking) == "0 97"
    assert gate.ask((), charges(HUNDRED)).remaining == (96,)


def answers_again(gate: AnyGate) -> bool:
    try:
        gate.ask((), ())
    except Unavailable:
        return False
    return True


def test_a_gate_that_is_closed_under_a_request_answers_and_opens_again(gate: AnyGate) -> None:
    answers: list[int] = []
    failed: list[BaseException] = []

    over = time.monotonic() + 1

    def work() -> None:
        while time.monotonic() < over:
            try:
                answers.append(gate.ask((), charges(THOUSAND)).refused)
                gate.ask((), ())
            except Unavailable:
                pass
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the finding
                failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        gate.close()
        time.sleep(random.random() / 100)
    for thread in threads:
        thread.join()
    assert failed == []
    until(lambda: answers_again(gate), "the gate")  # whoever was cut off by the last close has it try again
    used, admitted = gate.usage()[0].used, answers.count(-1)
    assert 0 < admitted <= used
    if isinstance(gate, LmdbGate):
        assert admitted == used  # over a network an answer may be lost, and its place with it


def test_the_mark_of_a_dead_process_is_stale_at_once_and_of_a_living_one_is_not(
    state: str, actors: list[Actor], gate: AnyGate
) -> None:
    marking = start("mark", state, "alice")
    actors.append(marking)
    assert line(marking) == "marked"
    assert gate.ask((subject_key("alice"),), ()).epochs == (DIRTY,)
    assert gate.stale(86_400_000_000) == []
    tell(marking)
    marking.wait()
    assert [(mark.key, mark.token) for mark in gate.stale(86_400_000_000)] == [
        (subject_key("alice"), b"the-dead")
    ]


def test_clearing_in_one_process_opens_the_limit_in_another_that_remembers_a_refusal(
    state: str, gate: AnyGate, actors: list[Actor]
) -> None:
    for _ in range(101):
        gate.ask((), charges(HUNDRED))
    for _ in range(3):
        assert gate.ask((), charges(HUNDRED)).refused == 0
    go(actors, 1, "clear", state)
    assert line(actors[0]) == "1"
    assert gate.ask((), charges(HUNDRED)).refused == -1


def test_a_second_gate_over_one_file_in_one_process_is_an_error(
    lmdb_state: Path, lmdb_gate: LmdbGate
) -> None:
    """One environment of a file in one process, says lmdb."""
    lmdb_gate.ask((), ())
    other = LmdbGate(lmdb_state, map_size=MAP)
    with pytest.raises(Exception, match="E028"):
        other.open()
