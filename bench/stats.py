"""From nanoseconds to ratios: medians over rounds, percentiles, and how sure they are."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, median

from bench.driver import Samples
from bench.messages import Counts
from bench.rows import GET, Row

RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table.

    Args:
        row: which.
        ratio: median over rounds of (median request of this row / median request of the base in the same round).
        low, high: 95 % bootstrap interval of `ratio`; sittings are drawn first, then rounds within them.
        mean: the same with means instead of medians of requests: it contains what happens only now and then.
        tail: median over rounds of the ratio of the p99s.
        p50, p99: microseconds, over all requests.
        sql, trips: per request.
        gets: for rows that ask a Redis: median over rounds of (this row - base) / (the `GET` row - base), all three in
            the same round: what the row adds, in Redis GETs inside a view.
        gets_low, gets_high: 95 % bootstrap interval of `gets`.
        commands: what the Redis ran for one request, by name; what a script calls counts too.
    """

    row: Row
    ratio: float
    low: float
    high: float
    mean: float
    tail: float
    p50: float
    p99: float
    sql: float
    trips: float
    gets: float | None = None
    gets_low: float = 0
    gets_high: float = 0
    commands: dict[str, float] = field(default_factory=dict)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of `values` lie, by the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def evaluate(samples: Sequence[Samples], base: Samples) -> list[Result]:
    """The table's lines, in the order of `samples`."""
    unit = next((sample for sample in samples if sample.row.name == GET), None)
    return [_result(sample, base, unit) for sample in samples]


def compare(samples: Sequence[Samples]) -> dict[str, tuple[float, float, float]]:
    """For each row that was also run on another version: median ratio of now to before, and its interval."""
    by_name = {sample.row.name: sample for sample in samples}
    found = {}
    for name, now in by_name.items():
        if before := by_name.get(f"{name}-before"):
            result = _result(now, before)
            found[name] = (result.ratio, result.low, result.high)
    return found


def _result(sample: Samples, base: Samples, unit: Samples | None = None) -> Result:
    pairs = [
        list(zip(ours, theirs, strict=True)) for ours, theirs in zip(sample.rounds, base.rounds, strict=True)
    ]
    ratios = [[median(ours) / median(theirs) for ours, theirs in sitting] for sitting in pairs]
    low, high = interval(ratios)
    flat = [ns for sitting in sample.rounds for chunk in sitting for ns in chunk]
    counts = sample.counts or Counts(1, 0, 0, {})
    gets: tuple[float, float, float] | None = None
    if unit and sample.row.trips:
        shares = _in_units(sample, base, unit)
        gets = (median(s for sitting in shares for s in sitting), *interval(shares))
    return Result(
        row=sample.row,
        ratio=median(r for sitting in ratios for r in sitting),
        low=low,
        high=high,
        mean=median(fmean(ours) / fmean(theirs) for sitting in pairs for ours, theirs in sitting),
        tail=median(
            percentile(ours, 0.99) / percentile(theirs, 0.99) for sitting in pairs for ours, theirs in sitting
        ),
        p50=median(flat) / 1000,
        p99=percentile(flat, 0.99) / 1000,
        sql=counts.sql / counts.requests,
        trips=counts.trips / counts.requests,
        gets=gets[0] if gets else None,
        gets_low=gets[1] if gets else 0,
        gets_high=gets[2] if gets else 0,
        commands={name: calls / counts.requests for name, calls in sorted(counts.commands.items())},
    )


def _in_units(sample: Samples, base: Samples, unit: Samples) -> list[list[float]]:
    """For each round of each sitting: what the row costs beyond the base, as a multiple of what the unit does."""
    shares = []
    for sitting in zip(sample.rounds, base.rounds, unit.rounds, strict=True):
        middles = [(median(row), median(bare), median(one)) for row, bare, one in zip(*sitting, strict=True)]
        # A round in which the unit was no dearer than the base says nothing.
        shares.append([(row - bare) / (one - bare) for row, bare, one in middles if one > bare])
    return [sitting for sitting in shares if sitting] or [[0.0]]


def interval(
    ratios: Sequence[Sequence[float]], resamples: int = RESAMPLES, seed: int = 1
) -> tuple[float, float]:
    """95 % interval of the median ratio.

    Rounds of one sitting share their processes and so are alike; drawing rounds alone would make it look surer than
    it is. Sittings are therefore drawn first.
    """
    draw = random.Random(seed)
    medians = []
    for _ in range(resamples):
        chosen: list[float] = []
        for sitting in draw.choices(ratios, k=len(ratios)):
            chosen.extend(draw.choices(sitting, k=len(sitting)))
        medians.append(median(chosen))
    return percentile(medians, 0.025), percentile(medians, 0.975)
