"""Reads a history and says what must not have happened, with the lines that show it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.faults.history import Change, Fault, History, Request, Right, line

GRACE = 5_000_000_000  # nanoseconds from a part's return to full service
SHOWN = 5  # violations of a kind that are shown


@dataclass(slots=True)
class Report:
    """What a history comes to.

    Args:
        violations: what must not have happened; the kind, then lines.
        returned: successful changes that took something away, by kind.
        recovery: for each fault, milliseconds from its part's return to the last answer that was no full service.
    """

    violations: list[tuple[str, str]] = field(default_factory=list)
    returned: Counter[str] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)
    after: int = (
        0  # requests that began after their credential had been revoked: those that a hole would admit
    )
    recovery: list[tuple[str, float]] = field(default_factory=list)

    def text(self) -> str:
        """The violations, a few of each kind."""
        shown: Counter[str] = Counter()
        lines = []
        for kind, told in self.violations:
            shown[kind] += 1
            if shown[kind] <= SHOWN:
                lines.append(f"{kind}:\n{told}")
        return "\n".join([*lines, *(f"{kind}: {count} in all" for kind, count in shown.items())])


def check(history: History) -> Report:
    """Check everything that is promised.

    - No request that began after a revocation took hold is admitted, nor one refused whose credential was good.
    - Whoever gets no decision is told 503 with a code and Retry-After, and only while a part is away or at most five
      seconds after its return. A request without any answer is excused by a fault whose name says ``worker``.
    """
    report = Report()
    by_right: dict[Right, list[Change]] = defaultdict(list)
    for change in sorted(history.changes, key=lambda change: change.began):
        for right in change.rights:
            by_right[right].append(change)
        if change.took_hold is not None and not change.grants:
            report.returned[change.kind] += 1
    entries: list[Request | Change] = [*history.requests, *history.changes]
    zero = min((entry.began for entry in entries), default=0)
    windows = _Windows(history.faults)
    for request in history.requests:
        report.answers[request.answer.status] += 1
        found = _wrong(request, by_right[request.right], report)
        if found:
            shown = [line(change, zero) for change in _near(request, by_right[request.right])]
            shown += [line(fault, zero) for fault in windows.around(request)]
            report.violations.append(
                (found, "\n".join(f"  {text}" for text in (line(request, zero), *shown)))
            )
    for entry in entries:
        if reason := windows.unannounced(entry):
            report.violations.append((reason, f"  {line(entry, zero)}"))
    report.violations += [("the driver", f"  {note}") for note in history.notes]
    report.recovery = list(_recovery(history))
    return report


def _near(request: Request, changes: list[Change]) -> list[Change]:
    """The last changes that had begun, and the next one."""
    upto = sum(1 for change in changes if change.began <= request.ended)
    return changes[max(0, upto - 4) : upto + 1]


def _wrong(request: Request, changes: list[Change], report: Report) -> str:
    """What is wrong with a decision; "" if it is one that the changes allow, or none was made."""
    worth = possible(request, changes)
    if worth == {False}:
        report.after += 1
    if request.admitted and True not in worth:
        return "admitted after it was taken"
    if request.refused and False not in worth:
        return "refused while it was good"
    if not request.admitted and not request.refused and request.answer.status not in (0, 503):
        return "no answer that is foreseen"
    return ""


def possible(request: Request, changes: Iterable[Change]) -> set[bool]:
    """What the right of a request may have been worth while it ran. A right is good until the first change.

    A change counts once it has begun, and no longer when another one that took hold before the request began had begun
    after this one was over.
    """
    listed = [change for change in changes if change.began <= request.ended]
    settled = [c for c in listed if c.took_hold is not None and c.took_hold < request.began]
    latest = max((c.began for c in settled), default=None)
    found = {True} if latest is None else set()
    for change in listed:
        if latest is None or change.began >= latest or _may_still_come(change, latest):
            found.add(change.grants)
    return found


def _may_still_come(change: Change, latest: int) -> bool:
    """Whether a change could be seen after another that began at `latest` has taken hold."""
    return not change.over or (change.took_hold or change.ended) > latest


class _Windows:
    """When a part was away, each with the five seconds after its return."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._faults = sorted(faults, key=lambda fault: fault.began)
        self._starts = [fault.began for fault in self._faults]

    def around(self, entry: Request | Change) -> list[Fault]:
        """The faults that may have had to do with it, the latest few."""
        upto = bisect_right(self._starts, entry.ended)
        # Faults come one by one, so no earlier one reaches into later windows.
        return [
            fault for fault in self._faults[max(0, upto - 20) : upto] if entry.began <= fault.back + GRACE
        ]

    def unannounced(self, entry: Request | Change) -> str:
        status = entry.answer.status
        if 0 < status < 500:
            return ""
        around = self.around(entry)
        if status == 0:
            return "" if any("worker" in fault.name for fault in around) else "no answer at all"
        if not entry.answer.announced:
            return "a failure that is not the announced 503"
        return "" if around else "a 503 though every part had been back for five seconds"


def _recovery(history: History) -> Iterator[tuple[str, float]]:
    """For each fault, how long after its part's return the last request got no full service."""
    faults = sorted(history.faults, key=lambda fault: fault.began)
    failed = sorted(r.ended for r in history.requests if r.answer.status in (0, 503))
    for number, fault in enumerate(faults):
        following = faults[number + 1].began if number + 1 < len(faults) else None
        upto = len(failed) if following is None else bisect_right(failed, following)
        last = failed[upto - 1] if upto else 0
        yield fault.name, max(0.0, (last - fault.back) / 1e6)
