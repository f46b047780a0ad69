"""The report for people: a summary of one screen, then every fact with what to write, then the next step."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from stockade import conf
from stockade.cli.output import printable
from stockade.cli.report.made import Report
from stockade.drf.survey import KINDS, Fact

WIDTH = 100
_TIED = "~"  # where no line may break
MOST = 15  # rows of refusals in the summary


def lines(report: Report, since: str | None) -> Iterator[str]:
    """The report, line by line."""
    yield from _summary(report, since)
    for kind in report.by_kind():
        yield ""
        yield f"{kind}: {KINDS[kind]}"
        before = ""
        for fact in (fact for fact in report.facts if fact.kind == kind):
            yield ""
            yield from _fact(fact, before)
            before = fact.write
    if report.survey.next:
        yield ""
        yield "Next, in the settings:"
        yield ""
        yield from _indented(report.survey.next, "    ")


def _summary(report: Report, since: str | None) -> Iterator[str]:
    others = report.survey.others
    yield from _row("views", f"{report.survey.views} judged")
    if others:
        listed = ", ".join(others)
        yield from _row("", f"{_many(sum(others.values()), 'route')} of other packages not judged: {listed}")
    if report.survey.untold:
        yield from _row("untold", f"not looked at whole: {', '.join(report.survey.untold[:MOST])}")
    yield from _row("undeclared", _many(report.undeclared, "view"))
    kinds = report.by_kind()
    said = ", ".join(f"{count}{_TIED}{kind}" for kind, count in kinds.items() if kind != "undeclared")
    yield from _row("facts", said or "none")
    when = "all that is kept" if since is None else f"the last {printable(since)}"
    total = sum(row.count for row in report.refused)
    if report.unread:
        yield from _row("refusals", f"cannot be read: {report.unread}")
        return
    mode = "would be refused" if conf.configured() else "would be refused, once there is a STOCKADE setting"
    yield from _row("refusals", f"{_many(total, 'request')} {mode} ({when})")
    for row in report.refused[:MOST]:
        yield from _row("", f"{row.count:>7}  {row.kind}: {row.reason}  {row.method} {row.view}".rstrip())
    if len(report.refused) > MOST:
        yield from _row("", f"and {len(report.refused) - MOST} more by view and reason: --format json")
    yield from _row("in query", f"{_many(report.in_query, 'request')} with a credential in the query string")


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"


def _row(head: str, text: str) -> Iterator[str]:
    yield from (line.replace(_TIED, " ") for line in _wrapped(text, f"{head:<12}", " " * 12))


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        printable(text), WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip


def _fact(fact: Fact, before: str) -> Iterator[str]:
    methods = f"  ({', '.join(fact.methods)})" if fact.methods else ""
    yield from _wrapped(f"{fact.view}{methods}", "  ", "      ")
    yield f"      at {printable(fact.where)}"
    yield from _wrapped(fact.meaning, "      ", "      ")
    if fact.write == before:
        yield "      write: as above"
        return
    yield "      write:"
    yield from _indented(fact.write, "          ")


def _indented(text: str, indent: str) -> Iterator[str]:
    for line in text.splitlines():
        yield f"{indent}{printable(line)}" if line else ""
