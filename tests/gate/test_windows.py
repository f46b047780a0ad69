"""The bytes of one limit key: their size, and when they may be forgotten."""

from __future__ import annotations

import random

import pytest

from stockade.gate import windows
from stockade.gate.protocol import Limit

SECOND = 1_000_000
TOLD = [Limit("a", 3, 10 * SECOND), Limit("b", 1, 7), Limit("c", 60, SECOND), Limit("d", 90, 4 * SECOND)]


@pytest.mark.parametrize(
    "limit", [Limit("a", 60, 60 * SECOND), Limit("b", 10**9, 60 * SECOND), Limit("c", 61, 61)]
)
def test_a_value_does_not_grow_with_its_use(limit: Limit) -> None:
    draw = random.Random(1)
    value: bytes | None = None
    now = 0
    longest = 0
    for _ in range(5_000):
        now += draw.choice([0, 1, limit.grain, limit.period // 50])
        new, _, _ = windows.charge(value, limit, 1, now)
        value = new or value
        longest = max(longest, len(value or b""))
    assert longest <= 36 + 60 * 12


@pytest.mark.parametrize("limit", [Limit("a", 5, 60 * SECOND), Limit("b", 100, 60 * SECOND)])
def test_a_value_expires_when_its_last_place_comes_free_and_not_before(limit: Limit) -> None:
    value, _, _ = windows.charge(None, limit, 2, 0)
    assert value is not None
    value, _, _ = windows.charge(value, limit, 3, 30 * SECOND)
    assert value is not None
    end = windows.expiry(value)
    assert windows.usage(value, end - 1)[0] == 3
    assert windows.usage(value, end)[0] == 0
    assert end <= 30 * SECOND + limit.period + (0 if limit.count <= 60 else limit.grain)


def test_the_count_is_exact_where_every_place_has_its_own_time() -> None:
    limit = Limit("a", 3, 10)
    value: bytes | None = None
    for now, admitted in [
        (0, True),
        (4, True),
        (5, True),
        (9, False),
        (10, True),
        (13, False),
        (14, True),
        (15, True),
    ]:
        new, _, _ = windows.charge(value, limit, 1, now)
        assert (new is not None) is admitted
        value = new or value


def _history(limit: Limit, rate: float, late: int, seed: int) -> list[int]:
    """Ticks at which it happened, in the order in which they are told: each up to `late` microseconds afterwards."""
    draw = random.Random(seed)
    now = 10**9
    happened = []
    for _ in range(1500):
        now += round(draw.expovariate(rate * limit.count / limit.period))
        happened.append(now)
    return sorted(happened, key=lambda at: at + draw.randrange(late + 1))


def _admitted(limit: Limit, history: list[int]) -> list[int]:
    value: bytes | None = None
    found = []
    for at in history:
        new = windows.told(value, limit, at)
        if new is not None:
            value = new
            found.append(at)
    return sorted(found)


def _most(limit: Limit, ticks: list[int], period: int) -> int:
    """How many there are in the fullest window, by looking at every one."""
    return max(sum(at - period < other <= at for other in ticks) for at in ticks)


@pytest.mark.parametrize("limit", TOLD, ids=lambda limit: limit.name)
@pytest.mark.parametrize("late", [0, 3, 1_500_000])
def test_what_is_told_late_overfills_a_window_by_its_lateness_at_most(limit: Limit, late: int) -> None:
    late = min(late, limit.period // 4)
    history = _history(limit, 2.0, late, seed=late + limit.count)
    admitted = _admitted(limit, history)
    assert len(admitted) < len(history) * 0.8
    assert _most(limit, admitted, limit.period - late) <= limit.count
    assert late or _most(limit, admitted, limit.period) == limit.count


@pytest.mark.parametrize("limit", TOLD, ids=lambda limit: limit.name)
@pytest.mark.parametrize("late", [0, 3, 1_500_000])
def test_who_keeps_to_a_limit_is_never_told_of_however_late(limit: Limit, late: int) -> None:
    late = min(late, limit.period // 4)
    grain = 0 if limit.count <= 60 else limit.grain  # there a place comes free late by a slot
    kept: list[int] = []
    for at in sorted(_history(limit, 1.3, 0, seed=late)):
        if sum(at - limit.period - grain <= other for other in kept[-limit.count - 1 :]) < limit.count:
            kept.append(at)
    assert _most(limit, kept, limit.period) == limit.count  # up to the very bound
    draw = random.Random(limit.count)
    told = sorted(kept, key=lambda at: at + draw.randrange(late + 1))
    assert late < limit.period // limit.count or told != kept
    assert _admitted(limit, told) == kept


@pytest.mark.parametrize("limit", TOLD, ids=lambda limit: limit.name)
def test_what_is_told_in_order_is_what_would_have_been_asked(limit: Limit) -> None:
    value: bytes | None = None
    other: bytes | None = None
    for at in sorted(_history(limit, 2.0, 0, seed=5)):
        told, asked = windows.told(value, limit, at), windows.charge(other, limit, 1, at)[0]
        assert told == asked
        value, other = told or value, asked or other


def test_what_is_told_of_another_shape_is_not_misread() -> None:
    limit = Limit("a", 3, 10 * SECOND)
    value, _, _ = windows.charge(None, Limit("a", 3, 20 * SECOND), 3, 100 * SECOND)
    assert windows.told(value, limit, 99 * SECOND) == windows.charge(None, limit, 1, 99 * SECOND)[0]
