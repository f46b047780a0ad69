"""The life of a key: made, published, signing, retired, revoked; each step and its event in one transaction."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction

from stockade.conf import load as settings
from stockade.core import clock
from stockade.events import Event, emit
from stockade.keyring import store
from stockade.keyring.conf import ALGORITHMS, DAY, KeyringSettings, wanted_algorithm
from stockade.keyring.material import generate, pack
from stockade.keyring.ring import EXPIRED, Ring
from stockade.keyring.wrapping import configured_wrapper
from stockade.models import Epoch, SigningKey

State = SigningKey.State
LOCK = "!keyring"  # a row of Epoch that is no epoch: whoever changes the keys holds it


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """One key as listings show it. Times are aware datetimes.

    Args:
        state: published, signing, retired, expired or revoked; as of now, whatever the row still says.
    """

    kid: str
    algorithm: str
    state: str
    created_at: datetime.datetime
    signs_from: datetime.datetime | None
    verifies_until: datetime.datetime | None


@contextmanager
def _locked() -> Iterator[str]:
    """A transaction in which nobody else changes the keys; gives its database alias.

    It begins with a write: on SQLite that takes the write lock at once, and a read that becomes a write fails there.
    """
    using = store.alias()
    with transaction.atomic(using=using):
        rows = Epoch.objects.using(using)
        rows.bulk_create([Epoch(key=LOCK, changed_at=clock.now_datetime())], ignore_conflicts=True)
        rows.filter(key=LOCK).update(changed_at=clock.now_datetime())
        yield using


def ensure(algorithm: str | None = None) -> Ring:
    """A ring that can sign; the first key is made if there is none, by one of all workers that try at once.

    Args:
        algorithm: of the first key; by default ``JWT["ALGORITHM"]``.
    """
    with _locked() as using:
        found = store.load(using)
        if State.SIGNING.value in found.states().values():
            store.forget()  # another worker was first, and this one does not know it yet
            return found
        _create(using, algorithm or wanted_algorithm(), clock.now())
        return store.load(using)


def rotate(*, now: bool = False, algorithm: str | None = None, lifetime: float = DAY) -> str:
    """Publish the next key; it signs once every cached JWKS holds it, and the old one then only verifies.

    While a published key waits, asking again changes nothing, but `now` lets it sign at once.

    Args:
        now: sign at once. Others that verify our tokens may have to fetch the JWKS first.
        algorithm: of the new key; by default ``JWT["ALGORITHM"]``.
        lifetime: seconds that a token signed last by the old key is good for.

    Returns:
        The id of the key that signs next.

    Raises:
        ValueError: unknown algorithm.
    """
    algorithm = algorithm or wanted_algorithm()
    if algorithm not in ALGORITHMS:
        raise ValueError(
            f"{algorithm!r} is no algorithm of the key ring. Use one of {', '.join(ALGORITHMS)}."
        )
    with _locked() as using:
        _settle(using, lifetime)
        at = clock.now()
        before = [row for row in _rows(using) if row.state == State.SIGNING]
        waiting = [row for row in _rows(using) if row.state == State.PUBLISHED and row.algorithm == algorithm]
        signs_from = at if now or not before else at + settings(KeyringSettings).publish_wait
        if waiting and not now:
            return waiting[0].kid
        if waiting:
            row = waiting[0]
            row.signs_from = _moment(at)
            row.save(using=using, update_fields=["signs_from"])
        else:
            row = _create(using, algorithm, signs_from)
        for old in before:
            old.verifies_until = _moment(signs_from + lifetime)
            old.save(using=using, update_fields=["verifies_until"])
        if before:
            emit(
                Event.KEY_ROTATED,
                details={
                    "kid": row.kid,
                    "algorithm": algorithm,
                    "old_kid": before[0].kid,
                    "wait": signs_from - at,
                },
                using=using,
            )
        _settle(using, lifetime)
        store.changed(using)
        return row.kid


def retire(kid: str, *, compromised: bool = False, lifetime: float = DAY) -> None:
    """Take a key out of use. If it was the one that signs, another takes its place at once.

    Args:
        kid: the key's id.
        compromised: it verifies nothing from now on, and its secrets are deleted: tokens that it signed and sessions
            whose refresh token it made end. Otherwise what it signed verifies until it has run out.
        lifetime: seconds that a token signed last by it is good for.

    Raises:
        LookupError: there is no such key.
    """
    with _locked() as using:
        _settle(
            using, lifetime
        )  # else a key that has stopped signing by the clock alone would take over again
        row = SigningKey.objects.using(using).filter(pk=kid).first()
        if row is None:
            raise LookupError(f"There is no key {kid!r}.")
        if row.state == State.REVOKED or (row.state == State.RETIRED and not compromised):
            return
        at = clock.now()
        row.state = State.REVOKED if compromised else State.RETIRED
        row.retired_at = row.retired_at or _moment(at)
        if compromised:
            row.wrapped, row.verifies_until = b"", _moment(at)
        else:
            row.verifies_until = _moment(at + lifetime)
        row.save(using=using)
        reason = "compromised" if compromised else "retired"
        emit(Event.KEY_RETIRED, reason=reason, details={"kid": kid, "algorithm": row.algorithm}, using=using)
        store.changed(using)
        left = [other for other in _rows(using) if other.state != State.RETIRED]
        if not any(other.signs_from is None or other.signs_from.timestamp() <= at for other in left):
            if left:  # one is published already: it must sign earlier than was planned
                left[0].signs_from = _moment(at)
                left[0].save(using=using, update_fields=["signs_from"])
            else:
                _create(using, wanted_algorithm(), at)
        _settle(using, lifetime)


def rewrap() -> int:
    """Wrap every row with the current STOCKADE_KEY or SECRET_KEY; returns how many were wrapped with an older one.

    After it the fallbacks are no longer needed.

    Raises:
        ConfigurationError: E070 or E074, a row cannot be unwrapped; nothing is changed then.
    """
    wrapper = configured_wrapper()
    count = 0
    with _locked() as using:
        for row in SigningKey.objects.using(using).exclude(state=State.REVOKED):
            wrapped = bytes(row.wrapped)
            if wrapper.is_current(wrapped):
                continue
            plain = wrapper.unwrap(wrapped, row.kid, row.algorithm)
            # Not `save`: neither a key nor a state changes, so nobody need read the ring again.
            again = wrapper.wrap(plain, row.kid, row.algorithm)
            SigningKey.objects.using(using).filter(pk=row.pk).update(wrapped=again)
            count += 1
    return count


def listing() -> list[KeyInfo]:
    """Every key, newest first, as of now."""
    from stockade.keyring.ring import Entry, states

    now = clock.now()
    rows = list(SigningKey.objects.using(store.alias()))
    entries = [
        Entry(
            row.kid,
            row.algorithm,
            row.state,
            row.created_at.timestamp(),
            (row.signs_from or row.created_at).timestamp(),
            row.verifies_until.timestamp() if row.verifies_until else None,
            None,
        )
        for row in rows
        if row.state != State.REVOKED
    ]
    found = states(entries, now)
    return [
        KeyInfo(
            row.kid,
            row.algorithm,
            found.get(row.kid, row.state),
            row.created_at,
            row.signs_from,
            row.verifies_until,
        )
        for row in rows
    ]


def cache_control() -> str:
    """The Cache-Control header of the JWKS (RFC 9111 section 5.2.2)."""
    return f"public, max-age={int(settings(KeyringSettings).jwks_max_age)}"


def _rows(using: str) -> list[SigningKey]:
    """Rows that are not revoked, those that sign or will sign latest first."""
    rows = SigningKey.objects.using(using).exclude(state=State.REVOKED)
    return sorted(
        rows, key=lambda row: (row.signs_from or row.created_at, row.created_at, row.kid), reverse=True
    )


def _create(using: str, algorithm: str, signs_from: float) -> SigningKey:
    kid, material = generate(algorithm)
    now = clock.now()
    row = SigningKey(
        kid=kid,
        algorithm=algorithm,
        state=State.SIGNING if signs_from <= now else State.PUBLISHED,
        public_jwk=material.public_jwk,
        wrapped=configured_wrapper().wrap(pack(material), kid, algorithm),
        created_at=_moment(now),
        signs_from=_moment(signs_from),
    )
    row.save(using=using, force_insert=True)
    emit(Event.KEY_CREATED, details={"kid": kid, "algorithm": algorithm, "state": row.state}, using=using)
    store.changed(using)
    return row


def _settle(using: str, lifetime: float) -> None:
    """Write down what time has done: who signs now, and who therefore has retired."""
    actual = {info.kid: info.state for info in listing()}
    for row in _rows(using):
        state = actual[row.kid]
        if state == row.state or (state == EXPIRED and row.state == State.RETIRED):
            continue
        if state == State.SIGNING:
            row.state = State.SIGNING
            row.save(using=using, update_fields=["state"])
            continue
        signer = next(other for other in _rows(using) if actual[other.kid] == State.SIGNING)
        since = signer.signs_from or signer.created_at
        row.state, row.retired_at = State.RETIRED, since
        row.verifies_until = row.verifies_until or since + datetime.timedelta(seconds=lifetime)
        row.save(using=using, update_fields=["state", "retired_at", "verifies_until"])
        emit(
            Event.KEY_RETIRED,
            reason="rotated",
            details={"kid": row.kid, "algorithm": row.algorithm},
            using=using,
        )


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
