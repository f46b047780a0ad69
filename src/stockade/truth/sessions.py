"""`end_sessions`: rows first, in one transaction with their events; the gate is marked before and told after it."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db import router, transaction

from stockade.core import clock, tenant
from stockade.database import durably, is_open
from stockade.events import Event, emit
from stockade.gate.keys import session_key
from stockade.models import ExternalIdentity, ImportedUser, Session
from stockade.truth import epochs
from stockade.truth.change import Change, of_epochs
from stockade.truth.epochs import Pair

# Seconds for which an end is told again when it is asked for again. Far longer than a worker believes what it knows
# (PRINCIPAL_MAX_AGE), after which nobody need be told.
AGAIN = 3600.0
_PASSES = 8


def end_sessions(
    user: Any = None,
    *,
    ids: Iterable[uuid.UUID | str] | None = None,
    reason: str = "ended",
    except_id: uuid.UUID | str | None = None,
) -> int:
    """End sessions: their access tokens stop on the next request, in every worker, and they cannot be refreshed.

    When this returns outside of a transaction, or when the transaction around it has committed, no worker admits them.
    That holds for those that had ended before, too: an earlier call may have ended them and told nobody (`UNTOLD`).
    All sessions of a user are also what he holds of tokens that were imported from another package, or that another
    issuer has made until now.

    Args:
        user: a user or a user's primary key: all sessions of that user, or those of `ids` that are the user's.
        ids: these sessions; what is no session id is no session.
        reason: for the row and the log, at most 32 characters.
        except_id: one session to leave alone, such as the one at hand.

    Returns:
        How many were ended; those that had ended before do not count.

    Raises:
        ValueError: neither `user` nor `ids`.
        Unavailable: the state is away, or the database stays busy; nothing was ended then, but for `UNTOLD`, which
            says so.
    """
    if user is None and ids is None:
        raise ValueError("Say whose sessions, or which: end_sessions(user) or end_sessions(ids=[...]).")
    using = router.db_for_write(Session)
    wanted = Session.objects.using(using).all()
    if user is not None:
        wanted = wanted.filter(user_id=getattr(user, "pk", user), tenant=tenant.now())
    if except_id is not None and (spared := _uuid(except_id)) is not None:
        wanted = wanted.exclude(pk=spared)
    listed = None if ids is None else [id for id in map(_uuid, ids) if id is not None]
    whose = getattr(user, "pk", user) if ids is None else None
    end = partial(_end, wanted, listed, reason, using, whose)
    if is_open(using):
        with transaction.atomic(using=using):
            count, changes = end()
    else:
        count, changes = durably(end, using)
    for change in changes:
        change.finish()
    return count


def _end(
    wanted: Any, listed: list[uuid.UUID] | None, reason: str, using: str, whose: Any
) -> tuple[int, list[Change]]:
    """What `end_sessions` does in its transaction; how many it ended, and the changes that it began."""
    # Before the sessions are looked for: a token that is being exchanged for one holds this row.
    changes = [*_end_imported(whose, using), *_end_external(whose, using)]
    found: dict[uuid.UUID, str] = {}
    over: set[uuid.UUID] = set()
    now = clock.now_datetime()
    since = now - datetime.timedelta(seconds=AGAIN)
    count = 0
    for at in range(0, 1 if listed is None else len(listed), epochs.CHUNK):
        some = wanted if listed is None else wanted.filter(pk__in=listed[at : at + epochs.CHUNK])
        # Until there is none: one that is given another key at this moment goes on by another id.
        for _ in range(_PASSES):
            live = _lock(some.filter(ended_at=None))
            count += _mark(live, now, reason, using)
            found |= live
            if not live or listed is not None:
                break
        over.update(some.filter(ended_at__gte=since).values_list("pk", flat=True))
    over -= found.keys()
    if not found and not over:
        return 0, changes
    rows = sorted(found)
    for id in rows:
        emit(Event.SESSION_ENDED, reason=reason, session=str(id), subject=found[id], using=using)
    return count, [*changes, ending([*rows, *over], using).begin()]


def _mark(live: Iterable[uuid.UUID], now: datetime.datetime, reason: str, using: str) -> int:
    rows, count = sorted(live), 0
    for at in range(0, len(rows), epochs.CHUNK):
        some = Session.objects.using(using).filter(pk__in=rows[at : at + epochs.CHUNK], ended_at=None)
        count += some.update(ended_at=now, end_reason=reason[:32])
    return count


def _end_imported(user: Any, using: str) -> list[Change]:
    """Take no imported token of a user any more; the change that it began, if he has any."""
    if user is None:
        return []
    mine = ImportedUser.objects.using(using).filter(user_id=user, tenant=tenant.now())
    if mine.filter(ended_at=None).update(ended_at=clock.now_datetime()):
        return [of_epochs([epochs.subject(user)], using).begin()]
    since = clock.now_datetime() - datetime.timedelta(seconds=AGAIN)
    # As with sessions: an earlier call may have told nobody.
    told = mine.filter(ended_at__gte=since).exists()
    return [of_epochs([epochs.subject(user)], using).begin()] if told else []


def _end_external(user: Any, using: str) -> list[Change]:
    """Take no token of another issuer that was issued before now; the change that it began, if the user has any."""
    if user is None:
        return []
    mine = ExternalIdentity.objects.using(using).filter(user_id=user, tenant=tenant.now())
    linked = mine.update(not_before=clock.now_datetime())
    return [of_epochs([epochs.subject(user)], using).begin()] if linked else []


def ending(ids: Iterable[uuid.UUID], using: str) -> Change:
    """A change that ends sessions; their rows must be locked by the transaction, or be locked by it now."""
    return Change([session_key(str(id)) for id in ids], using, _ended, using)


def _ended(keys: Iterable[bytes], using: str) -> list[Pair]:
    at = epochs.ended()
    return [(key, at) for key in keys]


def _lock(wanted: Any) -> dict[uuid.UUID, str]:
    """Lock the rows, then read whose they are: begun with a read, the UPDATE may fail on SQLite."""
    wanted.update(end_reason="")
    return {id: tenant.of(whose, pk) for id, whose, pk in wanted.values_list("pk", "tenant", "user_id")}


def _uuid(value: uuid.UUID | str) -> uuid.UUID | None:
    if isinstance(value, uuid.UUID):
        return value
    try:
        return uuid.UUID(str(value))
    except ValueError:
        return None
