"""The report for people: a summary of one screen, then every fact with what to write, then the next step."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from stockade import conf
from stockade.cli.output import printable
from stockade.cli.report.acceptance import FILE, Acceptance, template
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
            yield from _fact(fact, before, report.sorted.was(fact))
            before = fact.write
    yield from _accepted(report)
    if report.facts:
        yield ""
        yield f"To accept a fact, with a reason, in {FILE}:"
        yield ""
        yield from _indented("\n".join(template(report.facts[0])), "    ")
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
    accepted = report.sorted
    if accepted.facts or accepted.rows:
        requests = sum(row.count for row, _ in accepted.rows)
        parts = [_many(len(accepted.facts), "fact")] if accepted.facts else []
        parts += [_many(requests, "refused request")] if requests else []
        yield from _row("accepted", ", ".join(parts))
    when = "all that is kept" if since is None else f"the last {printable(since)}"
    total = sum(row.count for row in report.refused)
    if report.unread:
        yield from _row("refusals", f"cannot be read: {report.unread}")
        return
    mode = "would be made" if conf.configured() else "would be made, once there is a STOCKADE setting"
    several = "; a request may meet several" if len(report.refused) > 1 else ""
    yield from _row("refusals", f"{total} {mode} ({when}){several}")
    for row in report.refused[:MOST]:
        yield from _row("", f"{row.count:>7}  {row.kind}: {row.reason}  {row.method} {row.view}".rstrip())
    if len(report.refused) > MOST:
        yield from _row("", f"and {len(report.refused) - MOST} more by view and reason: --format json")
    shown, refused = report.in_query
    rest = f", {refused} of them would be refused" if shown else ""
    yield from _row("in query", f"{_many(shown, 'request')} with a credential in the query string{rest}")


def _accepted(report: Report) -> Iterator[str]:
    known = report.sorted
    pairs: list[tuple[str, Acceptance]] = [
        (f"{fact.kind}: {fact.view}{_methods(fact.methods)}", one) for fact, one in known.facts
    ]
    pairs += [
        (f"{row.count} refused, {row.kind}: {row.reason}  {row.method} {row.view}", one)
        for row, one in known.rows
    ]
    if pairs:
        yield ""
        yield "Accepted:"
    for what, one in pairs:
        until = "" if one.until is None else f" (until {one.until.isoformat()})"
        yield from _wrapped(what, "  ", "      ")
        yield from _wrapped(f"{one.reason}{until}", "      ", "      ")
    if known.unmatched:
        verb = "acceptance matches" if len(known.unmatched) == 1 else "acceptances match"
        yield ""
        yield f"{len(known.unmatched)} {verb} nothing; take out what is mended or was renamed:"
    for one in known.unmatched:
        yield from _wrapped(f"{one.fact or one.refusal}: {one.view}{_methods(one.methods)}", "  ", "      ")


def _methods(methods: tuple[str, ...]) -> str:
    return f"  ({', '.join(methods)})" if methods else ""


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"


def _row(head: str, text: str) -> Iterator[str]:
    yield from (line.replace(_TIED, " ") for line in _wrapped(text, f"{head:<12}", " " * 12))


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        printable(text), WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip


def _fact(fact: Fact, before: str, was: Acceptance | None) -> Iterator[str]:
    yield from _wrapped(f"{fact.view}{_methods(fact.methods)}", "  ", "      ")
    yield f"      at {printable(fact.where)}"
    yield from _wrapped(fact.meaning, "      ", "      ")
    if was is not None:
        yield from _wrapped(f"It was accepted until {was.until}: {was.reason}", "      ", "      ")
    if fact.write == before:
        yield "      write: as above"
        return
    yield "      write:"
    yield from _indented(fact.write, "          ")


def _indented(text: str, indent: str) -> Iterator[str]:
    for line in text.splitlines():
        yield f"{indent}{printable(line)}" if line else ""
