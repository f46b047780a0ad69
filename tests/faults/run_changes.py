"""One run of changes under load, without faults; prints a report as JSON.

Usage: ``python -m tests.faults.run_changes --state lmdb --database sqlite [--seconds N] [--seed S]``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.faults.changers import Changers, kinds
from tests.faults.checker import check
from tests.faults.controls import Controls
from tests.faults.episode import await_service
from tests.faults.history import History
from tests.faults.run import arguments, end_in_order, state_of
from tests.faults.stage import Stage, database_of, set_up, workers
from tests.faults.world import administrator, populate

MAX_AGE = 1.0  # seconds
SPARE = 4  # people for each second, to be deleted


def run(asked: argparse.Namespace) -> dict[str, Any]:
    """Every kind of change, over and over; what came of it, as JSON takes it. `asked`: see `run.arguments`."""
    seconds, seed = asked.seconds, asked.seed
    chance = random.Random(seed)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stockade-changes-")))
        settings, postgres = stack.enter_context(database_of(folder, asked.database))
        url, _, needs = stack.enter_context(state_of(folder, asked.state))
        stage = Stage(folder, Controls(folder / "controls"), settings, postgres, needs)
        set_up(folder, settings, url, PRINCIPAL_MAX_AGE=MAX_AGE)
        table = kinds(*administrator())
        history = History(seed)
        people, spare = populate(len(table) + 1, 2), populate(round(seconds * SPARE), 2)
        stack.enter_context(workers(stage, asked.workers))
        await_service(stage, history)
        crew = Changers(history, stage.ports, chance, table, people, spare, MAX_AGE)
        crew.start()
        time.sleep(seconds)  # it is time that the changes need
        crew.stop()
        report = check(history)
        problems = [f"seed {seed}\n{report.text()}\n{stage.output()}"] if report.violations else []
    return {
        "seed": seed,
        "problems": problems,
        "taken": dict(report.returned.most_common()),
        "requests after their right was taken": report.after,
        "answers": {str(status): count for status, count in sorted(report.answers.items())},
    }


def main() -> int:
    end_in_order()
    found = run(arguments(__doc__).parse_args())
    print(json.dumps(found, indent=1))
    return 1 if found["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
