"""A folder on a disk for counts, and the processes that a test starts."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stockade.core import clock
from stockade.gate import places
from stockade.gate.turn import Turn

Actor = subprocess.Popen[str]


@pytest.fixture(scope="session")
def disk() -> Iterator[Path]:
    """A folder on a real disk: counts are refused to lie in memory, where a temporary folder may be."""
    for base in (tempfile.gettempdir(), "/var/tmp", Path.cwd()):
        if places.suits(Path(base)):
            with tempfile.TemporaryDirectory(prefix="stockade-observe-", dir=base) as found:
                yield Path(found)
            return
    raise AssertionError("no folder on a disk")


@pytest.fixture
def folder(disk: Path) -> Path:
    """An empty folder on a disk, of this test alone."""
    return Path(tempfile.mkdtemp(dir=disk))


@pytest.fixture
def actors() -> Iterator[list[Actor]]:
    """Processes that the test starts; they are ended by their id."""
    started: list[Actor] = []
    yield started
    for actor in started:
        if actor.poll() is None:
            actor.kill()
        actor.communicate()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """For each wait for a turn that another process has: how many seconds it lasts at most."""
    found: list[float] = []
    wait = Turn.wait_for_processes

    def noted(turn: Turn) -> None:
        found.append(turn._patience())
        wait(turn)

    monkeypatch.setattr(Turn, "wait_for_processes", noted)
    return found


@pytest.fixture
def moved() -> Iterator[None]:
    """The clocks are put back after the test."""
    yield
    clock.unshift()
