"""Shows the results: on the terminal, as Markdown, and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import load
from bench.driver import Plan
from bench.load import LoadOutcome, LoadPlan
from bench.races import LIMIT, REDEMPTIONS, REQUESTS, LimitOutcome, RefreshOutcome
from bench.rows import Row
from bench.signatures import HEADS as SIGNATURE_HEADS, Outcome as SignatureOutcome, line as signature_line
from bench.stats import Result
from bench.steps import Step

_PLAIN = str.maketrans("", "", "*`")  # titles are Markdown


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one run found."""

    facts: dict[str, str]
    plan: Plan
    principals: int
    gc: str
    results: list[Result]
    limits: list[LimitOutcome]
    refreshes: list[RefreshOutcome]
    load_plan: LoadPlan
    loads: list[LoadOutcome]
    signatures: list[SignatureOutcome] = field(default_factory=list)

    def tables(self) -> list[tuple[str, list[str], list[list[str]]]]:
        """Title, heads and lines of each table."""
        found = []
        if self.results:
            found.append(
                ("What one request costs", COST_HEADS, [cost_line(result) for result in self.results])
            )
        if self.limits:
            title = f"Admitted of {REQUESTS} requests at once through a limit of {LIMIT}"
            heads = ["configuration", "admitted (lowest to highest)", "other answers"]
            found.append((title, heads, [limit_line(outcome) for outcome in self.limits]))
        if self.refreshes:
            title = f"{REDEMPTIONS} redemptions of one refresh token at once"
            heads = ["configuration", "different new tokens (median, highest)", "more than one", "answers"]
            found.append((title, heads, [refresh_line(outcome) for outcome in self.refreshes]))
        if self.loads:
            title = f"Requests a second through {load.WORKERS} granian workers, wrk beside them on the same machine"
            found.append((title, LOAD_HEADS, [load_line(outcome, self.loads[0]) for outcome in self.loads]))
        if self.signatures:
            lines = [signature_line(outcome) for outcome in self.signatures]
            found.append(("What it costs to verify a signed message", SIGNATURE_HEADS, lines))
        return found

    def foot(self) -> str:
        """How it was measured, in one paragraph of Markdown."""
        requests = self.plan.sittings * self.plan.rounds * self.plan.requests
        how = (
            f"{requests:,} requests a row: {self.plan.sittings} sittings with fresh processes, {self.plan.rounds} "
            f"rounds in each, the rows taking turns of {self.plan.requests} requests on one core; "
            f"{self.principals:,} callers in turn. "
            "Ratio: median over rounds of median request / the base's median in the same round; in brackets its 95 % "
            "bootstrap interval. Mean and p99 are ratios of the same kind. "
            "Redis trips: round trips of one request, counted at the server. Base + GETs: what the row costs beyond "
            "the base, as a multiple of what the row with one GET does, taken within a round in the same way. "
            f"Garbage collector: {self.gc}."
        )
        if self.loads:
            how += (
                f"\n\nLoad: {self.load_plan.rounds} rounds in which each configuration gets {self.load_plan.seconds} "
                f"seconds, in an order drawn anew for each; {load.WORKERS} workers of {load.THREADS} threads, "
                f"{load.CONNECTIONS} connections kept open, {self.load_plan.principals:,} callers in turn, each seen "
                "before. Medians over rounds; the ratio is taken within a round. Every answer was 200."
            )
        return how + "\n\n" + " · ".join(f"{name} {value}" for name, value in self.facts.items())


COST_HEADS = [
    "configuration", "ratio", "", "mean", "p99", "p50 µs", "p99 µs", "SQL", "Redis trips", "base + GETs", ""
]  # fmt: skip


def cost_line(result: Result) -> list[str]:
    """One row of the cost table."""
    return [
        result.row.title,
        f"{result.ratio:.2f}",
        f"[{result.low:.2f}, {result.high:.2f}]",
        f"{result.mean:.2f}",
        f"{result.tail:.2f}",
        f"{result.p50:.0f}",
        f"{result.p99:.0f}",
        f"{result.sql:g}",
        f"{result.trips:g}",
        "" if result.gets is None else f"{result.gets:.2f}",
        "" if result.gets is None else f"[{result.gets_low:.2f}, {result.gets_high:.2f}]",
    ]


LOAD_HEADS = ["configuration", "requests/s", "ratio", "", "p50 ms", "p99 ms"]


def load_line(outcome: LoadOutcome, base: LoadOutcome) -> list[str]:
    """One row of the load table."""
    ratio, low, high = outcome.ratio(base)
    return [
        outcome.row.title,
        f"{median(outcome.rates):,.0f}",
        f"{ratio:.2f}",
        f"[{low:.2f}, {high:.2f}]",
        f"{load.milliseconds(outcome.p50):.1f}",
        f"{load.milliseconds(outcome.p99):.1f}",
    ]


def limit_line(outcome: LimitOutcome) -> list[str]:
    """One row of the limit race."""
    low, high = min(outcome.admitted), max(outcome.admitted)
    return [outcome.race.row.title, f"{low}" if low == high else f"{low} to {high}", statuses(outcome.other)]


def refresh_line(outcome: RefreshOutcome) -> list[str]:
    """One row of the refresh race."""
    several = sum(count > 1 for count in outcome.distinct)
    return [
        outcome.race.row.title,
        f"{median(outcome.distinct):g}, {max(outcome.distinct)}",
        f"{several} of {len(outcome.distinct)} times",
        statuses(outcome.statuses),
    ]


def statuses(counter: Counter[int]) -> str:
    """HTTP statuses and how often each came."""
    return ", ".join(f"{count:,} x {status}" for status, count in sorted(counter.items())) or "none"


def by_status(counter: Counter[int]) -> dict[str, int]:
    """The same for machines."""
    return {str(status): count for status, count in sorted(counter.items())}


def show(report: Report, console: Console) -> None:
    """Print the tables."""
    for title, heads, lines in report.tables():
        table = Table(title=title, title_justify="left")
        for number, head in enumerate(heads):
            table.add_column(head, justify="left" if number == 0 or len(heads) < 5 else "right")
        for line in lines:
            table.add_row(*(cell.translate(_PLAIN) for cell in line))
        console.print(table)
    console.print(report.foot(), highlight=False, markup=False)


def show_steps(steps: list[Step], console: Console) -> None:
    """Print where the time of a request goes."""
    table = Table(
        title="Microseconds a call, medians (of the server: means); what is inside another stands in its whole",
        title_justify="left",
    )
    table.add_column("step")
    for head in ("calls", "whole", "own"):
        table.add_column(head, justify="right")
    for step in steps:
        table.add_row(step.name, f"{step.calls:g}", f"{step.whole:.2f}", f"{step.own:.2f}")
    console.print(table)


def steps_markdown(row: Row, steps: list[Step]) -> str:
    """Where the time of a request goes, as Markdown."""
    lines = [f"| `{s.name.replace(':', '.')}` | {s.calls:g} | {s.whole:.1f} | {s.own:.1f} |" for s in steps]
    head = [f"| step of {row.title} | calls | whole µs | own µs |", "| --- | ---: | ---: | ---: |"]
    return "\n".join([*head, *lines]) + "\n"


def markdown(report: Report) -> str:
    """The tables and their foot as Markdown."""
    blocks = []
    for title, heads, lines in report.tables():
        align = ["---" if number == 0 or len(heads) < 5 else "---:" for number in range(len(heads))]
        table = [heads, align, *lines]
        blocks.append(f"**{title}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in table))
    return "\n\n".join([*blocks, report.foot()]) + "\n"


def as_json(report: Report) -> str:
    """Everything, for machines."""
    document: dict[str, Any] = {
        "facts": report.facts,
        "plan": {
            "sittings": report.plan.sittings,
            "rounds": report.plan.rounds,
            "requests": report.plan.requests,
        },
        "principals": report.principals,
        "gc": report.gc,
        "rows": [
            {
                "name": result.row.name,
                "title": result.row.title,
                "cold": result.row.cold,
                **{key: round(getattr(result, key), 4) for key in ("ratio", "low", "high", "mean", "tail")},
                **{key: round(getattr(result, key), 2) for key in ("p50", "p99", "sql", "trips")},
                **({} if result.gets is None else _gets(result)),
            }
            for result in report.results
        ],
        "limits": [
            {
                "name": o.race.row.name,
                "title": o.race.row.title,
                "admitted": o.admitted,
                "other": dict(o.other),
            }
            for o in report.limits
        ],
        "refreshes": [
            {
                "name": o.race.row.name,
                "title": o.race.row.title,
                "distinct": o.distinct,
                "answers": dict(o.statuses),
            }
            for o in report.refreshes
        ],
        "signatures": [outcome._asdict() for outcome in report.signatures],
        "loads": [
            {
                "name": o.row.name,
                "title": o.row.title,
                "rates": [round(rate, 1) for rate in o.rates],
                "p50": o.p50,
                "p99": o.p99,
            }
            for o in report.loads
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _gets(result: Result) -> dict[str, Any]:
    figures = {key: round(getattr(result, key), 4) for key in ("gets", "gets_low", "gets_high")}
    return {**figures, "commands": result.commands}
