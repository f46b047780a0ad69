"""Rates as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from stockade.gate import rates
from stockade.gate.protocol import Limit

SECOND = 1_000_000


@pytest.mark.parametrize(
    ("rate", "count", "seconds"),
    [
        ("100/day", 100, 86400),
        ("5/min", 5, 60),
        ("10/s", 10, 1),
        ("30/h", 30, 3600),
        ("30/hour", 30, 3600),
        ("30/hours", 30, 3600),
        ("1000/d", 1000, 86400),
        ("10/second", 10, 1),
        ("100/15m", 100, 900),
        ("20/2 hours", 20, 7200),
        (" 1_000 / 30d ", 1000, 30 * 86400),
        ("5/WEEK", 5, 7 * 86400),
        ("1/1s", 1, 1),
    ],
)
def test_rates_are_read(rate: str, count: int, seconds: int) -> None:
    assert rates.parse("user", rate) == Limit("user", count, seconds * SECOND)


@pytest.mark.parametrize(
    ("rate", "advice"),
    [
        ("", '"100/day"'),
        ("100", '"100/day"'),
        ("day/100", '"100/day"'),
        ("100/", '"100/day"'),
        ("-1/day", '"100/day"'),
        ("1.5/day", '"100/day"'),
        ("1e3/day", '"100/day"'),
        ("٣/day", '"100/day"'),
        ("100/day/hour", '"100/day"'),
        ("100 per day", '"100/day"'),
        ("100/month", "1000/30d"),
        ("100/y", "1000/30d"),
        ("100/fortnight", "Write s, min, hour, day or week"),
        ("0/day", "use a policy"),
        ("9999999999/s", "use a policy"),
        ("1/0s", "above zero"),
        ("1/99999d", "ten years"),
        (None, '"100/day"'),
        (100, '"100/day"'),
        (("100", "day"), '"100/day"'),
        ("9" * 40 + "/day", '"100/day"'),
    ],
)
def test_what_is_no_rate_is_refused_with_what_to_write(rate: object, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        rates.parse("user", rate)  # type: ignore[arg-type]


@given(st.integers(1, 10**9), st.integers(1, 3650 * 86400))
def test_format_is_read_back_as_the_same_limit(count: int, seconds: int) -> None:
    limit = Limit("user", count, seconds * SECOND)
    assert rates.parse("user", rates.format(limit)) == limit


def test_format_is_short() -> None:
    written = ["100/day", "5/min", "10/s", "30/hour", "100/15m", "100/7d", "7/90s", "1/2h"]
    assert [rates.format(rates.parse("user", rate)) for rate in written] == written
    assert rates.format(Limit("user", 5, 1_500_000)) == "5/1.5s"


@pytest.mark.parametrize("name", ["", "a" * 101, "new\nline", "nul\0", "\x7f", "é" * 101, "\ud800"])
def test_a_name_that_would_break_headers_or_keys_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="names no limit"):
        Limit(name, 1, SECOND)


@pytest.mark.parametrize(("count", "period"), [(0, 1), (-1, 1), (10**9 + 1, 1), (1, 0), (1, -1), (1, 10**18)])
def test_a_limit_that_cannot_be_meant_is_refused(count: int, period: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        Limit("user", count, period)


def test_a_slot_is_a_sixtieth_of_the_period_and_none_where_times_are_kept() -> None:
    assert rates.slot(rates.parse("user", "100/min")) == SECOND
    assert rates.slot(rates.parse("user", "61/s")) == 16_667
    assert rates.slot(rates.parse("user", "60/min")) == 0
