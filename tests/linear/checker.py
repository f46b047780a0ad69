"""Decides whether a history is linearizable: whether each call can be given one moment, between its beginning and its
end, at which it happened all at once, so that one after the other they make sense.

The search is Wing and Gong's (1993), as Lowe made it just-in-time ("Testing for linearizability", 2017): events are
read in the order of time, and a call is given its moment no earlier than somebody's answer needs it. What was reached
is kept as a set of (state, calls that have had their moment), so nothing is searched twice.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tests.linear.history import C, Operation

S = TypeVar("S", bound=Hashable)
# From a state, what it may be after this operation with this answer; nothing if it cannot have answered so.
Step = Callable[[S, Operation[C]], Iterable[S]]

MOST = 200_000  # configurations at one moment: beyond it a history is not judged, which is said, not guessed


class TooWide(RuntimeError):
    """Too much is open at once to be judged; record shorter histories, or fewer calls without an answer."""


@dataclass(frozen=True, slots=True)
class Verdict(Generic[S, C]):
    """What the checker found.

    Args:
        failed: the operation whose answer nothing explains; None if the history is linearizable.
        states: what the state may have been before that answer.
        widest: how many configurations were open at once, at most.
    """

    failed: Operation[C] | None
    states: frozenset[S]
    widest: int

    @property
    def linearizable(self) -> bool:
        return self.failed is None


def check(
    history: Sequence[Operation[C]],
    start: S,
    step: Step[S, C],
    reads: Callable[[C], bool] = lambda call: False,
) -> Verdict[S, C]:
    """Look for a linearization.

    Args:
        history: in any order; of one object.
        start: its state before the first call.
        step: the sequential specification. It may give several states, where the specification leaves a choice.
        reads: which calls change nothing, whatever the state: these are given their moment as soon as one fits.

    Raises:
        TooWide: more than MOST configurations.
    """
    # A read without an answer is explained by every state.
    kept = [each for each in history if not (each.pending and reads(each.call))]
    # At one and the same tick beginnings come first: such calls count as overlapping.
    events = sorted(
        [(each.began, 0, index) for index, each in enumerate(kept)]
        + [(each.ended, 1, index) for index, each in enumerate(kept) if not each.pending]
    )
    is_read = [reads(each.call) for each in kept]
    open_now: list[int] = []
    found: set[tuple[S, int]] = {(start, 0)}
    widest = 1
    for _, ends, index in events:
        if not ends:
            open_now.append(index)
            continue
        before = found
        found = _answered(before, index, kept, open_now, step, is_read)
        open_now.remove(index)
        widest = max(widest, len(found))
        if not found:
            return Verdict(kept[index], frozenset(state for state, _ in before), widest)
    return Verdict(None, frozenset(), widest)


def _answered(
    before: set[tuple[S, int]],
    index: int,
    kept: Sequence[Operation[C]],
    open_now: Sequence[int],
    step: Step[S, C],
    is_read: Sequence[bool],
) -> set[tuple[S, int]]:
    """The configurations in which the call `index`, now answered, has had its moment; its bit is dropped there."""
    own = 1 << index
    writes = [each for each in open_now if not is_read[each]]
    open_reads = [each for each in open_now if is_read[each]]
    after: set[tuple[S, int]] = set()
    seen: set[tuple[S, int]] = set()
    stack = list(before)
    while stack:
        state, done = stack.pop()
        # A read that fits here may have its moment here: having had it is never worse than having it to come.
        for each in open_reads:
            if not done >> each & 1 and any(True for _ in step(state, kept[each])):
                done |= 1 << each
        if (state, done) in seen:
            continue
        seen.add((state, done))
        if len(seen) > MOST:
            raise TooWide(f"more than {MOST} configurations before {kept[index]}")
        if done & own:
            after.add((state, done & ~own))
            continue
        tried = set()
        for each in writes:
            call = kept[each]
            if done >> each & 1 or (call.pending and call.call in tried):
                continue
            if call.pending:
                # Nobody waits for it: that it happened and changed nothing explains no more than that it did not. And
                # of several that ask the same any may stand for all.
                tried.add(call.call)
            stack += [
                (new, done | 1 << each) for new in step(state, call) if not (call.pending and new == state)
            ]
    return after


def why(
    history: Sequence[Operation[C]],
    start: S,
    step: Step[S, C],
    reads: Callable[[C], bool] = lambda call: False,
) -> str:
    """The shortest part of a history that is not linearizable, to be read by a person; "" if all of it is."""
    verdict = check(history, start, step, reads)
    if verdict.failed is None:
        return ""
    failed = verdict.failed
    part = sorted(
        (each for each in history if each.began <= failed.ended and not (each.pending and reads(each.call))),
        key=lambda each: each.began,
    )
    # Without a read, what was linearizable still is: so one that is not needed for the contradiction may go.
    for each in [each for each in part if reads(each.call) and each is not failed]:
        fewer = [other for other in part if other is not each]
        if not check(fewer, start, step, reads).linearizable:
            part = fewer
    lines = [f"{'>' if each is failed else ' '} {each}" for each in part]
    return "\n".join(
        [*lines, "before that answer it was one of:", *(f"  {state}" for state in verdict.states)]
    )
