"""Histories from a session that keeps its promises are accepted; from one with any of the faults, one is rejected."""

from __future__ import annotations

import pytest

from tests.linear.checker import check, why
from tests.linear.history import concurrent_pairs
from tests.linear.imitation import FAULTS, LEEWAY, imagine
from tests.linear.model import START, Kind, Specification, Token, reads

SPECIFICATION = Specification(LEEWAY, slack=0)
TRIES = 400


def test_no_history_of_a_session_that_keeps_its_promises_is_rejected() -> None:
    pairs = ended = forgiven = 0
    for seed in range(200):
        history = imagine(seed)
        assert why(history, START, SPECIFICATION.step, reads) == "", seed
        pairs += concurrent_pairs(history)
        tokens = [each.answer for each in history if each.call.kind is Kind.REFRESH]
        forgiven += any(isinstance(token, Token) and tokens.count(token) > 1 for token in tokens)
        ended += any(each.call.kind is Kind.ACCESS and each.answer == "refused" for each in history)
    # They overlap, they use the leeway, and sessions end in them.
    assert pairs > 10_000
    assert forgiven > 50
    assert ended > 50


@pytest.mark.parametrize("fault", FAULTS)
def test_a_session_with_a_fault_is_found_out(fault: str) -> None:
    for seed in range(TRIES):
        if not check(imagine(seed, fault), START, SPECIFICATION.step, reads).linearizable:
            return
    pytest.fail(f"{TRIES} histories, and none shows {fault!r}")
