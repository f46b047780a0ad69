"""One report: the survey of the code, and what was counted in traffic."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from stockade import conf, observe
from stockade.cli.report.acceptance import IN_QUERY as IN_QUERY_FACT, LEADS_TO, Acceptance
from stockade.core import clock
from stockade.core.errors import ConfigurationError, Unavailable
from stockade.drf.survey import KINDS, Fact, Survey, survey
from stockade.drf.survey.facts import in_order
from stockade.observe import Row
from stockade.observe.shapes import FOREIGN

VERSION = 1
IN_QUERY = "credential_in_query"


@dataclass(frozen=True, slots=True)
class Sorted:
    """Facts and refusals, accepted ones apart from the others.

    Args:
        left_facts, left_rows: those that are not accepted.
        facts, rows: those that are, each with what accepts it.
        expired: acceptances that were, and that would match something.
        unmatched: acceptances that match nothing.
    """

    left_facts: list[Fact]
    left_rows: list[Row]
    facts: list[tuple[Fact, Acceptance]]
    rows: list[tuple[Row, Acceptance]]
    expired: list[Acceptance]
    unmatched: list[Acceptance]

    def was(self, fact: Fact) -> Acceptance | None:
        """The acceptance of a fact that has expired."""
        return next((one for one in self.expired if one.covers(fact)), None)


@dataclass(frozen=True, slots=True)
class Report:
    """What is to be told.

    Args:
        survey: of code and settings.
        refused: what would have been refused, most frequent first, and is not accepted.
        seen: what was counted and would not be refused: credentials of other packages in query strings.
        facts: the survey's, and those that traffic showed, but for those that are accepted.
        unread: why the counts could not be read; "" if they could.
        sorted: what the project has accepted of either.
    """

    survey: Survey
    refused: list[Row]
    seen: list[Row]
    facts: list[Fact]
    unread: str
    sorted: Sorted

    @property
    def undeclared(self) -> int:
        """How many views declare no policy."""
        return sum(fact.kind == "undeclared" for fact in self.facts)

    @property
    def findings(self) -> bool:
        """Whether anything is left to do; an acceptance of nothing would accept it when it comes back."""
        stale = any(not one.of_traffic for one in self.sorted.unmatched)
        return bool(self.facts or self.refused or stale)

    @property
    def in_query(self) -> tuple[int, int]:
        """How many requests carried a credential in their query string, and how many of them would be refused."""
        refused = sum(row.count for row in self.refused if row.reason == IN_QUERY)
        return refused + sum(row.count for row in self.seen), refused

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
            "seen": [asdict(row) for row in self.seen],
            "unread": self.unread,
            "credentials_in_query": self.in_query[0],
            "untold": self.survey.untold,
            "facts": [asdict(fact) for fact in self.facts],
            "accepted": [
                *(_accepted("fact", fact, one) for fact, one in self.sorted.facts),
                *(_accepted("refusal", row, one) for row, one in self.sorted.rows),
            ],
            "expired": [one.document() for one in self.sorted.expired],
            "unmatched": [one.document() for one in self.sorted.unmatched],
            "next": self.survey.next,
        }


def _accepted(name: str, what: Fact | Row, one: Acceptance) -> dict[str, Any]:
    said = one.document()
    return {name: asdict(what), "reason": said["reason"], "until": said["until"]}


def make(seconds: float | None, acceptances: list[Acceptance]) -> Report:
    """Survey the project, and read what was counted.

    Args:
        seconds: how old a count may be; None for all that are kept.
        acceptances: what the project has accepted.
    """
    standing = [one for one in acceptances if one.stands()]
    found = survey(lambda fact: any(one.covers(fact) for one in standing))
    rows, unread = _counts(seconds)
    rows = sorted(rows, key=lambda row: (-row.count, row.view, row.method, row.kind, row.reason))
    refused, seen = (
        [row for row in rows if row.reason != FOREIGN],
        [row for row in rows if row.reason == FOREIGN],
    )
    apart = sort(in_order([*found.facts, *_from_traffic(rows)]), refused, acceptances)
    accepted = {fact.view for fact, _ in apart.facts if fact.kind == IN_QUERY_FACT}
    seen = [row for row in seen if row.view not in accepted]
    return Report(found, apart.left_rows, seen, apart.left_facts, unread, apart)


def sort(facts: list[Fact], rows: list[Row], acceptances: list[Acceptance]) -> Sorted:
    """Tell apart what is accepted."""
    standing = [one for one in acceptances if one.stands()]
    accepted = [(fact, one) for fact in facts if (one := next((a for a in standing if a.covers(fact)), None))]
    of_facts = {(LEADS_TO.get(fact.kind), fact.view): one for fact, one in accepted}
    refusals = [
        (row, one)
        for row in rows
        if (one := next((a for a in standing if a.covers_row(row)), of_facts.get((row.reason, row.view))))
    ]

    def matches(one: Acceptance) -> bool:
        return any(one.covers(fact) for fact in facts) or any(one.covers_row(row) for row in rows)

    known_facts, known_rows = [fact for fact, _ in accepted], [row for row, _ in refusals]
    return Sorted(
        [fact for fact in facts if fact not in known_facts],
        [row for row in rows if row not in known_rows],
        accepted,
        refusals,
        [one for one in acceptances if one not in standing and matches(one)],
        [one for one in acceptances if not matches(one)],
    )


def _counts(seconds: float | None) -> tuple[list[Row], str]:
    """What was counted, or why that cannot be read: what is true of the code is told all the same."""
    try:
        return observe.read(None if seconds is None else clock.now() - seconds), ""
    except ConfigurationError as error:
        return [], str(error)
    except Unavailable as error:
        return [], error.reason


def _from_traffic(rows: list[Row]) -> list[Fact]:
    ours: Counter[str] = Counter()
    others: Counter[str] = Counter()
    methods: dict[str, set[str]] = {}
    for row in rows:
        if row.reason in (IN_QUERY, FOREIGN):
            (ours if row.reason == IN_QUERY else others)[row.view] += row.count
            methods.setdefault(row.view, set()).add(row.method)
    return [
        Fact(
            IN_QUERY_FACT,
            view,
            "traffic",
            _in_query(ours[view], others[view]),
            "# Let clients send it in a header: Authorization: Bearer ...\n"
            '# when they do: "MODE": {"input": "enforce", ...} in STOCKADE',
            tuple(sorted(methods[view])),
        )
        for view in sorted(methods)
    ]


def _in_query(ours: int, others: int) -> str:
    said = []
    if ours:
        said.append(
            f"{_requests(ours)} carried a credential of Stockade's in the query string; enforced, {_get(ours)} 400."
        )
    if others:
        where = "" if ours else " credential in the query string"
        said.append(
            f"{_requests(others)} carried what has the shape of another package's{where}; enforced, "
            f"{_get(others)} 400 only where an authenticator in SCHEMES takes it from there."
        )
    return " ".join(said)


def _requests(count: int) -> str:
    return f"{count} request{'s' if count != 1 else ''}"


def _get(count: int) -> str:
    return "they get" if count != 1 else "it gets"
