"""API keys: made for a user or a service, and rotated with an overlap in which both are good."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from stockade import truth
from stockade.conf import load
from stockade.core import clock, tenant
from stockade.core.errors import BadRequest
from stockade.models import OpaqueToken
from stockade.schemes.opaque.bounds import DEFAULT
from stockade.schemes.opaque.conf import KeySettings
from stockade.schemes.opaque.life import persist
from stockade.schemes.opaque.making import Made, insert, make
from stockade.schemes.opaque.owned import hold, live_rows
from stockade.schemes.opaque.rows import database
from stockade.schemes.opaque.shapes import API_KEY
from stockade.truth.tokens import of_row, tell_of_overlap, token_key

if TYPE_CHECKING:
    from django.http import HttpRequest

_KEPT = ("kind", "user_id", "tenant", "lineage", "name", "scopes", "networks", "rate")


class NotRotated(Exception):
    """There is no such live key, or it was rotated already."""


def create_key(
    name: str,
    *,
    owner: Any = None,
    scopes: Iterable[str] | None = None,
    expires: Any = DEFAULT,
    allow: Iterable[str] = (),
    rate: str = "",
    request: HttpRequest | None = None,
) -> Made:
    """Make an API key, for `X-API-Key` or `Authorization: Api-Key`; it is shown by the answer and never again.

    Args:
        name: what it is for; at most 100 characters.
        owner: the user whom it calls as; None for a service that is no user: `request.user` is anonymous then, and the
            principal a service.
        scopes: what bounds it; None for no bound.
        expires: as for `create_token`; by default ``API_KEY["LIFETIME"]``.
        allow: addresses and CIDR blocks that it is taken from, v4 or v6; none for any.
        rate: a limit of its own, such as ``100/min``, beside those of LIMITS; "" for none.
        request: as for `create_token`.

    Raises:
        ValueError: one of them is none, or there is no name.
        LoginFailed: the owner is inactive. Banned: so he is.
    """
    if not name:
        raise ValueError("Write a name: what is the key for?")
    return make(owner, name, API_KEY, scopes=scopes, expires=expires, allow=allow, rate=rate, request=request)


def rotate(
    id: uuid.UUID, *, user_id: Any = None, overlap: float | None = None, request: HttpRequest | None = None
) -> Made:
    """Make a key that replaces another: with its name, scopes, addresses and limit, and as long a life.

    Args:
        id: of the key.
        user_id: only if it is this user's; None for anybody's.
        overlap: seconds for which the old one goes on; 0 to end it at once; by default ``API_KEY["OVERLAP"]``.
        request: as for `create_token`.

    Raises:
        NotRotated: it is not there, over, or was rotated already.
        BadRequest: its owner rotates, and has twice ``API_KEY["MOST"]`` with those that go on for an overlap.
    """
    seconds = load(KeySettings).overlap if overlap is None else overlap
    return persist(lambda: _rotate(id, user_id, seconds, request))


def _rotate(id: uuid.UUID, user_id: Any, seconds: float, request: HttpRequest | None) -> Made:
    now, new = clock.now_datetime(), uuid.uuid4()
    if user_id is not None and seconds > 0:
        _bound(user_id)
    live = Q(expires_at=None) | Q(expires_at__gt=now)
    rows = OpaqueToken.objects.using(database()).filter(
        live, pk=id, kind=API_KEY.kind, ended_at=None, replaced_by=None
    )
    if user_id is not None:
        rows = rows.filter(user_id=user_id, tenant=tenant.now())
    # One conditional UPDATE decides who does it, on every database. Before the state is told: what is refused here must
    # leave no mark there, which nobody would take off.
    if not rows.update(replaced_by=new):
        raise NotRotated
    with truth.changing([token_key(id)], using=database()):
        old = OpaqueToken.objects.using(database()).get(pk=id)
        life = None if old.expires_at is None else old.expires_at - old.created_at
        row = OpaqueToken(id=new, **{name: getattr(old, name) for name in _KEPT})
        row.expires_at = None if life is None else now + life
        made = insert(row, API_KEY, request, "rotated")
        if seconds <= 0:
            truth.end_tokens(ids=[id], reason="rotated")
            return made
        until = now + datetime.timedelta(seconds=seconds)
        until = until if old.expires_at is None else min(until, old.expires_at)
        OpaqueToken.objects.using(database()).filter(pk=id).update(expires_at=until)
        tell_of_overlap(of_row(old), until, database())
    return made


def _bound(user_id: Any) -> None:
    """Each key may have one that it replaces beside it, and no more: else rotating is a way around ``MOST``."""
    hold(user_id)
    if live_rows(user_id, API_KEY.kind).count() >= 2 * load(KeySettings).most:
        raise BadRequest(
            "There are too many that go on for an overlap. Revoke one, or rotate with an overlap of 0.",
            code="too_many_tokens",
        )
