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
from tests.faults.controls import Controls
from tests.faults.episode import episode
from tests.faults.faults import Fault
from tests.faults.stage import WORKERS, Stage, database_of, set_up, workers

EPISODE = 60.0  # seconds after which a history is checked and people are new


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


def run(asked: argparse.Namespace) -> dict[str, Any]:
    """All episodes; what came of them, as JSON takes it. `asked`: see `main`."""
    seconds, seed, only = asked.seconds, asked.seed, [name for name in asked.faults.split(",") if name]
    total: Counter[str] = Counter()
    answers: Counter[int] = Counter()
    recovery: dict[str, list[float]] = defaultdict(list)
    problems: list[str] = []
    after = 0
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stockade-faults-")))
        settings, postgres = stack.enter_context(database_of(folder, asked.database))
        url, table, needs = stack.enter_context(state_of(folder, asked.state))
        table |= parts.COMMON | (parts.POSTGRES if postgres else {})
        table = {name: table[name] for name in only} if only else table
        stage = Stage(folder, Controls(folder / "controls"), settings, postgres, needs)
        set_up(folder, settings, url, STATE_AWAY=asked.away)
        stack.enter_context(workers(stage, asked.workers))
        began = time.monotonic()
        number = 0
        while not problems and (
            number == 0 or _goes_on(time.monotonic() - began, seconds, sum(total.values()), asked.revocations)
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
    parser.add_argument("--workers", type=int, default=WORKERS, help="sync ones, and as many async ones")
    return parser


def end_in_order() -> None:
    """Have SIGTERM raise, as Ctrl-C does, so that everything that was started is stopped."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def main() -> int:
    end_in_order()
    parser = arguments(__doc__)
    parser.add_argument(
        "--revocations", type=int, default=0, help="go on until so many, ten times SECONDS at most"
    )
    parser.add_argument("--away", default="refuse", choices=["refuse", "admit"], help="STATE_AWAY")
    parser.add_argument("--faults", default="", help="only these, by name")
    found = run(parser.parse_args())
    print(json.dumps(found, indent=1))
    return 1 if found["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
