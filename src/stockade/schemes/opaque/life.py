"""What happens to many tokens and keys at once, and how a change of them is made to last."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Q

from stockade.core import clock, tenant
from stockade.database import durably, is_open
from stockade.models import OpaqueToken
from stockade.schemes.opaque.keys import digest_keys
from stockade.schemes.opaque.rows import database

T = TypeVar("T")
GONE_THERE = "_deleted"  # how the reason ends for which that ends which the package's table has no more


def restamp(user_id: Any, before: str, after: str) -> None:
    """Let a user's tokens go on after the same password was hashed anew; call it while his epoch is held.

    Args:
        before, after: the stored hash that it was, and that it is.
    """
    whose = tenant.now()
    subject = tenant.of(whose, user_id)
    mine = OpaqueToken.objects.using(database()).filter(user_id=user_id, tenant=whose, ended_at=None)
    for key in digest_keys():
        rows = mine.filter(digest_key=key.name, stamp=key.stamp(subject, before))
        rows.update(stamp=key.stamp(subject, after))


def prune(keep: float = 30 * 86400) -> int:
    """Delete tokens that have been over for longer than `keep` seconds; returns how many.

    They open nothing any more; until then they tell an old token from garbage. What was ended or rotated here while the
    package that it was imported from still has a table is kept: were it there yet, it would be imported again.
    """
    before = clock.now_datetime() - datetime.timedelta(seconds=keep)
    here = Q(replaced_by__isnull=False) | (Q(ended_at__isnull=False) & ~Q(end_reason__endswith=GONE_THERE))
    old = OpaqueToken.objects.using(database()).filter(Q(expires_at__lt=before) | Q(ended_at__lt=before))
    old = old.exclude(here, linked=True)
    # No signals: none of these can be in anybody's memory.
    return old._raw_delete(database())  # noqa: SLF001


def persist(change: Callable[[], T]) -> T:
    """Run `change` as `stockade.database.durably` does, or in the transaction at hand."""
    if is_open(database()):
        with transaction.atomic(using=database()):
            return change()
    return durably(change, database())
