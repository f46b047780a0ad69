"""What users do with tokens and keys of their own: so many and no more, listed without the secret, ended."""

from __future__ import annotations

import datetime
import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db import router
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from stockade import truth
from stockade.core import clock, tenant
from stockade.core.errors import BadRequest
from stockade.models import OpaqueToken
from stockade.schemes.opaque.bounds import bounds_of
from stockade.schemes.opaque.life import persist
from stockade.schemes.opaque.making import Made, Origin, make
from stockade.schemes.opaque.rows import database
from stockade.schemes.opaque.shapes import TOKEN, Shape


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """A token as its owner sees it."""

    id: uuid.UUID
    name: str
    visible: str
    origin: str
    scopes: list[str] | None
    created_at: datetime.datetime
    expires_at: datetime.datetime | None
    last_used_at: datetime.datetime | None
    user_agent: str
    address: str
    networks: list[str]
    rate: str


def make_own(user: Any, name: str, shape: Shape, **more: Any) -> Made:
    """A token that a user makes by himself; as many as ``MOST`` of its kind says.

    Raises:
        BadRequest: he has as many. Further: as for `create_token`.
    """

    def change() -> Made:
        hold(user.pk)
        if live_rows(user.pk, shape.kind).filter(origin=Origin.MADE).count() >= bounds_of(shape).most:
            raise BadRequest("There are too many already. Revoke one first.", code="too_many_tokens")
        return make(user, name, shape, **more)

    return persist(change)


def make_room(user_id: Any, most: int) -> None:
    """End the tokens given for a password that were not used for longest, until there is room for one more."""
    hold(user_id)
    rows = live_rows(user_id, TOKEN.kind).filter(origin=Origin.LOGIN)
    longest = Coalesce(F("last_used_at"), F("created_at"))
    spare = list(rows.order_by(longest.desc(), "pk").values_list("pk", flat=True)[most - 1 :])
    if spare:
        truth.end_tokens(ids=spare, reason="superseded")


def live(user_id: Any, kind: str = TOKEN.kind, most: int = 100) -> list[TokenInfo]:
    """The tokens of a user that are not over, newest first, at most `most`."""
    return [
        TokenInfo(
            row.id,
            row.name,
            row.visible,
            row.origin,
            None if row.scopes is None else row.scopes.split(),
            row.created_at,
            row.expires_at,
            row.last_used_at,
            row.user_agent,
            row.address,
            row.networks,
            row.rate,
        )
        for row in live_rows(user_id, kind).order_by("-created_at", "pk")[:most]
    ]


def end_own(user_id: Any, id: uuid.UUID, kind: str = TOKEN.kind) -> bool:
    """End one token of a user. False if it is not his, or over already: the two look alike to him."""
    if not live_rows(user_id, kind).filter(pk=id).exists():
        return False
    return persist(lambda: truth.end_tokens(ids=[id], reason="by_owner")) > 0


def live_rows(user_id: Any, kind: str) -> QuerySet[OpaqueToken]:
    """The rows of a user's tokens that are not over."""
    open_end = Q(expires_at=None) | Q(expires_at__gt=clock.now_datetime())
    rows = OpaqueToken.objects.using(database())
    return rows.filter(open_end, user_id=user_id, tenant=tenant.now(), kind=kind, ended_at=None)


def hold(user_id: Any) -> None:
    """Lock a user until the transaction ends: of those who count his tokens and add one, one at a time."""
    model = get_user_model()
    users = model._base_manager.using(router.db_for_write(model))  # noqa: SLF001 - also whom a manager hides
    users.select_for_update(no_key=True).filter(pk=user_id).values_list("pk").first()
