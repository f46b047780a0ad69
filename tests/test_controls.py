"""Every control in `controls.toml` is missed by its named test when a copy of the source lacks it."""

from __future__ import annotations

import compileall
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.servers import ROOT
from tests.waiting import PATIENCE

LIST = ROOT / "tests" / "controls.toml"
TABLES = "tests/ground/control_subject.py::test_that_needs_tables"
NOTHING = "tests/ground/control_subject.py"
SECONDS = 120
# What the run of this suite has set for itself, and a run inside it must find unset.
OWN = re.compile(r"^(STOCKADE_TEST_|PYTEST_|COVERAGE_|COV_)")


class ControlError(AssertionError):
    """An entry is stale, or its control can be removed without anybody noticing."""


@dataclass(frozen=True, slots=True)
class Change:
    """A file of a copy of the source, and what it said before and says now."""

    file: Path
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Control:
    """One entry of the list."""

    id: str
    what: str
    file: str
    snippet: str
    test: str
    replacement: str = ""

    @contextlib.contextmanager
    def removed(self, root: Path) -> Iterator[Change]:
        """The file below `root` is without the control until the block ends.

        Raises:
            ControlError: the snippet is not there exactly once.
        """
        path = root / self.file
        source = path.read_text()
        found = source.count(self.snippet)
        if found != 1:
            raise ControlError(f"{self.id}: the snippet stands {found} times in {self.file}, not once")
        changed = source.replace(self.snippet, self.replacement)
        if path.suffix == ".py":
            compile(changed, str(path), "exec")  # a syntax error would fail every test
        try:
            self._write(path, changed)
            yield Change(path, source, changed)
        finally:
            self._write(path, source)

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text)
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


def run_without(control: Control, folder: Path, nursery: Nursery) -> None:
    """Take the control away from the nursery's copy of the source, and run its test there.

    Args:
        control: the one to do without.
        folder: where the test may write.
        nursery: whose copy it is.

    Raises:
        ControlError: the test did not fail as a test fails.
    """
    test, settings = itself(control.test)
    tables = None if control.file.startswith("src/stockade/models/") else nursery.prepare(settings)
    nursery.grow(settings)
    with control.removed(nursery.root) as change:
        status, output, counts = nursery.run(test, settings, folder, tables, change)
        if not counts.get("failures") or counts.get("errors"):
            # Nothing is held against a control until a process that has imported the changed source says so too: what
            # happens once, while modules are imported or Django is set up, is over when functions are amended.
            again = folder / "again"
            again.mkdir()
            status, output, counts = nursery.run(test, settings, again, tables)
    if counts.get("errors"):
        raise ControlError(f"{control.id}: the test broke instead of failing:\n{output}")
    if counts.get("failures"):
        return
    if status == 0:
        raise ControlError(f"{control.id}: {control.test} passes without the control ({control.what})")
    raise ControlError(f"{control.id}: pytest ended with status {status}:\n{output}")


def itself(test: str) -> tuple[str, str]:
    """The node to run, and the settings to run it under.

    A case that the suite runs in a process with settings of its own is run here at once, under these.
    """
    outer = re.fullmatch(r"(tests/.+)/test_\w+\.py::\w+\[(\w+)::(\w+)\]", test)
    if outer and (ROOT / outer[1] / "cases" / "settings.py").exists():
        cases = f"{outer[1]}/cases"
        return f"{cases}/{outer[2]}.py::{outer[3]}", f"{cases.replace('/', '.')}.settings"
    return test, "tests.settings"


class Nursery:
    """A warm process that runs one test after the other, each in a fork of its own, against a copy of the source."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT / "src", root / "src")
        compileall.compile_dir(root / "src", quiet=2)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.control_nursery"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def prepare(self, settings: str) -> Path:
        """A file with the tables of these settings, made by the source as it is: once, and not in every run."""
        made = self.root / f"{settings}.sqlite3"
        if not made.exists():
            folder = self.root / settings
            folder.mkdir()
            status, output, _ = self.run(TABLES, settings, folder, made)
            if status:
                raise ControlError(f"{TABLES} fails with every control in place:\n{output}")
        return made

    def run(
        self, test: str, settings: str, folder: Path, tables: Path | None, change: Change | None = None
    ) -> tuple[int, str, dict[str, int]]:
        """Run one test against the copy; exit status, output, and the counts of its report.

        Args:
            test: its node id.
            settings: the module of Django's settings.
            folder: where it may write.
            tables: see `prepare`; None for tables by the models of the copy.
            change: what makes the copy another one, for a run in a process that has imported it as it was; None for a
                run in a process that imports it as it is now.
        """
        report, output = folder / "report.xml", folder / "output"
        job = self._job("cold" if change is None else "amended", test, settings, folder, tables)
        if change is not None:
            job |= {"amend": str(change.file), "before": change.before, "after": change.after}
        status = self._send(job)
        text = output.read_text(errors="replace") if output.exists() else ""
        if status is None:
            return -1, f"no end after {SECONDS} s\n{text}", {}
        counts: Counter[str] = Counter()
        if report.exists():
            for suite in ElementTree.parse(report).getroot().iter("testsuite"):
                counts.update({key: int(suite.get(key, 0)) for key in ("errors", "failures", "skipped")})
        return status, text, counts

    def grow(self, settings: str) -> None:
        """Have a process import the copy as it is, under these settings, for the amended runs; once."""
        folder = self.root / f"grown-{settings}"
        if not folder.exists():
            folder.mkdir()
            self._send(self._job("grow", NOTHING, settings, folder, None))

    def _job(
        self, kind: str, test: str, settings: str, folder: Path, tables: Path | None
    ) -> dict[str, object]:
        source = self.root / "src"
        environment = {name: value for name, value in os.environ.items() if not OWN.match(name)}
        # PYTHONPATH is for what the test starts. It comes before the folder that the editable installation adds, and
        # tests/conftest.py makes sure that the source is the one meant.
        environment |= {
            "PYTHONPATH": str(source),
            "STOCKADE_TEST_SOURCE": str(source),
            "TMPDIR": str(folder),
            "STOCKADE_TEST_SHORT": tempfile.gettempdir(),
            "DJANGO_SETTINGS_MODULE": settings,
            "STOCKADE_TEST_FOREIGN": str(folder),
        }
        if tables is not None:
            environment["STOCKADE_TEST_TABLES"] = str(tables)
        # Plain assertions and tables without migrations: nobody reads how a test failed here, and 125 modules need no
        # rewriting in each run.
        options = ["-x", "-q", f"--ds={settings}", "--assert=plain", "--nomigrations"]
        # The last two collect all garbage, several times; what a test leaves behind is not the question here.
        for plugin in ("cacheprovider", "xdist", "unraisableexception", "threadexception"):
            options += ["-p", f"no:{plugin}"]
        return {
            "kind": kind,
            "source": str(source),
            "settings": settings,
            "environment": environment,
            "folder": str(folder),
            "output": str(folder / "output"),
            "report": str(folder / "report.xml"),
            "options": options,
            "test": test,
            "seconds": SECONDS,
        }

    def _send(self, job: dict[str, object]) -> int | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        status: int | None = json.loads(self._process.stdout.readline())
        return status

    def close(self) -> None:
        self._process.communicate(timeout=PATIENCE)


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """One for each process of the suite."""
    found = Nursery(tmp_path_factory.mktemp("nursery"))
    yield found
    found.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "control" in metafunc.fixturenames:
        controls = load()
        metafunc.parametrize("control", controls, ids=[control.id for control in controls])


def test_a_removed_control_is_missed_by_its_test(control: Control, tmp_path: Path, nursery: Nursery) -> None:
    run_without(control, tmp_path, nursery)
