"""The rows of the keys, changed by one at a time: made, brought up to date with the clock, and emptied."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TypeVar

from django.db import transaction

from stockade.conf import load as settings
from stockade.core import clock
from stockade.database import again
from stockade.events import Event, emit
from stockade.keyring import store
from stockade.keyring.conf import KeyringSettings
from stockade.keyring.material import generate, pack
from stockade.keyring.ring import Phase, phases
from stockade.keyring.store import GONE
from stockade.keyring.wrapping import configured_wrapper
from stockade.models import Epoch, SigningKey

T = TypeVar("T")
State = SigningKey.State
LOCK = "!keyring"  # a row of Epoch that is no epoch: whoever changes the keys holds it


def alone(change: Callable[[str], T], first: Callable[[], None] | None = None) -> T:
    """Run `change(database)` in a transaction in which nobody else changes the keys; again if the database was busy.

    It begins with a write: on SQLite that takes the write lock at once, and a read that becomes a write fails there.

    Args:
        change: what is to be done.
        first: takes what must be locked before the transaction looks at anything.
    """
    using = store.alias()

    def once() -> T:
        with transaction.atomic(using=using):
            if first is not None:
                first()
            rows = Epoch.objects.using(using)
            rows.bulk_create([Epoch(key=LOCK, changed_at=clock.now_datetime())], ignore_conflicts=True)
            rows.filter(key=LOCK).update(changed_at=clock.now_datetime())
            return change(using)

    return again(once, using)


def living(using: str) -> list[SigningKey]:
    """Rows that are of use, those that sign or will sign latest first."""
    rows = SigningKey.objects.using(using).exclude(state__in=GONE)
    return sorted(rows, key=lambda row: store.entry(row).rank, reverse=True)


def phases_of(rows: list[SigningKey]) -> dict[str, Phase]:
    """What each of the rows is now."""
    return phases([store.entry(row) for row in rows], clock.now())


def create(using: str, algorithm: str, signs_from: float, lifetime: int, state: State) -> SigningKey:
    """Make a key.

    Args:
        using: the database.
        algorithm: that it signs with.
        signs_from: when, in seconds since the epoch.
        lifetime: seconds that tokens of it will be good for, as far as that is known.
        state: published, or signing.
    """
    kid, material = generate(algorithm)
    row = SigningKey(
        kid=kid,
        algorithm=algorithm,
        state=state,
        public_jwk=material.public_jwk,
        wrapped=configured_wrapper().wrap(pack(material), kid, algorithm),
        created_at=clock.now_datetime(),
        signs_from=moment(signs_from),
        token_lifetime=lifetime,
        jwks_max_age=int(settings(KeyringSettings).jwks_max_age),
    )
    row.save(using=using, force_insert=True)
    told = {
        "kid": kid,
        "algorithm": algorithm,
        "state": state.value,
        "signs_from": _text(row.signs_from),
    }
    emit(Event.KEY_CREATED, details=told, using=using)
    store.changed(using)
    return row


def settle(using: str) -> None:
    """Write down what time has done: who signs now, and who therefore has stopped."""
    rows = living(using)
    found = phases_of(rows)
    began = [row for row in rows if row.state == State.PUBLISHED and found[row.kid].state != State.PUBLISHED]
    for row in rows:
        phase = found[row.kid]
        if row.state == State.VERIFYING or phase.state == row.state:
            continue
        if phase.state == State.SIGNING:
            row.state = State.SIGNING
            row.save(using=using, update_fields=["state"])
        else:
            row.state = State.VERIFYING
            row.stopped_at, row.verifies_until = moment(phase.stops), moment(phase.ends)
            row.save(using=using, update_fields=["state", "stopped_at", "verifies_until"])
        store.changed(using)
    for row in reversed(began):
        old = next((other.kid for other in rows if other.stopped_at == row.signs_from), "")
        told = {"kid": row.kid, "algorithm": row.algorithm, "old_kid": old, "since": _text(row.signs_from)}
        emit(Event.KEY_ROTATED, details=told, using=using)


def moment(seconds: float | None) -> datetime.datetime:
    """An aware datetime."""
    assert seconds is not None  # noqa: S101 - a key that has stopped has done so at some moment
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def _text(moment: datetime.datetime | None) -> str:
    return "" if moment is None else moment.isoformat()


def withdraw(using: str, row: SigningKey) -> None:
    """Take back a published key: it has signed nothing."""
    drop(using, row, "withdrawn")


def drop(using: str, row: SigningKey, reason: str, **details: int) -> None:
    """Delete a key's secrets: nothing is signed, verified or authenticated with it any more.

    Args:
        using: the database.
        row: the key's.
        reason: retired, withdrawn or compromised.
        details: for the event.
    """
    row.state = State.REVOKED if reason == "compromised" else State.RETIRED
    row.wrapped = b""
    row.retired_at = clock.now_datetime()
    if row.verifies_until is None or row.verifies_until > row.retired_at:
        row.verifies_until = row.retired_at
    row.save(using=using)
    told: dict[str, str | int] = {"kid": row.kid, "algorithm": row.algorithm, **details}
    emit(Event.KEY_RETIRED, reason=reason, details=told, using=using)
    store.changed(using)
