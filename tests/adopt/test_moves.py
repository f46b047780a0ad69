"""Living projects move to declared policies by the diffs in moves/: their suites pass, every planted hole is closed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adopt.postgres import database

HERE = Path(__file__).resolve().parent
SUITES = {"shop": 126, "library": 107, "clinic": 101}  # how many tests each has after the move
SECONDS = 300

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module", params=SUITES)
def name(request: pytest.FixtureRequest) -> str:
    """A project."""
    return str(request.param)


@pytest.fixture(scope="module")
def before(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project as it was, without the settings that the other tests put beside it."""
    leave = shutil.ignore_patterns("report.py", "legacy.py", "__pycache__", "*.sqlite3", ".*")
    folder = tmp_path_factory.mktemp(name)
    return Path(shutil.copytree(HERE / name, folder / "project", ignore=leave))


@pytest.fixture(scope="module")
def moved(name: str, before: Path) -> Path:
    """A copy to which the diff was applied."""
    folder = Path(shutil.copytree(before, before.parent / "moved"))
    diff = HERE / "moves" / f"{name}.diff"
    subprocess.run(["git", "apply", str(diff)], cwd=folder, check=True, timeout=SECONDS)
    return folder


@pytest.fixture(scope="module")
def place(name: str) -> Iterator[dict[str, str]]:
    """Variables that name a PostgreSQL for the clinic."""
    if name != "clinic":
        yield {}
        return
    with database(name) as variables:
        yield variables


@pytest.fixture(scope="module")
def run(place: dict[str, str]) -> Run:
    """Starts a process in a copy of the project, with this Python."""
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("STOCKADE", "DJANGO", "GIT"))
    }

    def started(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env={
                **inherited,
                **place,
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "PYTHONDONTWRITEBYTECODE": "1",
                "XDG_STATE_HOME": str(folder.parent / "state"),
            },
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    return started


def attacks(run: Run, name: str, folder: Path) -> dict[str, bool]:
    """Which attacks succeed there."""
    done = run(folder, str(HERE / "moves" / "attack.py"), str(HERE / "attacks" / f"{name}.py"))
    assert done.returncode == 0, done.stderr[-6000:]
    found: dict[str, bool] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def attacks_before(run: Run, name: str, before: Path) -> dict[str, bool]:
    """Which succeed in the project as it was."""
    return attacks(run, name, before)


@pytest.fixture(scope="module")
def attacks_after(run: Run, name: str, moved: Path) -> dict[str, bool]:
    """Which succeed in the one that has moved."""
    return attacks(run, name, moved)


def facts(name: str) -> list[dict[str, Any]]:
    """What is known of the project as it was."""
    listed: list[dict[str, Any]] = tomllib.loads((HERE / f"{name}.toml").read_text())["fact"]
    return listed


def test_every_attack_succeeds_before(name: str, attacks_before: dict[str, bool]) -> None:
    listed = {fact["attack"] for fact in facts(name) if fact["hole"] and "attack" in fact}
    assert listed <= attacks_before.keys()
    holes = {each: succeeded for each, succeeded in attacks_before.items() if each.startswith("attack_")}
    assert [each for each, succeeded in holes.items() if not succeeded] == []


def test_its_own_suite_passes_after(run: Run, name: str, moved: Path) -> None:
    done = run(moved, "manage.py", "test", "--noinput")
    assert done.returncode == 0, done.stderr[-6000:]
    ran = re.search(r"^Ran (\d+) tests", done.stderr, re.MULTILINE)
    assert ran is not None
    assert int(ran[1]) == SUITES[name], "skipped or lost"


def test_no_attack_succeeds_after(attacks_after: dict[str, bool]) -> None:
    assert [each for each, succeeded in attacks_after.items() if succeeded] == []


def test_nobody_gains_by_the_move(attacks_before: dict[str, bool], attacks_after: dict[str, bool]) -> None:
    closed = [each for each in attacks_before if each.startswith("gain_")]
    assert closed != []
    assert [each for each in closed if attacks_before[each] or attacks_after[each]] == []


def test_the_report_finds_no_view_undeclared_and_no_hole_left(run: Run, name: str, moved: Path) -> None:
    done = run(moved, "manage.py", "stockade", "report", "--format", "json")
    assert done.returncode in (0, 1), done.stderr[-6000:]
    assert done.stdout, done.stderr[-6000:]  # a crash ends with 1 as well
    report = json.loads(done.stdout)
    assert (report["configured"], report["views"]["undeclared"]) == (True, 0)
    left = {(fact["kind"], fact["view"]) for fact in report["facts"]}
    assert [fact for fact in facts(name) if fact["hole"] and (fact["kind"], fact["view"]) in left] == []
    assert left <= {(fact["kind"], fact["view"]) for fact in facts(name)}, "new ones"


def test_nothing_of_the_first_steps_is_left(run: Run, name: str, moved: Path) -> None:
    done = run(
        moved,
        "-c",
        "import django; django.setup(); from stockade import conf; print(sorted(conf.raw()))",
    )
    assert done.returncode == 0, done.stderr[-6000:]
    assert not {"UNDECLARED", "MODE"} & set(re.findall(r"\w+", done.stdout))
