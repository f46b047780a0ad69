"""The rows that epochs are copies of: moved under their row lock, read back, and found again from a gate's key."""

from __future__ import annotations

import datetime
import secrets
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import connections, router
from django.db.models import Case, F, Q, Value, When

from stockade.core import clock, tenant
from stockade.gate.keys import SESSION, SUBJECT, session_key, subject_key
from stockade.gate.protocol import LISTS, WORLD
from stockade.models import Epoch, Session

Pair = tuple[bytes, int]
_OWNER = "o"  # a row of Epoch that is no epoch
CHUNK = 500  # names in one statement: SQLite takes 999 parameters


def alias() -> str:
    """The database that epochs are written to."""
    return router.db_for_write(Epoch)


def subject(pk: object) -> bytes:
    """The epoch key of a user of the tenant at hand, by primary key."""
    return subject_key(tenant.subject(pk))


def owner() -> bytes:
    """4 bytes that name this database. A state that was filled from another knows nothing of what was revoked here."""
    rows = Epoch.objects.using(alias())
    found = rows.filter(pk=_OWNER).values_list("value", flat=True).first()
    if found is None:
        new = {"value": secrets.randbits(32), "changed_at": clock.now_datetime()}
        found = rows.get_or_create(pk=_OWNER, defaults=new)[0].value
    return int(found).to_bytes(4, "little")


def is_session(key: bytes) -> bool:
    """Whether `key` is a session's: its truth is the session's row, not a row of Epoch."""
    return key[:1] == SESSION


def ended() -> int:
    """The epoch of a session that ends now: greater than that of an earlier end, which a restored backup may undo."""
    return int(clock.now() * 1_000_000)


def bump(keys: Iterable[bytes], using: str) -> list[Pair]:
    """Move the epochs of subjects or the world; call it inside a transaction, before what it announces.

    The rows stay locked until that transaction ends. A value is the time in microseconds, or one more than before:
    so it also grows when the table was restored from a backup and the state was not.
    """
    names = sorted({key.decode() for key in keys})  # one order for everybody, against deadlocks
    now = clock.now_datetime()
    floor = int(clock.now() * 1_000_000)
    found: list[Pair] = []
    rows = Epoch.objects.using(using)
    for at in range(0, len(names), CHUNK):
        some = names[at : at + CHUNK]
        rows.bulk_create([Epoch(key=name, value=0, changed_at=now) for name in some], ignore_conflicts=True)
        if len(some) > 1:
            list(rows.select_for_update().filter(key__in=some).order_by("key").values_list("key"))
        value = Case(When(value__lt=floor, then=Value(floor)), default=F("value") + 1)
        rows.filter(key__in=some).update(value=value, changed_at=now)
        found += [
            (key.encode(), number) for key, number in rows.filter(key__in=some).values_list("key", "value")
        ]
    return found


def hold_sessions(ids: Iterable[uuid.UUID], using: str) -> None:
    """Lock sessions' rows until the transaction ends.

    An UPDATE that changes nothing, not SELECT FOR UPDATE: on SQLite only a write takes the lock.
    """
    listed = sorted(ids)
    for at in range(0, len(listed), CHUNK):
        some = listed[at : at + CHUNK]
        Session.objects.using(using).filter(pk__in=some).update(end_reason=F("end_reason"))


def session_epochs(keys: Iterable[bytes], using: str) -> list[Pair]:
    """The true epoch of each session key, its row locked: 0 while it lives, `ended` once it is over or gone."""
    ids = {key: session_id(key) for key in keys}
    wanted = [id for id in ids.values() if id is not None]
    hold_sessions(wanted, using)
    live: set[uuid.UUID] = set()
    for at in range(0, len(wanted), CHUNK):
        some = Session.objects.using(using).filter(pk__in=wanted[at : at + CHUNK], ended_at=None)
        live.update(some.values_list("pk", flat=True))
    over = ended()
    return [(key, 0 if id in live else over) for key, id in ids.items()]


def session_id(key: bytes) -> uuid.UUID | None:
    """The session that a key names; None if it names none of ours."""
    try:
        found = uuid.UUID(key[1:].decode())
    except ValueError:
        return None
    return found if session_key(str(found)) == key else None


def recent(since: float) -> tuple[list[Pair], int]:
    """What a new state must know: epochs that moved and sessions that ended in the last `since` seconds; the world."""
    using = alias()
    # Not by `iterator`: through PgBouncer in transaction mode a cursor of the server ends with its statement.
    moment = clock.now_datetime() - datetime.timedelta(seconds=since)
    moved = Epoch.objects.using(using).filter(
        Q(key__startswith=SUBJECT.decode(), changed_at__gte=moment) | Q(pk=LISTS.decode())
    )
    pairs = [(key.encode(), value) for key, value in moved.values_list("key", "value")]
    over, at = Session.objects.using(router.db_for_write(Session)).filter(ended_at__gte=moment), ended()
    pairs += [(session_key(str(id)), at) for id in over.order_by().values_list("pk", flat=True)]
    world = Epoch.objects.using(using).filter(pk=WORLD.decode()).values_list("value", flat=True).first()
    return pairs, world or 0


@contextmanager
def bounded_wait(using: str, seconds: float) -> Iterator[None]:
    """Inside, a statement waits at most `seconds` for a lock, then django.db.OperationalError.

    On PostgreSQL it must be entered inside a transaction, with which the bound ends.
    """
    connection = connections[using]
    milliseconds = max(1, round(seconds * 1000))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{milliseconds}ms"])
        yield
    elif connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            before = int(cursor.execute("PRAGMA busy_timeout").fetchone()[0])
            cursor.execute(f"PRAGMA busy_timeout = {milliseconds:d}")
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute(f"PRAGMA busy_timeout = {before:d}")
    else:  # the database's own bound
        yield
