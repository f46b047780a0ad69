"""The limits of the report are exact, shared, and in nobody's way."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stockade.core import clock
from stockade.core.errors import ConfigurationError, Unavailable
from stockade.gate.lmdb import LmdbGate
from stockade.gate.memory import MemoryGate
from stockade.observe import limits, place
from stockade.observe.limits import Limits

RATES = {"anon": "3/min"}


@pytest.fixture
def own(folder: Path, monkeypatch: pytest.MonkeyPatch, moved: None) -> Iterator[Limits]:
    """Limits as a serving process has them, in a folder of the test's."""
    monkeypatch.setattr(place, "directory", lambda: folder / "report")
    monkeypatch.setattr(limits, "under_test", lambda: False)
    made = Limits(RATES)
    yield made
    made.close()


def test_what_is_over_is_told_and_takes_no_place(own: Limits, folder: Path) -> None:
    assert [own.exceeded("anon", "a") for _ in range(5)] == [False, False, False, True, True]
    assert not own.exceeded("anon", "b")
    assert isinstance(own._gate, LmdbGate)
    for made in (folder / "report", folder / "report" / "limits"):
        assert made.stat().st_mode & 0o777 == 0o700  # else no counts would be written there
    clock.shift(61)
    assert not own.exceeded("anon", "a")


def test_a_stopped_writer_holds_up_nobody(own: Limits, folder: Path, waits: list[float]) -> None:
    own.exceeded("anon", "a")
    descriptor = os.open(folder / "report" / "limits" / "turn", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert [own.exceeded("anon", "a") for _ in range(1000)] == [False] * 1000
    finally:
        os.close(descriptor)
    assert 0 < sum(waits) < 0.5
    clock.shift(2)
    assert [own.exceeded("anon", "a") for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize("error", [Unavailable(), ConfigurationError("x", "y", "z"), OSError(28, "full")])
def test_a_state_that_fails_is_left_alone_for_a_second(
    error: Exception, moved: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: made-up callers fill the state, and each further request of anybody's sweeps it."""
    gate = MemoryGate()
    asked: list[int] = []

    def full(*_: object) -> None:
        asked.append(1)
        raise error

    monkeypatch.setattr(gate, "ask", full)
    own = Limits(RATES, gate)
    for _ in range(1000):
        assert not own.exceeded("anon", "a")
    assert len(asked) == 1
    clock.shift(2)
    own.exceeded("anon", "a")
    assert len(asked) == 2


def test_a_place_that_cannot_be_used_is_memory(own: Limits, folder: Path) -> None:
    (folder / "report").mkdir(mode=0o700)
    (folder / "report" / "limits").write_text("in the way")
    assert [own.exceeded("anon", "a") for _ in range(4)] == [False, False, False, True]
    assert isinstance(own._gate, MemoryGate)


def test_who_is_over_a_limit_is_not_asked_about_again_until_a_place_may_be_free() -> None:
    """The dear answer is the refusal. It is believed for two seconds at most, and never past the window's end."""
    gate = MemoryGate()
    asked: list[int] = []
    real = gate.ask

    def ask(*args: Any) -> Any:
        asked.append(1)
        return real(*args)

    gate.ask = ask  # type: ignore[method-assign]
    limits = Limits({"anon": "2/min", "user": "2/s"}, gate)
    try:
        assert [limits.exceeded("anon", "a") for _ in range(9)] == [False, False] + [True] * 7
        assert len(asked) == 3
        assert not limits.exceeded("anon", "b")
        clock.shift(61)
        assert [limits.exceeded("anon", "a") for _ in range(3)] == [False, False, True]
        asked.clear()
        assert [limits.exceeded("user", "a") for _ in range(4)] == [False, False, True, True]
        clock.shift(1.001)  # a window that ends sooner than the two seconds
        assert not limits.exceeded("user", "a")
    finally:
        clock.unshift()
