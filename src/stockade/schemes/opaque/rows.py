"""Finds the row of a token that was shown, by its digest under any key that may have made it."""

from __future__ import annotations

import datetime
import logging
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import DatabaseError, InterfaceError, router, transaction
from django.db.models import Q

from stockade.core import clock, tenant
from stockade.database import aside, is_open, snapshot_is_old
from stockade.models import OpaqueToken
from stockade.schemes.opaque.keys import digest_keys, key_named
from stockade.schemes.prepared import Prepared
from stockade.schemes.users import read_user
from stockade.truth.epochs import bounded_wait

_log = logging.getLogger("stockade.schemes")
_IMPORTED = {OpaqueToken.Origin.AUTHTOKEN, OpaqueToken.Origin.KNOX, OpaqueToken.Origin.DRF_API_KEY}
_WAIT = 0.2  # seconds that a note in the margin may wait for a lock


class Found(NamedTuple):
    """What of a row never changes, and what names its keys."""

    id: uuid.UUID
    tenant: str
    user: Any
    scopes: str | None
    created_at: datetime.datetime
    expires_at: datetime.datetime | None
    ended_at: datetime.datetime | None
    digest: str
    digest_key: str
    lineage: uuid.UUID
    kind: str
    origin: str


def database() -> str:
    """The alias of the database that tokens are written to; they are read there too, for a replica may be late."""
    return router.db_for_write(OpaqueToken)


def find(value: str, kind: str, *, origin: str = "") -> Found | None:
    """The row of a token; one query. What was shown under an older key has its digest renewed.

    Args:
        value: the token, or what of one that is imported the digest is made of.
        kind: of `OpaqueToken.Kind`.
        origin: the package that it was imported from; "" for one that was made here.
    """
    found = on_snapshot_of_now(lambda: _find(value, kind, origin))
    if found is not None and found.digest_key != digest_keys()[0].name and found.ended_at is None:
        note(lambda: _renew(found, value))
    return found


def on_snapshot_of_now(ask: Callable[[], Found | None]) -> Found | None:
    """What `ask` finds, not in an older snapshot of a transaction at hand."""
    return aside(ask) if snapshot_is_old(database()) else ask()


def _find(value: str, kind: str, origin: str) -> Found | None:
    for key in digest_keys():
        for row in _BY_DIGEST.rows(key.digest(value), database()):
            found = Found(*row)
            if found.kind == kind and (found.origin if found.origin in _IMPORTED else "") == origin:
                return found
    return None


_COLUMNS = (
    "id", "tenant", "user_id", "scopes", "created_at", "expires_at", "ended_at", "digest", "digest_key", "lineage",
    "kind", "origin",
)  # fmt: skip
_BY_DIGEST = Prepared(
    lambda digest, using: (
        OpaqueToken.objects.using(using).filter(digest=digest).order_by().values_list(*_COLUMNS)
    ),
    "digest",
)


def _renew(found: Found, value: str) -> None:
    """Put digest and stamp under the key of today, so that the older one can go once every token was used."""
    old, new = key_named(found.digest_key), digest_keys()[0]
    if old is None:
        return
    rows = OpaqueToken.objects.using(database()).filter(pk=found.id, digest=found.digest)
    if found.user is None:
        rows.update(digest=new.digest(value), digest_key=new.name)
        return
    facts = read_user(get_user_model(), found.user)
    if facts is None:
        return
    subject = tenant.of(found.tenant, found.user)
    same = rows.filter(stamp=old.stamp(subject, facts.password)).exists()
    # One whose password has changed stays so: an empty stamp is that of no password.
    stamp = new.stamp(subject, facts.password) if same else ""
    rows.update(digest=new.digest(value), digest_key=new.name, stamp=stamp)


def used(id: uuid.UUID, last: datetime.datetime | None, every: float) -> None:
    """Note that a token is in use, unless that was noted less than `every` seconds ago."""
    now = clock.now_datetime()
    since = now - datetime.timedelta(seconds=every)
    if last is not None and last > since:
        return
    rows = OpaqueToken.objects.using(database()).filter(
        Q(last_used_at=None) | Q(last_used_at__lte=since), pk=id
    )
    note(lambda: rows.update(last_used_at=now))


def note(write: Callable[[], Any]) -> None:
    """Write something beside a request that does not depend on it: never within its transaction, never waiting long."""
    using = database()

    def attempt() -> None:
        try:
            if transaction.get_connection(using).vendor == "sqlite":  # where BEGIN itself waits
                with bounded_wait(using, _WAIT), transaction.atomic(using=using):
                    write()
            else:
                with transaction.atomic(using=using), bounded_wait(using, _WAIT):
                    write()
        except (DatabaseError, InterfaceError) as error:
            _log.info("a token's row was not noted upon: %s", type(error).__name__)

    if is_open(using):
        transaction.on_commit(attempt, using=using, robust=True)
    else:
        attempt()
