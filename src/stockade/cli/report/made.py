"""One report: the survey of the code, and what was counted in traffic."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from stockade import conf, observe
from stockade.core import clock
from stockade.core.errors import ConfigurationError, Unavailable
from stockade.drf.survey import KINDS, Fact, Survey, survey
from stockade.drf.survey.facts import in_order
from stockade.observe import Row

VERSION = 1
IN_QUERY = "credential_in_query"


@dataclass(frozen=True, slots=True)
class Report:
    """What is to be told.

    Args:
        survey: of code and settings.
        refused: what would have been refused, most frequent first.
        facts: the survey's, and those that traffic showed.
        unread: why the counts could not be read; "" if they could.
    """

    survey: Survey
    refused: list[Row]
    facts: list[Fact]
    unread: str = ""

    @property
    def undeclared(self) -> int:
        """How many views declare no policy."""
        return sum(fact.kind == "undeclared" for fact in self.facts)

    @property
    def in_query(self) -> int:
        """How many requests carried a credential in their query string."""
        return sum(row.count for row in self.refused if row.reason == IN_QUERY)

    def by_kind(self) -> dict[str, int]:
        """How many facts there are of each kind, in the order of the report."""
        counted = Counter(fact.kind for fact in self.facts)
        return {kind: counted[kind] for kind in KINDS if counted[kind]}

    def document(self) -> dict[str, Any]:
        """What ``--format json`` prints; docs/reference/report.md describes it."""
        return {
            "version": VERSION,
            "configured": conf.configured(),
            "views": {
                "judged": self.survey.views,
                "undeclared": self.undeclared,
                "other_routes": self.survey.others,
            },
            "kinds": self.by_kind(),
            "refused": [asdict(row) for row in self.refused],
            "unread": self.unread,
            "credentials_in_query": self.in_query,
            "untold": self.survey.untold,
            "facts": [asdict(fact) for fact in self.facts],
            "next": self.survey.next,
        }


def make(seconds: float | None) -> Report:
    """Survey the project, and read what was counted.

    Args:
        seconds: how old a count may be; None for all that are kept.
    """
    found = survey()
    rows, unread = _counts(seconds)
    rows = sorted(rows, key=lambda row: (-row.count, row.view, row.method, row.kind, row.reason))
    return Report(found, rows, in_order([*found.facts, *_from_traffic(rows)]), unread)


def _counts(seconds: float | None) -> tuple[list[Row], str]:
    """What was counted, or why that cannot be read: what is true of the code is told all the same."""
    try:
        return observe.read(None if seconds is None else clock.now() - seconds), ""
    except ConfigurationError as error:
        return [], str(error)
    except Unavailable as error:
        return [], error.reason


def _from_traffic(rows: list[Row]) -> list[Fact]:
    counts: Counter[str] = Counter()
    methods: dict[str, set[str]] = {}
    for row in rows:
        if row.reason == IN_QUERY:
            counts[row.view] += row.count
            methods.setdefault(row.view, set()).add(row.method)
    return [
        Fact(
            "credential-in-query",
            view,
            "traffic",
            f"{count} request{'s' if count != 1 else ''} carried a credential in the query string; "
            "enforced, they get 400.",
            "# Let clients send it in a header: Authorization: Bearer ...\n"
            'STOCKADE = {"MODE": {"input": "enforce"}}  # when they do',
            tuple(sorted(methods[view])),
        )
        for view, count in sorted(counts.items())
    ]
