"""Three living projects adopt Stockade: their own suites pass without it, with two lines and with ten.

Without it, nothing of ours is run, and what fails then fails with it too: that is one of the long tests.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.adopt.postgres import database

HERE = Path(__file__).resolve().parent
SUITES = {"shop": 126, "library": 107, "clinic": 101}  # how many tests each has, so that none is lost unseen
VARIANTS = (pytest.param("settings", marks=pytest.mark.soak), "report", "legacy")
SECONDS = 300


@pytest.fixture(scope="session")
def clinics() -> Iterator[dict[str, str]]:
    """A PostgreSQL for the clinic."""
    with ExitStack() as stack:
        yield stack.enter_context(database("clinic"))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", SUITES)
def test_the_projects_own_suite_passes(
    name: str, variant: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place = request.getfixturevalue("clinics") if name == "clinic" else {}
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("STOCKADE", "DJANGO"))
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "test", "--settings", f"config.{variant}", "--noinput"],
        cwd=HERE / name,
        env={**inherited, **place, "PYTHONDONTWRITEBYTECODE": "1", "XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    ran = re.search(r"^Ran (\d+) tests", done.stderr, re.MULTILINE)
    assert ran is not None
    assert int(ran[1]) == SUITES[name], "skipped or lost"
    assert "skipped" not in done.stderr.splitlines()[-1]
