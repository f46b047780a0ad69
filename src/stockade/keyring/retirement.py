"""The end of a key: retired when nothing rests on it any more, or revoked at once because it is compromised."""

from __future__ import annotations

from stockade.core import clock
from stockade.keyring.conf import wanted_algorithm
from stockade.keyring.needs import StillNeeded, end_sessions, hold_sessions, need
from stockade.keyring.rows import State, alone, create, drop, living, settle, withdraw
from stockade.models import SigningKey


def retire(kid: str, *, compromised: bool = False) -> None:
    """Delete the secrets of a key that nothing rests on any more; or of one that is compromised, at once.

    Args:
        kid: the key's id.
        compromised: what it signed is refused from the next request on, in every worker, and the sessions whose refresh
            token it made end. If it was the one that signs, another signs at once: the one that is published, else a
            new one, which caches of the JWKS do not hold yet.

    Raises:
        LookupError: there is no such key.
        StillNeeded: it signs, or tokens or sessions rest on it; the message says until when.
    """

    def change(using: str) -> None:
        settle(using)
        row = SigningKey.objects.using(using).filter(pk=kid).first()
        if row is None:
            raise LookupError(f"There is no key {kid!r}.")
        if row.state == State.REVOKED:
            # Announced again: the first time it may have been committed and nobody told (`truth.change.UNTOLD`).
            if compromised:
                row.save(using=using, update_fields=["state"])
            return
        if row.state == State.RETIRED and not compromised:
            return
        if compromised:
            _revoke(using, row)
        elif row.state == State.PUBLISHED:
            withdraw(using, row)
        else:
            why = need(row, using)
            if why is not None:
                raise StillNeeded(why.message, why.until)
            drop(using, row, "retired")

    alone(change, hold_sessions if compromised else None)


def _revoke(using: str, row: SigningKey) -> None:
    # Sessions first: while the row's change is under way every worker asks SQL for everything.
    ended = end_sessions(row.kid)
    row.stopped_at = row.stopped_at or clock.now_datetime()
    drop(using, row, "compromised", sessions=ended)
    left = living(using)
    if not any(other.state == State.SIGNING for other in left):
        waiting = [other for other in left if other.state == State.PUBLISHED]
        if waiting:  # it must sign earlier than was planned; the last in line is known to others for longest
            waiting[-1].signs_from = clock.now_datetime()
            waiting[-1].save(using=using, update_fields=["signs_from"])
            settle(using)
        else:
            create(using, wanted_algorithm(), clock.now(), row.token_lifetime, State.SIGNING)
