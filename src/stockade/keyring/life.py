"""The life of a key until it is retired: made, published, signing, and verifying once the next one has taken over."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass

from stockade.conf import load as settings
from stockade.core import clock
from stockade.keyring import store
from stockade.keyring.conf import ALGORITHMS, KeyringSettings, wanted_algorithm
from stockade.keyring.needs import need
from stockade.keyring.ring import Ring, longest_kept
from stockade.keyring.rows import State, alone, create, drop, living, moment, phases_of, settle, withdraw
from stockade.keyring.wrapping import configured_wrapper
from stockade.models import SigningKey


def ensure(algorithm: str | None = None, *, lifetime: float = 0) -> Ring:
    """A ring that can sign; the first key is made if there is none, by one of all workers that try at once.

    Args:
        algorithm: of the first key; by default ``JWT["ALGORITHM"]``.
        lifetime: seconds that a token which is to be signed is good for; the key's row keeps the longest.
    """
    longest = math.ceil(lifetime)

    def change(using: str) -> Ring:
        found = store.load(using)
        signing = [kid for kid, state in found.states().items() if state == State.SIGNING]
        if not signing:
            create(using, algorithm or wanted_algorithm(), clock.now(), longest, State.SIGNING)
            return store.load(using)
        row = SigningKey.objects.using(using).get(pk=signing[0])
        if row.token_lifetime >= longest:
            store.forget()  # another worker was first, and this one does not know it yet
            return found
        row.token_lifetime = longest
        row.save(using=using, update_fields=["token_lifetime"])
        store.changed(using)
        return store.load(using)

    return alone(change)


def rotate(*, now: bool = False, algorithm: str | None = None, lifetime: float | None = None) -> str:
    """Publish the next key; it signs once every cached JWKS holds it, and the old one then only verifies.

    While a published key waits, asking again changes nothing, but `now` lets it sign at once.

    Args:
        now: sign at once. Others that verify our tokens may have to fetch the JWKS first.
        algorithm: of the new key; by default ``JWT["ALGORITHM"]``.
        lifetime: seconds that tokens of the new key will be good for; by default as those of the old one. A longer one
            is noted when the first such token is signed.

    Returns:
        The id of the key that signs next.

    Raises:
        ValueError: unknown algorithm.
    """
    wanted = algorithm or wanted_algorithm()
    if wanted not in ALGORITHMS:
        raise ValueError(f"{wanted!r} is no algorithm of the key ring. Use one of {', '.join(ALGORITHMS)}.")
    return alone(lambda using: _rotate(using, wanted, now, lifetime))


def _rotate(using: str, algorithm: str, now: bool, lifetime: float | None) -> str:
    settle(using)
    at = clock.now()
    rows = living(using)
    waiting = [row for row in rows if row.state == State.PUBLISHED and row.algorithm == algorithm]
    if waiting and not now:
        return waiting[0].kid
    signer = next((row for row in rows if row.state == State.SIGNING), None)
    if waiting:
        row = waiting[0]
        row.signs_from = moment(at)
        row.save(using=using, update_fields=["signs_from"])
    else:
        if lifetime is None:
            lifetime = signer.token_lifetime if signer is not None else 0
        if signer is None:
            return create(using, algorithm, at, math.ceil(lifetime), State.SIGNING).kid
        signs_from = at if now else at + _publish_wait(rows)
        row = create(using, algorithm, signs_from, math.ceil(lifetime), State.PUBLISHED)
    if now:
        for (
            other
        ) in rows:  # else a key that was published earlier would take over from the one that is wanted now
            if other.state == State.PUBLISHED and other.kid != row.kid:
                withdraw(using, other)
    settle(using)
    store.changed(using)
    return row.kid


@dataclass(frozen=True, slots=True)
class Turn:
    """What `rotate_if_due` has done.

    Args:
        published: the id of the key that it has published; "" if none was due.
        retired: the ids of the keys that it has retired.
        due_at: when the next rotation is due; None while there is no key at all.
    """

    published: str
    retired: tuple[str, ...]
    due_at: datetime.datetime | None


def rotate_if_due(*, lifetime: float | None = None, keep: float = 0) -> Turn:
    """Do what time has made necessary: publish the next key if one is due, retire those that nothing rests on.

    A key is due when it has signed for ``KEYRING["ROTATION"]``, or when ``JWT["ALGORITHM"]`` is not its own any more.
    However many hosts ask at once, it happens once.

    Args:
        lifetime: as for `rotate`.
        keep: seconds to keep a key after it has stopped signing, whatever else rests on it: for its MACs.
    """

    def change(using: str) -> Turn:
        settle(using)
        algorithm, every = wanted_algorithm(), settings(KeyringSettings).rotation
        rows = living(using)
        signer = next((row for row in rows if row.state == State.SIGNING), None)
        if signer is None:
            return Turn("", (), None)
        due_at = (signer.signs_from or signer.created_at) + datetime.timedelta(seconds=every)
        waiting = [row for row in rows if row.state == State.PUBLISHED]
        published = ""
        if waiting:
            due_at = (waiting[0].signs_from or waiting[0].created_at) + datetime.timedelta(seconds=every)
        newest_algorithm = (waiting or [signer])[0].algorithm
        if newest_algorithm != algorithm or due_at <= clock.now_datetime():
            published = _rotate(using, algorithm, False, lifetime)
            due_at = SigningKey.objects.using(using).get(pk=published).signs_from or due_at
            due_at += datetime.timedelta(seconds=every)
        retired = []
        for row in rows:
            stopped = row.stopped_at
            if row.state != State.VERIFYING or stopped is None or stopped.timestamp() + keep > clock.now():
                continue
            if need(row, using) is None:
                drop(using, row, "retired")
                retired.append(row.kid)
        return Turn(published, tuple(retired), due_at)

    return alone(change)


def keep_jwks(seconds: int) -> None:
    """Note that others are told to keep the JWKS for so long, before they are: the next key is published for longer."""

    def change(using: str) -> None:
        rows = living(using)
        found = phases_of(rows)
        alive = [row for row in rows if found[row.kid].state in (State.PUBLISHED, State.SIGNING)]
        for row in alive[:1]:
            row.jwks_max_age = max(row.jwks_max_age, seconds)
            row.save(using=using, update_fields=["jwks_max_age"])
            store.changed(using)

    alone(change)


def cache_control() -> str:
    """The Cache-Control header of the JWKS (RFC 9111 section 5.2.2).

    The row of the newest key keeps the longest that was ever told, so that the next key waits for it even if the
    setting was shortened meanwhile.
    """
    seconds = int(settings(KeyringSettings).jwks_max_age)
    if seconds > store.ring().max_age:
        keep_jwks(seconds)
    return f"public, max-age={seconds}"


def _publish_wait(rows: list[SigningKey]) -> float:
    """Seconds from publishing a key to signing with it: by then every cached JWKS has been fetched again."""
    kept = longest_kept([store.entry(row) for row in rows], phases_of(rows))
    return max(settings(KeyringSettings).jwks_max_age, kept) + settings(KeyringSettings).margin


def rewrap() -> int:
    """Wrap every row with the current STOCKADE_KEY or SECRET_KEY; returns how many were wrapped with an older one.

    After it the fallbacks are no longer needed.

    Raises:
        ConfigurationError: E070 or E074, a row cannot be unwrapped; nothing is changed then.
    """
    wrapper = configured_wrapper()

    def change(using: str) -> int:
        count = 0
        for row in living(using):
            wrapped = bytes(row.wrapped)
            if wrapper.is_current(wrapped):
                continue
            plain = wrapper.unwrap(wrapped, row.kid, row.algorithm)
            # Not `save`: neither a key nor a state changes, so nobody need read the ring again.
            sealed = wrapper.wrap(plain, row.kid, row.algorithm)
            SigningKey.objects.using(using).filter(pk=row.pk).update(wrapped=sealed)
            count += 1
        return count

    return alone(change)


def wrapped_with_another() -> int:
    """How many keys are wrapped with another STOCKADE_KEY or SECRET_KEY than today's: they need the fallbacks."""
    wrapper = configured_wrapper()
    rows = SigningKey.objects.using(store.alias()).exclude(state__in=store.GONE)
    return sum(not wrapper.is_current(bytes(row.wrapped)) for row in rows)
