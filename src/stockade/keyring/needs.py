"""What still rests on a key: why it may not be retired yet, and what ends with it when it is compromised."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from django.db import connections, router
from django.db.models import Count, Max, Q, QuerySet

from stockade.conf import load as settings
from stockade.core import clock
from stockade.database import aside, snapshot_is_old
from stockade.keyring.conf import KeyringSettings
from stockade.models import Session, SigningKey

State = SigningKey.State
_FORMAT = "%Y-%m-%d %H:%M:%S UTC"
_WAIT = "2s"  # for a writer of sessions; `rows.alone` tries again


class StillNeeded(Exception):
    """A key may not be retired yet.

    Attributes:
        until: from when on it may be; None while it signs.
    """

    def __init__(self, message: str, until: datetime.datetime | None) -> None:
        super().__init__(message)
        self.until = until


@dataclass(frozen=True, slots=True)
class Need:
    """What rests on a key, and until when; None while it signs."""

    until: datetime.datetime | None
    message: str


def need(row: SigningKey, using: str) -> Need | None:
    """Why a key whose state is written down may not be retired; None if it may.

    Two things rest on one that has stopped: the last access token that it signed; and the sessions that began before it
    stopped, for it may have made one of their refresh tokens. Without it a replayed one would be garbage, not theft.
    """
    if row.state in (State.PUBLISHED, State.RETIRED, State.REVOKED):
        return None
    if row.stopped_at is None or row.verifies_until is None:
        return Need(
            None,
            f"{row.kid} signs. Publish the next key first (`stockade keyring rotate`), then wait until it signs.",
        )
    now = clock.now_datetime()
    found = _resting(row, now).aggregate(last=Max("expires_at"), count=Count("pk"))
    last: datetime.datetime | None = found["last"]
    until = max(row.verifies_until, last) if last is not None else row.verifies_until
    if until <= now:
        return None
    why = []
    if row.verifies_until > now:
        why.append(f"access tokens that it signed may be good until {row.verifies_until:{_FORMAT}}")
    if last is not None:
        count = found["count"]
        sessions = "1 session" if count == 1 else f"{count} sessions"
        why.append(f"{sessions} that began while it signed may be refreshed until {last:{_FORMAT}}")
    return Need(until, f"{row.kid} may be retired from {until:{_FORMAT}} on: {'; '.join(why)}.")


def _resting(row: SigningKey, now: datetime.datetime) -> QuerySet[Session]:
    """Live sessions that may hold a refresh token which the key made."""
    # A worker that had not heard yet may have used it a little longer.
    margin = datetime.timedelta(seconds=settings(KeyringSettings).margin)
    rows = Session.objects.using(router.db_for_write(Session))
    began = Q(created_at__lte=(row.stopped_at or now) + margin)
    rows = rows.exclude(kid="")  # a session of a cookie rests on no key
    return rows.filter(began | Q(kid=row.kid), ended_at=None, expires_at__gt=now, idle_expires_at__gt=now)


def end_sessions(kid: str) -> int:
    """End the sessions whose current refresh token this key made; returns how many.

    One statement, however many they are. The state need not be told of each: with the key's row the world's epoch
    moves, and every worker reads every session again. Call it in the transaction that revokes the key, which has begun
    with `hold_sessions`.
    """
    rows = Session.objects.using(router.db_for_write(Session))
    return rows.filter(kid=kid, ended_at=None).update(
        ended_at=clock.now_datetime(), end_reason="key_compromised"
    )


def hold_sessions() -> None:
    """Wait for whoever is writing a session, and have others wait until this transaction ends.

    A login or a refresh that has chosen the key already would else write it into its row after these were looked
    through. It looks at the key once more after it has written (`is_gone`): either we see its row, or it sees ours.
    On SQLite there is one writer at a time anyhow.
    """
    connection: Any = connections[router.db_for_write(Session)]
    if connection.vendor == "postgresql" and connection.in_atomic_block:
        table = connection.ops.quote_name(Session._meta.db_table)
        with connection.cursor() as cursor:
            # Bounded: while we wait, everybody who wants to write a session waits behind us. Neither of these takes a
            # snapshot, so that what comes after them sees what was waited for under REPEATABLE READ as well.
            cursor.execute(f"SET LOCAL lock_timeout = '{_WAIT}'")
            cursor.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")


def is_gone(kid: str) -> bool:
    """Whether a key is revoked or retired, as SQL has it now. Ask in the transaction that has written its id."""
    using = router.db_for_write(SigningKey)
    rows = SigningKey.objects.using(using).filter(pk=kid, state__in=(State.RETIRED, State.REVOKED))
    return aside(rows.exists) if snapshot_is_old(using) else rows.exists()
