"""What happened, on one clock: each request, each change of who may do what, and each fault."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

Right = tuple[str, str]  # the name of a credential, and the door that it opens


def now() -> int:
    """Nanoseconds of CLOCK_MONOTONIC: one clock for all processes of a host, which nobody can set."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client was told.

    Args:
        status: 0 where no answer came: the connection was lost.
        code: of the problem document; "" where there is none.
        retry_after: the header; "" where there is none.
        worker: process id of who answered.
    """

    status: int
    code: str = ""
    retry_after: str = ""
    worker: str = ""

    @property
    def good(self) -> bool:
        """Whether what was asked was done."""
        return 200 <= self.status < 400

    @property
    def announced(self) -> bool:
        """Whether it is the 503 that is promised: a problem document with its code, and when to come again."""
        return self.status == 503 and self.code == "state_unavailable" and self.retry_after.isdigit()


@dataclass(frozen=True, slots=True)
class Request:
    """One request with a credential at a door.

    Args:
        began: just before the first byte was sent.
        ended: just after the last byte came.
    """

    began: int
    ended: int
    right: Right
    answer: Answer

    @property
    def admitted(self) -> bool:
        return 200 <= self.answer.status < 300

    @property
    def refused(self) -> bool:
        return self.answer.status in (401, 403)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of what some rights are worth.

    Args:
        kind: how it was made.
        rights: those that it concerns.
        grants: what they are worth afterwards.
        took_hold: from when on it must be seen; when it returned, or later where later is promised. None if it did not
            succeed: then it may have happened or not.
        over: whether it can still happen after `ended`: not once it was answered, with whatever.
    """

    began: int
    ended: int
    kind: str
    rights: tuple[Right, ...]
    grants: bool
    took_hold: int | None
    over: bool
    answer: Answer


@dataclass(frozen=True, slots=True)
class Fault:
    """One part that was taken away, from `began` until it was `back`."""

    name: str
    began: int
    back: int


@dataclass(slots=True)
class History:
    """Everything of one episode. Appending to a list is atomic, so all threads write here."""

    seed: int
    requests: list[Request] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what the driver itself found wrong


def line(entry: Request | Change | Fault, zero: int = 0) -> str:
    """One entry for people, times in milliseconds since `zero`."""

    def at(moment: int) -> str:
        return f"{(moment - zero) / 1e6:.2f}"

    if isinstance(entry, Fault):
        return f"[{at(entry.began)}..{at(entry.back)}] fault {entry.name}"
    told = entry.answer
    said = f"{told.status} {told.code} worker {told.worker}"
    if isinstance(entry, Request):
        return f"[{at(entry.began)}..{at(entry.ended)}] request {entry.right[0]} at {entry.right[1]}: {said}"
    who = ", ".join(f"{name} at {door}" for name, door in entry.rights[:6])
    more = f" and {len(entry.rights) - 6} more" if len(entry.rights) > 6 else ""
    hold = "never returned" if entry.took_hold is None else f"holds from {at(entry.took_hold)}"
    verb = "give" if entry.grants else "take"
    return f"[{at(entry.began)}..{at(entry.ended)}] {entry.kind} ({verb}) {who}{more}: {said}; {hold}"
