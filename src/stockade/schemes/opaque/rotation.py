"""API keys: made for a user or a service, and rotated with an overlap in which both are good."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from stockade import truth
from stockade.conf import load
from stockade.core import clock
from stockade.models import OpaqueToken
from stockade.schemes.opaque.bounds import DEFAULT
from stockade.schemes.opaque.conf import KeySettings
from stockade.schemes.opaque.life import persist
from stockade.schemes.opaque.making import Made, insert, make
from stockade.schemes.opaque.rows import database
from stockade.schemes.opaque.shapes import API_KEY
from stockade.truth.tokens import token_key

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
    """
    seconds = load(KeySettings).overlap if overlap is None else overlap

    def change() -> Made:
        with truth.changing([token_key(id)], using=database()):
            return _rotate(id, user_id, seconds, request)

    return persist(change)


def _rotate(id: uuid.UUID, user_id: Any, seconds: float, request: HttpRequest | None) -> Made:
    now = clock.now_datetime()
    rows = OpaqueToken.objects.using(database()).filter(
        pk=id, kind=API_KEY.kind, ended_at=None, replaced_by=None
    )
    new = uuid.uuid4()
    # One conditional UPDATE decides who does it, on every database.
    if not (rows if user_id is None else rows.filter(user_id=user_id)).update(replaced_by=new):
        raise NotRotated
    old = OpaqueToken.objects.using(database()).get(pk=id)
    if old.expires_at is not None and old.expires_at <= now:
        raise NotRotated
    life = None if old.expires_at is None else old.expires_at - old.created_at
    row = OpaqueToken(id=new, **{name: getattr(old, name) for name in _KEPT})
    row.expires_at = None if life is None else now + life
    made = insert(row, API_KEY, request, "rotated")
    if seconds <= 0:
        truth.end_tokens(ids=[id], reason="rotated")
    else:
        until = now + datetime.timedelta(seconds=seconds)
        until = until if old.expires_at is None else min(until, old.expires_at)
        OpaqueToken.objects.using(database()).filter(pk=id).update(expires_at=until)
    return made
