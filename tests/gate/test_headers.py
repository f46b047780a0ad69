"""RateLimit-Policy and RateLimit, as the draft's sections 3 and 4 have them, and Retry-After."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, strategies as st

from stockade.gate import headers
from stockade.gate.protocol import Charge, Limit, Verdict

SECOND = 1_000_000
# RFC 9651 section 3: a List of Strings with Integer parameters, as far as it is used here.
MEMBER = r'"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"(?:;[a-z]+=[0-9]{1,15})+'
LIST = re.compile(rf"{MEMBER}(?:, {MEMBER})*")


def verdict(remaining: tuple[int, ...], reset: tuple[int, ...]) -> Verdict:
    return Verdict(-1, 0, remaining, reset, (), 0, 0, b"", 0)


def charges(*limits: Limit) -> tuple[Charge, ...]:
    return tuple(Charge(limit, b"l") for limit in limits)


def test_the_drafts_examples() -> None:
    both = charges(Limit("burst", 100, 60 * SECOND), Limit("daily", 1000, 86400 * SECOND))
    assert headers.policy(both) == '"burst";q=100;w=60, "daily";q=1000;w=86400'
    assert headers.remaining(both, verdict((50, 0), (30 * SECOND, 1))) == '"burst";r=50;t=30, "daily";r=0;t=1'
    one = charges(Limit("default", 50, 1_500_000))
    assert headers.policy(one) == '"default";q=50;w=2'
    assert headers.remaining(one, verdict((50,), (0,))) == '"default";r=50'
    assert headers.policy(()) == headers.remaining((), verdict((), ())) == ""


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=50).filter(str.isprintable)


@example(['user";r=1000;t=1, "', "\\"], 0, 1)
@given(st.lists(names, min_size=1, max_size=4), st.integers(0, 10**9), st.integers(0, 10**15))
def test_no_name_of_a_limit_can_break_out_of_its_header(wanted: list[str], left: int, reset: int) -> None:
    limits = charges(*(Limit(name, 5, SECOND) for name in wanted))
    found = verdict((left,) * len(limits), (reset,) * len(limits))
    for header in (headers.policy(limits), headers.remaining(limits, found)):
        assert LIST.fullmatch(header)
        assert len(re.findall(MEMBER, header)) == len(limits)
        assert header.isascii()


@example(["50% off", "%s%d"], [(1, 1), (0, 0), (2, 2), (3, 3)])
@given(
    st.lists(names, min_size=1, max_size=4), st.lists(st.tuples(st.integers(0), st.integers(0)), min_size=4)
)
def test_a_form_is_filled_with_what_the_header_says(
    wanted: list[str], numbers: list[tuple[int, int]]
) -> None:
    limits = charges(*(Limit(name, 5, SECOND) for name in wanted))
    left, reset = zip(*numbers[: len(limits)], strict=True)
    found = verdict(left, reset)
    assert headers.fill(headers.form(limits), limits, found) == headers.remaining(limits, found)


@pytest.mark.parametrize(
    ("wait", "seconds"), [(0, 1), (1, 1), (SECOND, 1), (SECOND + 1, 2), (59_999_999, 60)]
)
def test_retry_after_is_rounded_up_so_that_who_obeys_is_not_refused(wait: int, seconds: int) -> None:
    assert headers.retry_after(wait) == seconds
