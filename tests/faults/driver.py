"""Runs a driver in a process of its own, which sets Django up for the project of these tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.servers import ROOT


def drive(module: str, *arguments: str, seconds: float) -> dict[str, Any]:
    """The report of a run.

    Raises:
        AssertionError: there were violations, or no report; with the seed and the lines that show it.
    """
    found = report(module, *arguments, seconds=seconds)
    assert not found["problems"], "\n".join(found["problems"])
    return found


def report(module: str, *arguments: str, seconds: float, **environment: str) -> dict[str, Any]:
    """The report of a run, whatever it says."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.faults.{module}", *arguments, "--seconds", str(seconds)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        output, errors = process.communicate(timeout=180 + 12 * seconds)
    finally:
        if process.poll() is None:
            process.terminate()  # it stops what it has started
            process.communicate(timeout=60)
    assert output, errors
    found: dict[str, Any] = json.loads(output)
    return found
