"""An independent judge of limits: a list of admissions, every window looked at, nothing of the algorithm in it."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from stockade.gate.keys import limit_key
from stockade.gate.protocol import Charge, Gate, Limit, Verdict

SECOND = 1_000_000


class Clock:
    """A clock that tests move, in microseconds."""

    def __init__(self, now: int = 1_000 * SECOND) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@dataclass
class Admission:
    """One admission: when, by elapsed time, and how many places it took."""

    at: int
    cost: int


@dataclass
class Oracle:
    """Remembers every admission and objects to every answer that breaks the promise.

    The promise: no window of length P holds more than N; and a place comes free at most a slot late (a sixtieth of P,
    rounded up to microseconds slot by slot; nothing up to N = 60). Windows are measured by elapsed time: a clock that
    steps back has elapsed nothing. How late a place may be is only promised while the clock has not stepped back.
    """

    kept: dict[tuple[str, bytes], list[Admission]] = field(default_factory=lambda: defaultdict(list))
    limits: dict[tuple[str, bytes], Limit] = field(default_factory=dict)
    elapsed: int = 0
    last: int | None = None
    stepped_back: bool = False
    admitted: int = 0
    refused: int = 0

    def pass_time(self, now: int) -> None:
        """Take note of the clock."""
        if self.last is not None:
            self.elapsed += max(0, now - self.last)
            self.stepped_back |= now < self.last
        self.last = now

    def judge(self, charges: tuple[Charge, ...], verdict: Verdict) -> list[Admission]:
        """Check one answer; returns the admissions that it made, in the order of the charges."""
        wanted: dict[tuple[str, bytes], int] = defaultdict(int)
        for limit, key, cost in charges:
            self.limits[limit.name, key] = limit
            wanted[limit.name, key] += cost
        made = []
        if verdict.refused < 0:
            self.admitted += 1
            for limit, key, cost in charges:
                admission = Admission(self.elapsed, cost)
                made.append(admission)
                self.kept[limit.name, key].append(admission)
            for which in wanted:
                assert self.used(which) <= self.limits[which].count, "more than N in a window"
            assert verdict.wait == 0
        else:
            self.refused += 1
            assert 0 <= verdict.refused < len(charges)
            assert verdict.wait > 0
            if not self.stepped_back:
                over = [
                    which
                    for which, cost in wanted.items()
                    if self.held(which) + cost > self.limits[which].count
                ]
                assert over, "refused although every limit had the places"
                refusing = charges[verdict.refused]
                assert (refusing.limit.name, refusing.key) in over, "the wrong limit is said to refuse"
        if len(wanted) == len(charges):
            for (limit, key, _), left, reset in zip(charges, verdict.remaining, verdict.reset, strict=True):
                which = limit.name, key
                assert left <= max(0, limit.count - self.used(which)), (
                    "more places are said to be left than are"
                )
                if not self.stepped_back:
                    assert left >= max(0, limit.count - self.held(which)), (
                        "fewer places are said to be left than are"
                    )
                    ends = [a.at + limit.period for a in self.kept[which]]
                    ends = [end for end in ends if end + late(limit) > self.elapsed]
                    if any(end > self.elapsed for end in ends):
                        free = self.elapsed + reset
                        assert any(end <= free <= end + late(limit) for end in ends), (
                            "no place comes free then"
                        )
                        first = min(end for end in ends if end > self.elapsed)
                        assert free <= first + late(limit), "a place comes free earlier than is said"
        return made

    def used(self, which: tuple[str, bytes]) -> int:
        """Places taken in the window that ends now."""
        period = self.limits[which].period
        return sum(a.cost for a in self.kept[which] if a.at + period > self.elapsed)

    def held(self, which: tuple[str, bytes]) -> int:
        """Places that may still be held at most, with the lateness that is allowed."""
        limit = self.limits[which]
        return sum(a.cost for a in self.kept[which] if a.at + limit.period + late(limit) > self.elapsed)

    def check_every_window(self) -> None:
        """Every window that begins with an admission (a fuller one would begin with one too)."""
        for which, admissions in self.kept.items():
            limit = self.limits[which]
            for first in admissions:
                inside = sum(a.cost for a in admissions if first.at <= a.at < first.at + limit.period)
                assert inside <= limit.count, f"{inside} of {limit.count} in a window of {limit.period}"


def late(limit: Limit) -> int:
    """How late a place may come free, from decision 5, not from the code."""
    if limit.count <= 60:
        return 0
    slot = -(-limit.period // 60)
    return slot + (60 * slot - limit.period)


LIMITS = [
    Limit(f"limit{at}", count, period)
    for at, (count, period) in enumerate(
        [
            (1, SECOND),
            (2, 10 * SECOND),
            (5, 60 * SECOND),
            (10, 1_000_003),
            (59, 7),
            (60, 60 * SECOND),
            (61, 60 * SECOND),
            (61, 59),
            (62, 1),
            (100, 60 * SECOND),
            (100, 1_000_003),
            (150, 3600 * SECOND),
            (1000, 86_400 * SECOND),
        ]
    )
]


def steps(draw: random.Random, limit: Limit, back: bool) -> Iterator[int]:
    """How the clock moves: bursts, the edges of slots and windows, pauses, and, if `back`, steps back."""
    slot = max(1, -(-limit.period // 60))
    period = limit.period
    edges = [
        slot,
        slot - 1,
        slot + 1,
        period,
        period - 1,
        period + 1,
        60 * slot,
        61 * slot - 1,
        61 * slot,
        62 * slot,
    ]
    while True:
        kind = draw.random()
        if kind < 0.55:
            yield 0
        elif kind < 0.7:
            yield draw.randrange(slot + 1)
        elif kind < 0.85:
            yield draw.choice(edges)
        elif kind < 0.95 or not back:
            yield draw.randrange(period + 2)
        else:
            yield -draw.choice([1, slot, period, 2 * period + 1])


def play(gate: Gate, clock: Clock, seed: int, length: int = 60) -> Oracle:
    """One random history on a gate whose clock is `clock`; every answer is judged."""
    draw = random.Random(seed)
    oracle = Oracle()
    chosen = draw.sample(LIMITS, draw.choice([1, 2, 3]))
    back = draw.random() < 0.5
    who = [f"{seed}:{name}" for name in ("a", "b")[: draw.choice([1, 2])]]
    moves = steps(draw, draw.choice(chosen), back)
    made: list[tuple[tuple[Charge, ...], int, list[Admission]]] = []
    for _ in range(length):
        clock.now = max(0, clock.now + next(moves))
        oracle.pass_time(clock.now)
        action = draw.random()
        if action < 0.06 and made and not back:
            charges, at, admissions = made.pop(draw.randrange(len(made)))
            gate.refund(charges, at)
            for charge, admission in zip(charges, admissions, strict=True):
                kept = oracle.kept[charge.limit.name, charge.key]
                # What has left the window is not given back; in the list it is harmless either way.
                if (
                    any(admission is each for each in kept)
                    and admission.at + charge.limit.period > oracle.elapsed
                ):
                    kept[:] = [each for each in kept if each is not admission]
        elif action < 0.08:
            charge_key = limit_key(chosen[0], who[0])
            gate.clear(charge_key)
            oracle.kept[chosen[0].name, charge_key].clear()
            made.clear()
        else:
            limits = draw.sample(chosen, draw.randint(1, len(chosen)))
            if draw.random() < 0.05:
                limits.append(limits[0])
            person = draw.choice(who)
            charges = tuple(Charge(limit, limit_key(limit, person), cost_of(draw, limit)) for limit in limits)
            verdict = gate.ask((), charges)
            admissions = oracle.judge(charges, verdict)
            if admissions:
                made.append((charges, verdict.at, admissions))
    oracle.check_every_window()
    return oracle


def cost_of(draw: random.Random, limit: Limit) -> int:
    kind = draw.random()
    if kind < 0.6:
        return 1
    if kind < 0.9:
        return draw.randint(1, max(1, limit.count // 4))
    return draw.choice([limit.count, limit.count + 1, limit.count - 1 or 1, 2 * limit.count])
