"""One run: episodes of traffic and faults on a stage, each history checked; prints a report as JSON.

Usage: ``python -m tests.faults.run --state lmdb --database sqlite [--seconds N] [--seed S] [--faults NAME,NAME]``.
States: lmdb, redis, valkey, sentinel. Databases: sqlite, postgres. Faults: see the tables in `tests.faults.faults*`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults import faults as parts, faults_redis, faults_sentinel
from tests.faults.checker import GRACE, Report, check
from tests.faults.client import Client, Connection
from tests.faults.controls import Controls
from tests.faults.faults import Fault
from tests.faults.history import Fault as Entry, History, now
from tests.faults.lives import Lives, both
from tests.faults.stage import Stage, database_of, set_up, workers
from tests.faults.world import Person, populate

EPISODE = 60.0  # seconds after which a history is checked and people are new
PER_SECOND = 2  # people for each second of an episode; when none is left the standing ones go on
ASLEEP = 2  # people who end before each fault, and are tried during it
LIVES = 4  # threads that change things
KIDS = 4  # keys that sign for the people of an episode; all but the last are retired as compromised
SESSIONS = 5


def episode(stage: Stage, table: dict[str, Fault], seconds: float, seed: int) -> tuple[History, Report]:
    """Traffic for some seconds while every fault of `table` comes at least once, in random order."""
    chance = random.Random(seed)
    history = History(seed)
    people = crowd(int(seconds * PER_SECOND))
    traffic = Lives(history, stage.ports, chance, people, populate(LIVES, 1))
    client = traffic.client()
    sleepers = populate(ASLEEP * (len(table) + int(seconds / 2)), 2)
    await_service(stage, history)
    began = time.monotonic()
    traffic.start()
    try:
        rounds = list(table)
        chance.shuffle(rounds)
        kids = list({person.kid: None for person in people})[:-1]
        every = max(1, len(rounds) // (len(kids) + 1))
        number = 0
        while number < len(rounds) or time.monotonic() - began < seconds:
            name = rounds[number] if number < len(rounds) else chance.choice(rounds)
            number += 1
            time.sleep(chance.uniform(0.1, 0.4))
            parts.wait_for(lambda: table[name].ready(stage), f"the moment for {name}")  # noqa: B023 - called at once
            traffic.lay_down(client, chance, [sleepers.pop() for _ in range(min(ASLEEP, len(sleepers)))])
            moment = now()
            table[name].take(stage, chance)
            history.faults.append(Entry(name, moment, now()))
            await_service(stage, history)
            traffic.asleep = []
            if kids and number % every == 0:
                retire(traffic, client, people, kids.pop())
    finally:
        traffic.stop()
        client.close()
    return history, check(history)


def crowd(count: int) -> list[Person]:
    """People for an episode, whose tokens several keys have signed; one after the other, as they live."""
    from stockade import keyring

    groups = []
    for _ in range(KIDS):
        keyring.rotate(now=True)
        groups.append(populate(max(1, count // KIDS), SESSIONS))
    return [person for group in zip(*groups, strict=True) for person in group]


def retire(traffic: Lives, client: Client, people: list[Person], kid: str) -> None:
    """A key is compromised: all that it has signed ends."""
    rights = [right for person in people if person.kid == kid for right in both(*person.credentials)]
    traffic.retired.add(kid)
    for _ in range(50):
        body = {"what": "retire", "kid": kid}
        answer = client.change("retire a key", rights, method="POST", path="/change/", body=body)
        if answer.good:
            break
        time.sleep(0.05)  # it is repeated until it is answered, as an operator would


def await_service(stage: Stage, history: History) -> None:
    """Wait until every server is ready several times in a row; five seconds after a part's return it must be."""
    if not history.faults:
        parts.wait_for(lambda: parts.complete(stage), "every worker")
        stage.controls.begin()
        stage.mortals()
    deadline, well = now() + GRACE, 0
    while well < 4:
        for port, _ in stage.ports:
            connection = Connection(port)
            well = well + 1 if connection.ask("GET", "/readyz").status == 200 else 0
            connection.close()
        if now() > deadline:
            last = history.faults[-1].name if history.faults else "the start"
            history.notes.append(f"no full service within 5 s after {last}")
            return
        if not well:
            time.sleep(0.02)  # the workers decide when


@contextlib.contextmanager
def state_of(folder: Path, kind: str) -> Iterator[tuple[str, dict[str, Fault], dict[str, Any]]]:
    """A state: its URL, its own faults, and what they need."""
    if kind == "lmdb":
        yield f"lmdb://{folder / 'state'}", dict(parts.LMDB), {}
    elif kind == "sentinel":
        with faults_sentinel.guarded(folder, "redis") as found:
            yield found
    else:
        with faults_redis.alone(folder, kind) as found:
            yield found


def run(
    state: str, database: str, seconds: float, seed: int, only: list[str], least: int = 0
) -> dict[str, Any]:
    """All episodes; what came of them, as JSON takes it.

    Args:
        least: it goes on until so many revocations have returned, but at most ten times as long as `seconds`.
    """
    total: Counter[str] = Counter()
    answers: Counter[int] = Counter()
    recovery: dict[str, list[float]] = defaultdict(list)
    problems: list[str] = []
    after = 0
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stockade-faults-")))
        settings, postgres = stack.enter_context(database_of(folder, database))
        url, table, needs = stack.enter_context(state_of(folder, state))
        table |= parts.COMMON | (parts.POSTGRES if postgres else {})
        table = {name: table[name] for name in only} if only else table
        stage = Stage(folder, Controls(folder / "controls"), settings, postgres, needs)
        set_up(folder, settings, url)
        stack.enter_context(workers(stage))
        began = time.monotonic()
        number = 0
        while not problems and (
            number == 0 or _goes_on(time.monotonic() - began, seconds, sum(total.values()), least)
        ):
            left = seconds - (time.monotonic() - began)
            length = min(EPISODE, left if left > 0 else EPISODE)
            history, report = episode(stage, table, length, seed + number)
            number += 1
            total.update(report.returned)
            answers.update(report.answers)
            after += report.after
            for name, took in report.recovery:
                recovery[name].append(took)
            if report.violations:
                problems.append(f"seed {history.seed}\n{report.text()}\n{stage.output()}")
    return {
        "seed": seed,
        "episodes": number,
        "problems": problems,
        "revocations": sum(total.values()),
        "by kind": dict(total.most_common()),
        "requests after their revocation": after,
        "answers": {str(status): count for status, count in sorted(answers.items())},
        "recovery in ms: times, median, worst": {
            name: [len(took), round(sorted(took)[len(took) // 2]), round(max(took))]
            for name, took in sorted(recovery.items())
        },
    }


def _goes_on(spent: float, seconds: float, revocations: int, least: int) -> bool:
    return spent < seconds or (revocations < least and spent < 10 * seconds)


def arguments(text: str | None) -> argparse.ArgumentParser:
    """What every run takes."""
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--state", default="lmdb")
    parser.add_argument("--database", default="sqlite")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    return parser


def end_in_order() -> None:
    """Have SIGTERM raise, as Ctrl-C does, so that everything that was started is stopped."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def main() -> int:
    end_in_order()
    parser = arguments(__doc__)
    parser.add_argument("--revocations", type=int, default=0)
    parser.add_argument("--faults", default="")
    asked = parser.parse_args()
    only = [name for name in asked.faults.split(",") if name]
    found = run(asked.state, asked.database, asked.seconds, asked.seed, only, asked.revocations)
    print(json.dumps(found, indent=1))
    return 1 if found["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
