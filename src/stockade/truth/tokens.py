"""`end_tokens`: opaque tokens end as sessions do, rows first; each has an epoch of its own that moves with its row."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

from django.db import router, transaction

from stockade.core import clock, tenant
from stockade.core.address import network
from stockade.core.credential import Credential
from stockade.database import durably, is_open
from stockade.events import Event, emit
from stockade.gate.keys import subject_key
from stockade.gate.rates import parse as parse_rate
from stockade.models import OpaqueToken
from stockade.truth import epochs
from stockade.truth.change import Change, of_epochs
from stockade.truth.sessions import AGAIN


class Ended(NamedTuple):
    """A token that ends, or has just got an end, in the transaction that does it.

    Args:
        subject: whose it was.
        kind: which scheme reads it.
        linked: whether it was imported from a table that still has it.
    """

    id: uuid.UUID
    subject: str
    kind: str
    user: Any
    linked: bool
    digest: str
    digest_key: str
    visible: str
    origin: str

    @property
    def user_id(self) -> Any:
        """As a row calls it."""
        return self.user


Listener = Callable[[list[Ended], str], None]
_listeners: list[Listener] = []


def on_end(listener: Listener) -> Listener:
    """Have `listener` called with tokens that end and their database, in the same transaction."""
    if listener not in _listeners:
        _listeners.append(listener)
    return listener


OverlapListener = Callable[[Ended, datetime.datetime, str], None]
_overlap_listeners: list[OverlapListener] = []


def on_overlap(listener: OverlapListener) -> OverlapListener:
    """Have `listener` called with a key that was rotated, when it ends, and its database, in the same transaction."""
    if listener not in _overlap_listeners:
        _overlap_listeners.append(listener)
    return listener


def tell_of_overlap(token: Ended, until: datetime.datetime, using: str) -> None:
    """Tell whoever listens that a key which goes on beside another one has an end now."""
    for listener in _overlap_listeners:
        listener(token, until, using)


def token_key(id: object) -> bytes:
    """The epoch key of a token. Its truth is a row of Epoch, as a subject's is: no user has a space in his subject."""
    return subject_key(f"token {id}")


def judge_bounds(token: OpaqueToken) -> None:
    """Refuse what bounds a token and cannot be read: else each request by it would be an error of the server.

    Raises:
        ValueError: so it is; the message says what to write.
    """
    listed = token.networks
    if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
        raise ValueError('Write a list of addresses and CIDR blocks, such as ["192.0.2.7", "2001:db8::/32"].')
    for text in listed:
        network(text)
    if token.rate:
        parse_rate(token.kind, token.rate)


def end_tokens(
    user: Any = None, *, ids: Iterable[uuid.UUID | str] | None = None, reason: str = "revoked"
) -> int:
    """End opaque tokens: they are refused on the next request, in every worker.

    What is said of `end_sessions` about transactions, and about asking again, holds here too.

    Args:
        user: a user or a user's primary key: all tokens and API keys of that user, or those of `ids` that are the
            user's.
        ids: these tokens; what is no id of one is none.
        reason: for the row and the log, at most 32 characters.

    Returns:
        How many were ended; those that had ended before do not count.

    Raises:
        ValueError: neither `user` nor `ids`.
        Unavailable: the state is away, or the database stays busy; nothing was ended then, but for `UNTOLD`, which
            says so.
    """
    if user is None and ids is None:
        raise ValueError("Say whose tokens, or which: end_tokens(user) or end_tokens(ids=[...]).")
    using = router.db_for_write(OpaqueToken)
    wanted = OpaqueToken.objects.using(using).all()
    if user is not None:
        wanted = wanted.filter(user_id=getattr(user, "pk", user), tenant=tenant.now())
    listed = None if ids is None else [id for id in map(_uuid, ids) if id is not None]
    end = partial(_end, wanted, listed, reason, using)
    if is_open(using):
        with transaction.atomic(using=using):
            count, change = end()
    else:
        count, change = durably(end, using)
    if change is not None:
        change.finish()
    return count


def _end(wanted: Any, listed: list[uuid.UUID] | None, reason: str, using: str) -> tuple[int, Change | None]:
    """What `end_tokens` does in its transaction; how many it ended, and the change that it began."""
    found: list[Ended] = []
    over: set[uuid.UUID] = set()
    since = clock.now_datetime() - datetime.timedelta(seconds=AGAIN)
    for at in range(0, 1 if listed is None else len(listed), epochs.CHUNK):
        some = wanted if listed is None else wanted.filter(pk__in=listed[at : at + epochs.CHUNK])
        live = some.filter(ended_at=None)
        live.update(end_reason="")  # the lock first: begun with a read, it would fail on SQLite
        found += [of_row(token) for token in live]
        over.update(some.filter(ended_at__gte=since).values_list("pk", flat=True))
    if not found and not over:
        return 0, None
    now, count = clock.now_datetime(), 0
    rows = sorted(token.id for token in found)
    for at in range(0, len(rows), epochs.CHUNK):
        some = OpaqueToken.objects.using(using).filter(pk__in=rows[at : at + epochs.CHUNK], ended_at=None)
        count += some.update(ended_at=now, end_reason=reason[:32])
    tell(found, reason, using)
    return count, of_epochs([token_key(id) for id in {*rows, *over}], using).begin()


def tell(ended: list[Ended], reason: str, using: str) -> None:
    """Tell the log, and whoever listens, of tokens that end in the transaction at hand."""
    for token in ended:
        credential = Credential(token.kind, str(token.id), token.subject)
        emit(Event.TOKEN_REVOKED, reason=reason, credential=credential, subject=token.subject, using=using)
    for listener in _listeners:
        listener(ended, using)


def of_row(token: OpaqueToken) -> Ended:
    """A row as `on_end` gives it."""
    subject = subject_of(token.tenant, token.user_id, token.lineage)
    return Ended(
        token.pk, subject, token.kind, token.user_id, token.linked, token.digest, token.digest_key, token.visible,
        token.origin,
    )  # fmt: skip


def subject_of(whose: str, user: Any, lineage: object) -> str:
    """The subject of a row: its user's, or its own where it is a service's. That stays when the key is rotated."""
    return tenant.of(whose, f"api_key:{lineage}" if user is None else user)


def _uuid(value: uuid.UUID | str) -> uuid.UUID | None:
    if isinstance(value, uuid.UUID):
        return value
    try:
        return uuid.UUID(str(value))
    except ValueError:
        return None
