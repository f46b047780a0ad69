"""The keys as operators see them: what each is now, and when its next step may be."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from stockade.core import clock
from stockade.keyring import store
from stockade.keyring.needs import need
from stockade.keyring.ring import Phase, phases
from stockade.keyring.store import GONE
from stockade.models import SigningKey

State = SigningKey.State


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """One key as listings show it. Times are aware datetimes.

    Args:
        state: published, signing, verifying, expired, retired or revoked; as of now, whatever the row still says.
        signs_from: when it signs, or signed first.
        stops_at: when another key takes over, or took over; None while none is to.
        verifies_until: when the last token that it signed has run out, as far as that is known.
        retire_from: from when on `retire` takes it, as of now; None while it signs, and once it is retired or revoked.
    """

    kid: str
    algorithm: str
    state: str
    created_at: datetime.datetime
    signs_from: datetime.datetime | None
    stops_at: datetime.datetime | None
    verifies_until: datetime.datetime | None
    retire_from: datetime.datetime | None


def listing() -> list[KeyInfo]:
    """Every key, newest first, as of now."""
    using = store.alias()
    rows = list(SigningKey.objects.using(using))
    alive = [store.entry(row) for row in rows if row.state not in GONE]
    found = phases(alive, clock.now())
    return [_info(row, found.get(row.kid), using) for row in rows]


def _info(row: SigningKey, phase: Phase | None, using: str) -> KeyInfo:
    retire_from: datetime.datetime | None = None
    if phase is not None:
        row.stopped_at, row.verifies_until = _moment(phase.stops), _moment(phase.ends)
        if phase.state == State.PUBLISHED:
            retire_from = row.created_at  # it has signed nothing
        elif phase.state != State.SIGNING:
            row.state = State.VERIFYING
            why = need(row, using)
            retire_from = row.verifies_until if why is None else why.until
    state = row.state if phase is None else phase.state
    return KeyInfo(
        row.kid,
        row.algorithm,
        state,
        row.created_at,
        row.signs_from,
        row.stopped_at,
        row.verifies_until,
        retire_from,
    )


def _moment(seconds: float | None) -> datetime.datetime | None:
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC)
