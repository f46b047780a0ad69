"""Every control in `controls.toml` is missed by its named test when a copy of the source lacks it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.servers import ROOT

LIST = ROOT / "tests" / "controls.toml"
SECONDS = 120
# What the run of this suite has set for itself, and a run inside it must find unset.
OWN = re.compile(r"^(STOCKADE_TEST_|PYTEST_|COVERAGE_|COV_)")


class ControlError(AssertionError):
    """An entry is stale, or its control can be removed without anybody noticing."""


@dataclass(frozen=True, slots=True)
class Control:
    """One entry of the list."""

    id: str
    what: str
    file: str
    snippet: str
    test: str
    replacement: str = ""

    def remove_from(self, root: Path) -> None:
        """Rewrite the file below `root` without the control.

        Raises:
            ControlError: the snippet is not there exactly once.
        """
        path = root / self.file
        source = path.read_text()
        found = source.count(self.snippet)
        if found != 1:
            raise ControlError(f"{self.id}: the snippet stands {found} times in {self.file}, not once")
        path.write_text(source.replace(self.snippet, self.replacement))
        compile(path.read_text(), str(path), "exec")  # a syntax error would fail every test
        for cached in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            cached.unlink()  # its size and second could match by chance


def load(path: Path = LIST) -> list[Control]:
    """The entries of a list.

    Raises:
        ControlError: an id is missing, odd or used twice.
    """
    entries = tomllib.loads(path.read_text()).get("control", [])
    controls = [Control(**entry) for entry in entries]
    for name, times in Counter(control.id for control in controls).items():
        if times > 1 or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
            raise ControlError(f"{name!r} is not a unique kebab-case id")
    return controls


def run_without(control: Control, folder: Path) -> None:
    """Copy the source into `folder`, take the control away, and run its test there.

    Raises:
        ControlError: the test did not fail as a test fails.
    """
    shutil.copytree(ROOT / "src", folder / "src")
    control.remove_from(folder)
    status, output, counts = _pytest(control.test, folder)
    if counts.get("errors"):
        raise ControlError(f"{control.id}: the test broke instead of failing:\n{output}")
    if status == 1 and counts.get("failures"):
        return
    if status == 0:
        raise ControlError(f"{control.id}: {control.test} passes without the control ({control.what})")
    raise ControlError(f"{control.id}: pytest ended with status {status}:\n{output}")


def _pytest(test: str, folder: Path) -> tuple[int, str, dict[str, int]]:
    """Run one test against the source in `folder`; exit status, output, and the counts of its report."""
    environment = {name: value for name, value in os.environ.items() if not OWN.match(name)}
    # PYTHONPATH comes before the folder that the editable installation adds; tests/conftest.py makes sure of it.
    environment |= {
        "PYTHONPATH": str(folder / "src"),
        "STOCKADE_TEST_SOURCE": str(folder / "src"),
        "TMPDIR": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    report = folder / "report.xml"
    command = [
        sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--junitxml={report}",
        "-o", "junit_family=xunit1", test,
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return -1, f"no end after {SECONDS} s\n{output}", {}
    counts: Counter[str] = Counter()
    if report.exists():
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            counts.update({key: int(suite.get(key, 0)) for key in ("errors", "failures", "skipped")})
    return process.returncode, output, counts


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "control" in metafunc.fixturenames:
        controls = load()
        metafunc.parametrize("control", controls, ids=[control.id for control in controls])


def test_a_removed_control_is_missed_by_its_test(control: Control, tmp_path: Path) -> None:
    run_without(control, tmp_path)
