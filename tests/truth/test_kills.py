"""Killing any worker at any point loses no revocation: real processes, SIGKILL, SQLite and PostgreSQL with lmdb."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stockade.gate.protocol import DIRTY
from tests.servers import ROOT, child_environment

pytestmark = pytest.mark.django_db(transaction=True)


def nursery(directory: Path, *arguments: str) -> Any:
    """Run the nursery on this test's database; its answer."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.truth.nursery", str(directory / "state"), *arguments],
        cwd=ROOT,
        env=child_environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_writer_that_is_killed_at_any_step_of_a_change(tmp_path: Path) -> None:
    """Between mark and commit, in the commit, between commit and publication: never a clean, old epoch over new SQL."""
    found = nursery(tmp_path, "points")
    assert len(found) == 10
    for name, seen in found.items():
        assert seen["signal"] == signal.SIGKILL, name
        committed = seen["key"] in seen["revoked"]
        assert committed == name.startswith(("in-commit", "before-publish")), name
        # Readers ask SQL until it is repaired, whether it was committed or not: nobody knows yet.
        assert seen["before"] == (0 if name.startswith("before-mark") else DIRTY), name
        assert seen["dirty"] == seen["lost"] == seen["invented"] == [], name
        if committed:
            assert seen["after"] > 0, name


@pytest.mark.parametrize("rounds", [15, pytest.param(300, marks=pytest.mark.soak)])
def test_nothing_that_was_answered_as_revoked_is_admitted_whenever_workers_are_killed(
    rounds: int, tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    found = nursery(tmp_path, "random", str(seed), str(rounds))
    assert found["problems"] == [], f"seed {seed}"
    assert found["dirty"] == found["lost"] == found["invented"] == [], f"seed {seed}"
    assert set(found["answered"]) <= set(found["revoked"]), f"seed {seed}"
    # Else nothing was tried: most died at work, having answered some.
    assert found["killed"] >= 0.8 * rounds, f"seed {seed}"
    assert len(found["answered"]) >= rounds, f"seed {seed}"
