"""Keeps credentials of a package as digests; what is kept already is left as it is."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db import router

from stockade.core import tenant
from stockade.models import OpaqueToken
from stockade.schemes.imports.source import Held, Source
from stockade.schemes.opaque.keys import digest_keys
from stockade.schemes.opaque.rows import database
from stockade.schemes.shape import shape_of


def keep(source: Source, listed: list[Held]) -> int:
    """Make rows of ours for credentials that have none; returns how many. In the transaction at hand.

    A token is bound to the password that its user has now.
    """
    there = source.known(listed)
    new = [held for held in listed if held.key not in there]
    passwords = _passwords({held.user for held in new if held.user is not None})
    key, whose, shape = digest_keys()[0], tenant.now(), source.shape()
    made = [
        OpaqueToken(
            kind=shape.kind,
            user_id=held.user,
            tenant=whose,
            digest=key.digest(held.value),
            digest_key=key.name,
            visible=held.visible,
            name=held.name,
            origin=source.origin,
            linked=True,
            stamp=key.stamp(tenant.of(whose, held.user), passwords[held.user]) if shape.by_password else "",
            created_at=held.created,
            expires_at=held.expires,
        )
        for held in new
        if held.user is None or held.user in passwords
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
