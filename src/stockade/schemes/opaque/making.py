"""Makes tokens and keys: their secret is in the answer, and nowhere else."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from stockade.core import clock, tenant
from stockade.core.credential import Credential
from stockade.core.errors import LoginFailed
from stockade.events import Event, emit
from stockade.models import OpaqueToken
from stockade.schemes import banned, client
from stockade.schemes.opaque.bounds import DEFAULT, checked_name, checked_networks, checked_rate, end_of
from stockade.schemes.opaque.keys import digest_keys
from stockade.schemes.opaque.rows import database
from stockade.schemes.opaque.shapes import TOKEN, Shape
from stockade.schemes.scopes import scope_text
from stockade.truth.tokens import subject_of

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest

Origin = OpaqueToken.Origin


@dataclass(frozen=True, slots=True)
class Made:
    """A token that was just made: the one time that it can be read.

    Args:
        token: the secret.
        id: names it in logs, lists and commands.
        visible: how it begins; safe to show.
        expires_at: when it ends by itself; None for never.
    """

    token: str = field(repr=False)
    id: uuid.UUID
    visible: str
    expires_at: datetime.datetime | None


def create_token(
    user: AbstractBaseUser,
    name: str = "",
    *,
    scopes: Iterable[str] | None = None,
    expires: Any = DEFAULT,
    request: HttpRequest | None = None,
) -> Made:
    """Make a token for `Authorization: Token`; it is shown by the answer and never again.

    Args:
        user: saved and active.
        name: what it is for, so that its owner knows which to end; at most 100 characters.
        scopes: what bounds it; None for no bound.
        expires: when it ends: ``"30d"``, seconds, a timedelta, an aware datetime; None for never; by default
            ``TOKEN["LIFETIME"]``.
        request: where from; its address and user agent are shown in the list of tokens.

    Raises:
        ValueError: name, scopes or time are none, or the user is not saved.
        LoginFailed: the user is inactive. Banned: so he is.
    """
    return make(user, name, TOKEN, scopes=scopes, expires=expires, request=request)


def make(
    user: Any,
    name: str,
    shape: Shape,
    *,
    scopes: Iterable[str] | None = None,
    expires: Any = DEFAULT,
    allow: Iterable[str] = (),
    rate: str = "",
    request: HttpRequest | None = None,
    origin: str = Origin.MADE,
) -> Made:
    """As `create_token`, for any kind and origin; `user` is None for what is a service's."""
    row = OpaqueToken(
        kind=shape.kind,
        name=checked_name(name),
        scopes=scope_text(scopes),
        expires_at=end_of(expires, shape),
        networks=checked_networks(allow),
        rate=checked_rate(rate),
        origin=origin,
        tenant=tenant.now(),
    )
    if user is not None:
        _give_to(row, user)
    return insert(row, shape, request, str(origin), str(getattr(user, "password", "") or ""))


def _give_to(row: OpaqueToken, user: Any) -> None:
    if user.pk is None:
        raise ValueError("The user is not saved.")
    if not user.is_active:
        raise LoginFailed(reason="inactive")
    banned.refuse(tenant.of(row.tenant, user.pk))
    row.user_id = user.pk


@sensitive_variables()  # an error report shows the variables of each frame
def insert(
    row: OpaqueToken, shape: Shape, request: HttpRequest | None, reason: str, password: str = ""
) -> Made:
    """Give a row that is new a secret, and save it.

    Args:
        row: with all that is not about the secret.
        shape: of the secret.
        request: where from.
        reason: for the log.
        password: the encoded hash of its user.
    """
    where, key, secret = client.of(request), digest_keys()[0], shape.generate().reveal()
    subject = subject_of(row.tenant, row.user_id, row.lineage)
    row.digest, row.digest_key, row.visible = key.digest(secret), key.name, shape.visible(secret)
    row.stamp = key.stamp(subject, password) if shape.by_password else ""
    row.created_at = clock.now_datetime()
    row.user_agent, row.address = where.user_agent, where.address
    with transaction.atomic(using=database()):
        row.save(using=database(), force_insert=True)
        emit(
            Event.TOKEN_CREATED, reason=reason, subject=subject, using=database(),
            credential=Credential(shape.kind, str(row.pk), subject),
        )  # fmt: skip
    return Made(secret, row.pk, row.visible, row.expires_at)
