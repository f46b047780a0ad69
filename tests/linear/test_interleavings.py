"""Eight processes refresh, revoke, end, read and rotate at random over real workers: what they saw is linearizable."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections

from stockade import conf, keyring
from stockade.models import SecurityEvent, Session, SigningKey
from tests import servers
from tests.linear.checker import check, why
from tests.linear.clients import PASSWORD, SECOND, Plan, Recorded, others_of, run
from tests.linear.history import Operation, concurrent_pairs, until
from tests.linear.model import START, Call, Kind, Specification, Token, reads
from tests.linear.served import LEEWAY, project
from tests.state_servers import redis_server

pytestmark = pytest.mark.django_db(transaction=True)

PROCESSES, WORKERS, THREADS = 8, 2, 4
USERS = ("alice", "bob", "carol")
BOUNDED, LONG = 7.0, 30.0  # seconds of traffic in a round
SOME = ("refresh new", "refresh again", "refresh refused", "access done", "access refused", "rotate done")
ALL = (  # what a long run must have seen
    "refresh new", "refresh again", "refresh refused", "refresh None", "access done", "access refused", "check done",
    "check refused", "revoke done", "end done", "end gone", "others done", "listed True", "listed False",
    "rotate done", "compromised done",
)  # fmt: skip
SPECIFICATION = Specification(round(LEEWAY * SECOND))


@dataclass
class Tally:
    """What a run was made of; an interleaving that never happened proves nothing."""

    calls: int = 0
    sessions: int = 0
    operations: int = 0  # one that concerns several sessions stands in the history of each
    pairs: int = 0
    unanswered: int = 0
    widest: int = 0
    seconds: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    workers: Counter[str] = field(default_factory=Counter)

    def count(self, history: list[Operation[Call]]) -> None:
        """Which calls got which answers."""
        successors: set[object] = set()
        for each in sorted(history, key=lambda each: each.began):
            kind, answer = each.call.kind, each.answer
            if kind is Kind.REFRESH and isinstance(answer, Token):
                answer = "again" if answer in successors else "new"
                successors.add(each.answer)
            elif isinstance(answer, Token) or kind is Kind.ROTATE:
                answer = "done"
            self.kinds[f"{kind.value} {answer}"] += 1

    def missing(self, wanted: tuple[str, ...]) -> list[str]:
        """What has not happened."""
        return [each for each in wanted if not self.kinds[each]]

    def __str__(self) -> str:
        kinds = ", ".join(f"{name} {count}" for name, count in sorted(self.kinds.items()))
        return (
            f"{self.calls} calls; {self.sessions} sessions, {self.operations} operations, "
            f"{self.pairs} concurrent pairs, {self.unanswered} without an answer, "
            f"at most {self.widest} configurations, judged in {self.seconds:.1f} s: {kinds}"
        )


@pytest.fixture(params=["lmdb", "redis"])
def state(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a state that starts empty."""
    folder = Path(tempfile.mkdtemp(prefix="stockade-linear-", dir="/var/tmp"))  # a disk: lmdb refuses others
    if request.param == "lmdb":
        yield f"lmdb://{folder}"
    else:
        with redis_server(request.param, folder=folder) as server:
            yield server.url
    shutil.rmtree(folder)


@pytest.fixture
def workers(state: str, settings: Any, transactional_db: None) -> Iterator[servers.Server]:
    """Real workers over the state and the test's database; this process shares both."""
    settings.STOCKADE = project(state)
    environment = {"DJANGO_SETTINGS_MODULE": "tests.linear.served", "STOCKADE_TEST_STATE": state}
    options = ["--blocking-threads", str(THREADS), "--respawn-failed-workers", "--respawn-interval", "0.2"]
    with servers.granian(
        "tests.linear.served:application", workers=WORKERS, options=options, env=environment
    ) as running:
        yield running
    conf.forget()


def interleave(server: servers.Server, state: str, board: Path, seed: int, seconds: float) -> list[Recorded]:
    """One run of the clients; what each of them saw."""
    plan = Plan(server.base_url, state, board, seed, seconds, PROCESSES, USERS)
    keyring.forget()
    board.write_text(json.dumps({"kid": keyring.ring().signer().kid}) + "\n")
    connections.close_all()
    return servers.run_processes(PROCESSES, run, plan, django=True, seconds=seconds + 120)


def histories(found: list[Recorded]) -> dict[int, list[Operation[Call]]]:
    """One history for each session, with what concerned it as one of many: keys, and its owner's other sessions."""
    merged: dict[int, list[Operation[Call]]] = {}
    for each in found:
        for number, calls in each.sessions.items():
            merged.setdefault(number, []).extend(calls)
    keys = [call for each in found for call in each.keys]
    sessions = {}
    for number, user in (item for each in found for item in each.owners.items()):
        calls = merged[number]
        last = max(each.began if each.pending else each.ended for each in calls)
        around = [*keys, *merged.get(others_of(user), [])]
        sessions[number] = calls + until(around, last)
    return sessions


def judge(found: list[Recorded], seed: int, tally: Tally) -> None:
    """Check every session's history, and add up what there was."""
    assert [line for each in found for line in each.odd] == [], f"seed {seed}: answers that no call may get"
    began = time.monotonic()
    for number, history in histories(found).items():
        verdict = check(history, START, SPECIFICATION.step, reads)
        if not verdict.linearizable:
            reason = why(history, START, SPECIFICATION.step, reads)
            pytest.fail(f"seed {seed}, session {number} is not linearizable:\n{reason}")
        tally.sessions += 1
        tally.operations += len(history)
        tally.pairs += concurrent_pairs(history)
        tally.unanswered += sum(each.pending for each in history)
        tally.widest = max(tally.widest, verdict.widest)
        tally.count(history)
    tally.seconds += time.monotonic() - began
    for each in found:
        tally.workers.update(each.workers)
        tally.calls += len(each.keys) + sum(map(len, each.sessions.values()))


def seed_of_this_run() -> int:
    """A new one each time; STOCKADE_TEST_SEED repeats the choices of a run, though not its timing."""
    return int(os.environ.get("STOCKADE_TEST_SEED") or random.SystemRandom().randrange(2**32))


def round_of(
    server: servers.Server, state: str, board: Path, seed: int, seconds: float, tally: Tally
) -> None:
    """One run over fresh sessions, judged. What it left behind is deleted: keys and sessions would add up."""
    found = interleave(server, state, board, seed, seconds)
    judge(found, seed, tally)
    Session.objects.all().delete()
    SigningKey.objects.all().delete()
    SecurityEvent.objects.all().delete()


@pytest.fixture
def owners(transactional_db: None) -> None:
    for name in USERS:
        User.objects.create_user(name, password=PASSWORD)


def test_what_eight_processes_see_of_a_session_is_linearizable(
    workers: servers.Server, state: str, tmp_path: Path, owners: None
) -> None:
    tally, seed = Tally(), seed_of_this_run()
    for number in range(3):  # a second round only where the machine is so busy that too little happened
        round_of(workers, state, tmp_path / f"board-{number}", seed + number, BOUNDED, tally)
        if not tally.missing(SOME):
            break
    print(f"seed {seed}: {tally}")
    # It was no idle run: both workers answered, calls overlapped, and every kind of thing happened.
    assert tally.missing(SOME) == []
    assert len(tally.workers) == WORKERS
    assert tally.pairs > tally.operations / 4


@contextmanager
def killing(server: servers.Server, every: float, draw: random.Random) -> Iterator[list[int]]:
    """Kill a worker now and then, wherever it is; granian starts another. Gives the pids of those that died.

    Only one that has served for a while: granian gives up if a worker dies while it starts.
    """
    over, killed = threading.Event(), []
    seen: dict[int, float] = {}

    def work() -> None:
        while not over.wait(1):
            now = time.monotonic()
            children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
            seen.update({int(pid): now for pid in children if int(pid) not in seen})
            ages = [now - seen[int(pid)] for pid in children]
            if len(children) == WORKERS and min(ages) > every:
                killed.append(int(draw.choice(children)))
                os.kill(killed[-1], signal.SIGKILL)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


@pytest.mark.soak
def test_rounds_of_eight_processes_stay_linearizable(
    workers: servers.Server, state: str, tmp_path: Path, owners: None
) -> None:
    tally, seed = Tally(), seed_of_this_run()
    end = time.monotonic() + float(os.environ.get("SOAK_SECONDS", "60"))
    rounds = 0
    with killing(workers, 12, random.Random(seed)) as killed:
        while not rounds or time.monotonic() < end or (tally.missing(ALL) and rounds < 10):
            round_of(workers, state, tmp_path / f"board-{rounds}", seed + rounds, LONG, tally)
            rounds += 1
    print(f"{rounds} rounds from seed {seed}, {len(killed)} workers killed: {tally}")
    assert killed
    assert tally.missing(ALL) == []
