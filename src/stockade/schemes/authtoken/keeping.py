"""Keeps tokens of the package as digests; what is kept already is left as it is."""

from __future__ import annotations

import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import router

from stockade.core import tenant
from stockade.models import OpaqueToken
from stockade.schemes.authtoken import table
from stockade.schemes.opaque.keys import digest_keys
from stockade.schemes.opaque.rows import database
from stockade.schemes.opaque.shapes import TOKEN
from stockade.schemes.shape import shape_of

Row = tuple[str, Any, datetime.datetime]  # the token, its user's primary key, when it was made


def keep(listed: list[Row]) -> int:
    """Make rows of ours for tokens that have none; returns how many. In the transaction at hand.

    Each is bound to the password that its user has now.
    """
    there = table.known(key for key, _, _ in listed)
    new = [row for row in listed if row[0] not in there]
    passwords = _passwords({user for _, user, _ in new})
    key, whose = digest_keys()[0], tenant.now()
    made = [
        OpaqueToken(
            kind=TOKEN.kind,
            user_id=user,
            tenant=whose,
            digest=key.digest(token),
            digest_key=key.name,
            visible=token[:8],
            name=table.NAME,
            origin=OpaqueToken.Origin.AUTHTOKEN,
            linked=True,
            stamp=key.stamp(tenant.of(whose, user), passwords[user]),
            created_at=created,
        )
        for token, user, created in new
        if user in passwords
    ]
    # Another may be keeping the same at this moment: the digest is there once.
    OpaqueToken.objects.using(database()).bulk_create(made, ignore_conflicts=True)
    return len(made)


def _passwords(users: set[Any]) -> dict[Any, str]:
    """The encoded hash of each user; "" where the model has none."""
    model = get_user_model()
    shape = shape_of(model)
    rows = model._base_manager.using(router.db_for_write(model)).filter(pk__in=list(users))  # noqa: SLF001
    listed = rows.order_by().values_list("pk", *shape.columns)
    return {row[0]: shape.read(row[1:]).password for row in listed}
