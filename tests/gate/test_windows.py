"""The bytes of one limit key: their size, and when they may be forgotten."""

from __future__ import annotations

import random

import pytest

from stockade.gate import windows
from stockade.gate.protocol import Limit

SECOND = 1_000_000


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
