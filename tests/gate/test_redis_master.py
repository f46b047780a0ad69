"""Whom the gate takes for the master, as time passes and Sentinels or masters fall silent."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from stockade.gate.redis import master as module
from stockade.gate.redis.address import parse
from stockade.gate.redis.line import Broken
from stockade.gate.redis.master import FRESH, PAUSE, Master


class Sentinels:
    """What stands for them here: real ones are in tests/faults. Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: tuple[str, int] | None = ("10.0.0.1", 6379)

    def discover_master(self, service: str) -> tuple[str, int]:
        assert service == "main"
        self.asked += 1
        if self.answer is None:
            raise redis.ConnectionError
        return self.answer


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock, which the test moves."""
    time = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: time[0])
    return time


@pytest.fixture
def sentinels(monkeypatch: pytest.MonkeyPatch) -> Sentinels:
    found = Sentinels()
    monkeypatch.setattr(module, "Sentinel", lambda *args, **kwargs: found)
    return found


@pytest.fixture
def master(now: Any, sentinels: Sentinels) -> Master:
    return Master(parse("redis+sentinel://10.0.0.9/main"))


def test_a_master_that_answers_is_asked_about_once_a_second(
    master: Master, sentinels: Sentinels, now: list[float]
) -> None:
    for _ in range(100):
        assert master.place() == ("10.0.0.1", 6379)
        master.heard()
        now[0] += 0.03
    assert 3 <= sentinels.asked <= 4


def test_nothing_is_sent_to_a_master_that_was_silent_before_the_sentinels_were_asked(
    master: Master, sentinels: Sentinels, now: list[float]
) -> None:
    """Frozen, replaced, awake again: it would answer by what it knew before the others were told of a revocation."""
    master.place()
    master.heard()
    now[0] += FRESH
    master.place()  # asked again, and it is still the master; but it says nothing
    sentinels.answer = ("10.0.0.2", 6379)
    now[0] += 0.01
    assert master.place() == ("10.0.0.2", 6379)


def test_silent_sentinels_are_not_asked_by_each_request(
    master: Master, sentinels: Sentinels, now: list[float]
) -> None:
    sentinels.answer = None
    for _ in range(100):
        with pytest.raises(Broken, match="no Sentinel"):
            master.place()
        now[0] += FRESH / 100
    assert sentinels.asked <= 2
    for _ in range(100):
        with pytest.raises(Broken, match="no Sentinel"):
            master.place(anew=True)
        now[0] += PAUSE / 100
    assert sentinels.asked <= 4
