"""Random histories against the oracle: never more than N in a window, never a refusal that the promise forbids."""

from __future__ import annotations

import pytest

from stockade.gate.base import LocalGate
from tests.gate.oracle import Clock, play

HISTORIES = 1_000
BLOCKS = 10


@pytest.mark.parametrize("block", range(BLOCKS))
def test_no_history_gets_more_than_the_limit_into_a_window(gate: LocalGate, clock: Clock, block: int) -> None:
    admitted = refused = 0
    size = HISTORIES // BLOCKS
    for seed in range(block * size, (block + 1) * size):
        try:
            oracle = play(gate, clock, seed)
        except AssertionError as error:
            raise AssertionError(f"history {seed}: {error}") from error
        admitted += oracle.admitted
        refused += oracle.refused
    # A history that never meets its limit proves nothing.
    assert admitted > 10 * size
    assert refused > 5 * size
