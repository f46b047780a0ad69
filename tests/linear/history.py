"""A recorded history: what was called, between which two moments of one clock, and what was answered."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

C = TypeVar("C")  # what was called
FOREVER = 2**63  # nanoseconds: later than any moment


@dataclass(frozen=True, slots=True)
class Operation(Generic[C]):
    """One call of one process.

    Args:
        call: what was asked, with what it was asked about.
        answer: what came back; None if nobody knows what came of it: no answer, a 503, a killed process.
        began: nanoseconds of CLOCK_MONOTONIC, which all processes of a host share, before the call was made.
        ended: after the answer had come; FOREVER if nobody knows, for the call may take effect at any time.
        who: which process.
    """

    call: C
    answer: Hashable
    began: int
    ended: int
    who: int = 0

    def __post_init__(self) -> None:
        if self.began > self.ended:
            raise ValueError("An operation does not end before it begins.")
        if self.answer is None and self.ended != FOREVER:
            raise ValueError("What was not answered may still happen: it ends at FOREVER.")

    @property
    def pending(self) -> bool:
        """Whether nobody knows what came of it."""
        return self.answer is None

    def __str__(self) -> str:
        end = "..." if self.pending else f"{self.ended / 1e6:.3f}"
        return f"[{self.began / 1e6:14.3f} {end:>14}] process {self.who}: {self.call} -> {self.answer}"


def until(history: Iterable[Operation[C]], moment: int) -> list[Operation[C]]:
    """A history as far as a moment: what began later is not in it, and what was answered later is not answered yet.

    With that answer it would rest on what began between the moment and its end, which is not there to explain it.
    """
    begun = [each for each in history if each.began <= moment]
    return [each if each.ended <= moment else replace(each, answer=None, ended=FOREVER) for each in begun]


def concurrent_pairs(history: list[Operation[C]]) -> int:
    """How many pairs of operations overlap in time: for these the order is the checker's to find."""
    events = sorted(
        [(each.began, 0) for each in history] + [(each.ended, 1) for each in history]
    )  # who begins when another ends is counted as overlapping it, as the checker takes it
    open_now = pairs = 0
    for _, ends in events:
        if ends:
            open_now -= 1
        else:
            pairs += open_now
            open_now += 1
    return pairs
