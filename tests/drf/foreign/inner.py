"""Runs the cases of a file in a process with settings of its own, and says of each how it went."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.servers import ROOT

CASES = Path(__file__).parent / "cases"
SETTINGS = "tests.drf.foreign.cases.settings"
SECONDS = 240


def names(cases: Path = CASES) -> list[str]:
    """Every case of a folder as ``file::test``, without its parameters."""
    found = []
    for path in sorted(cases.glob("*.py")):
        found.extend(
            f"{path.stem}::{node.name}"
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        )
    return found


def selected(case: str, request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The cases of `case`'s file that this run has selected in the module of the test that asks."""
    file = case.partition("::")[0]
    found = (
        item.callspec.params["case"]
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    )
    return tuple(sorted({one for one in found if one.startswith(f"{file}::")}))


@cache
def run(
    selected: tuple[str, ...], cases: Path = CASES, settings: str = SETTINGS
) -> tuple[dict[str, list[str]], str]:
    """The failures of each case by name (none: it has passed), and what pytest printed.

    Args:
        selected: cases of one file, all run at once.
        cases: the folder of that file.
        settings: the module of the process's settings.
    """
    nodes = [f"{cases.relative_to(ROOT)}/{case.replace('::', '.py::', 1)}" for case in selected]
    with tempfile.TemporaryDirectory(prefix="stockade-foreign-") as folder:
        report = Path(folder) / "report.xml"
        command = [
            sys.executable, "-m", "pytest", "-q", f"--ds={settings}", "--nomigrations", "--tb=short",
            "-p", "no:cacheprovider", "-p", "no:xdist", f"--junitxml={report}", *nodes,
        ]  # fmt: skip
        hidden = ("PYTEST_XDIST_", "PYTEST_CURRENT_TEST", "PYTEST_ADDOPTS")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
        environment["DJANGO_SETTINGS_MODULE"] = settings
        environment["STOCKADE_TEST_FOREIGN"] = folder
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS
        )
        output = done.stdout + done.stderr
        return (_outcomes(ElementTree.parse(report).getroot()) if report.exists() else {}), output


def _outcomes(root: ElementTree.Element) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for case in root.iter("testcase"):
        name = f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name', '').partition('[')[0]}"
        bad: Iterable[ElementTree.Element] = [
            *case.iter("failure"),
            *case.iter("error"),
            *case.iter("skipped"),
        ]
        found.setdefault(name, []).extend(f"{case.get('name')}\n{one.text}" for one in bad)
    return found
