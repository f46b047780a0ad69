"""Ratios and their intervals."""

from __future__ import annotations

import pytest

from bench import stats
from bench.driver import Samples
from bench.messages import Counts
from bench.rows import GET, ROWS


def samples(rounds: list[list[list[int]]], counts: Counts) -> Samples:
    return Samples(ROWS[0], rounds, counts)


def test_a_slow_round_hits_both_sides_and_leaves_the_ratio_alone() -> None:
    base = samples([[[1000] * 5, [9000] * 5, [1000] * 5]], Counts(10, 0, 0, {}))
    ours = samples([[[2000] * 5, [18000] * 5, [2000] * 5]], Counts(10, 5, 20, {"get": 20}))
    result = stats.evaluate([ours], base)[0]
    assert (result.ratio, result.low, result.high, result.mean, result.tail) == (2, 2, 2, 2, 2)
    assert (result.sql, result.trips, result.p50) == (0.5, 2, 2.0)


def test_what_a_row_adds_is_told_in_gets_of_the_same_round() -> None:
    by_name = {row.name: row for row in ROWS}
    base = samples([[[1000] * 5, [4000] * 5, [1000] * 5]], Counts(10, 0, 0, {}))
    unit = Samples(by_name[GET], [[[1200] * 5, [4800] * 5, [900] * 5]], Counts(10, 0, 10, {"get": 10}))
    ours = Samples(by_name["guide-redis"], [[[1500] * 5, [6000] * 5, [9000] * 5]], Counts(10, 10, 20, {}))
    bare, get, guide = stats.evaluate([base, unit, ours], base)
    assert bare.gets is None
    assert (get.gets, get.commands) == (1.0, {"get": 1.0})
    # The last round is left out: its GET was faster than none.
    assert (guide.gets, guide.gets_low, guide.gets_high) == (2.5, 2.5, 2.5)


def test_the_interval_covers_what_differs_between_sittings() -> None:
    low, high = stats.interval([[1.0] * 50, [1.2] * 50])
    assert (low, high) == (1.0, 1.2)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 51), (0.99, 100), (1.0, 100)])
def test_percentile(share: float, expected: int) -> None:
    assert stats.percentile(range(1, 101), share) == expected
