"""One entry of the security log as it leaves `emit`: complete, bounded, and with nothing secret in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import TypeAlias

from stockade.core import clock
from stockade.core.context import current
from stockade.core.credential import Credential
from stockade.core.principal import Principal
from stockade.events.catalogue import Event, Kind
from stockade.events.text import REDACTED, clean, clean_cached, detail_name, digest

Scalar: TypeAlias = str | int | float | bool | None
Details: TypeAlias = Mapping[str, Scalar]

MAX_DETAILS = 16
MAX_VALUE = 200
_SAFE_INTEGER = (
    2**53
)  # beyond it JSON readers disagree (RFC 8259 section 6), and orjson refuses 64 bits and more
_FAILURES = frozenset({Event.TOKEN_REUSE, Event.STATE_LOST, Event.EVENTS_DROPPED})


@dataclass(frozen=True, slots=True)
class Record:
    """An event with who, where and why. Every text is on one line, bounded, and free of credentials.

    Args:
        event: which one.
        at: seconds since the epoch.
        outcome: ``success``, ``failure`` or ``unknown`` (ECS event.outcome).
        reason: machine-readable cause.
        status: HTTP status of the answer, if the event decided it.
        request_id, address, method, route, user_agent: the request; "" where there is none.
        scheme, subject, credential, session: who; ids that are safe to show, "" where unknown.
        account: the name that a login was tried with; a keyed digest where it may be a password.
        details: what else matters, as scalars.
    """

    event: Event
    at: float
    outcome: str = "unknown"
    reason: str = ""
    status: int | None = None
    request_id: str = ""
    address: str = ""
    method: str = ""
    route: str = ""
    user_agent: str = ""
    scheme: str = ""
    subject: str = ""
    credential: str = ""
    session: str = ""
    account: str = ""
    details: Details = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Naming:
    """Which account names are written in clear (EVENTS["ACCOUNTS"]), and the key for the digest of the others."""

    accounts: str
    key: bytes = field(repr=False)


def build(
    event: Event,
    naming: Naming,
    *,
    reason: str = "",
    outcome: str = "",
    status: int | None = None,
    account: str = "",
    principal: Principal | None = None,
    credential: Credential | None = None,
    session: str = "",
    subject: str = "",
    details: Details | None = None,
) -> Record:
    """The record of `event` now: what is not given is taken from the request at hand."""
    context = current.get()
    if principal is None and context is not None:
        principal = context.principal
    if principal is not None:
        subject = subject or principal.subject
        credential = credential or principal.credential
    scheme = shown = ""
    if credential is not None:
        scheme, shown = credential.scheme, credential.id
        subject = subject or credential.subject
        session = session or credential.session
    if account:
        known = bool(subject) or event.kind is Kind.LIFE
        if naming.accounts == "all" or (known and naming.accounts == "known"):
            account = clean(account, 200)
        else:
            account = digest(account, naming.key)
    if context is not None and context.tenant and not subject:  # else the subject says it
        details = {**(details or {}), "tenant": context.tenant}
    return Record(
        event,
        clock.now(),
        outcome or default_outcome(event),
        clean_cached(reason, 64),
        status,
        clean(context.id, 64) if context else "",
        clean_cached(context.address, 64) if context else "",
        clean_cached(context.method, 16) if context else "",
        clean_cached(context.route, 200, runs=False) if context else "",
        clean_cached(context.user_agent, 200, runs=False) if context else "",
        clean_cached(scheme, 64),
        clean(subject, 100),
        clean(shown, 100, runs=len(shown) == 32),
        clean(session, 64),
        account,
        scalars(details) if details else {},
    )


def default_outcome(event: Event) -> str:
    """What an event says of itself where the caller does not."""
    return "failure" if event.kind is Kind.REFUSAL or event in _FAILURES else "success"


def scalars(details: Mapping[str, object]) -> Details:
    """Details as a closed set of types: text, numbers, booleans, nothing. Anything else keeps only its type's name."""
    found: dict[str, Scalar] = {}
    for index, (key, value) in enumerate(details.items()):
        if index == MAX_DETAILS:
            found["more"] = len(details) - MAX_DETAILS
            break
        name = detail_name(str(key)[:64])
        found[name.text] = REDACTED if name.secret else _scalar(value, runs=not name.harmless)
    return found


def _scalar(value: object, *, runs: bool) -> Scalar:
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return clean(str(value), MAX_VALUE, runs=runs)
    if isinstance(value, int):
        return int(value) if -_SAFE_INTEGER < value < _SAFE_INTEGER else "<large number>"
    if isinstance(value, float):
        return float(value) if isfinite(value) else str(value)
    return f"<{type(value).__name__}>"
