"""The life of opaque tokens: made and shown once, listed without their secret, ended by their owner."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib.auth import get_user_model
from django.db import router, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from stockade import truth
from stockade.conf import duration, load
from stockade.core import clock, tenant
from stockade.core.address import network, spelled
from stockade.core.credential import Credential
from stockade.core.errors import BadRequest, LoginFailed
from stockade.database import durably, is_open
from stockade.events import Event, emit
from stockade.gate.rates import parse as parse_rate
from stockade.models import OpaqueToken
from stockade.schemes import banned, client
from stockade.schemes.opaque.conf import KeySettings, TokenSettings
from stockade.schemes.opaque.keys import digest_keys
from stockade.schemes.opaque.rows import database
from stockade.schemes.opaque.shapes import API_KEY, TOKEN, Shape
from stockade.schemes.scopes import scope_text
from stockade.truth.tokens import subject_of

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest

T = TypeVar("T")
Origin = OpaqueToken.Origin
MAX_NAME, MAX_NETWORKS, MAX_RATE = 100, 100, 32
DEFAULT = object()  # a lifetime as the settings have it


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


def checked_networks(allow: Iterable[str]) -> list[str]:
    """Addresses and CIDR blocks in their one spelling.

    Raises:
        ValueError: one of them is none, or they are too many.
    """
    listed = [allow] if isinstance(allow, str) else list(allow)
    if len(listed) > MAX_NETWORKS:
        raise ValueError(f"Write at most {MAX_NETWORKS} addresses; a CIDR block stands for many.")
    return [spelled(network(text)) for text in listed]


def checked_rate(rate: object) -> str:
    """A rate as it is written, or "" for none.

    Raises:
        ValueError: it is none.
    """
    if not rate:
        return ""
    text = str(rate)
    parse_rate(API_KEY.kind, text)
    if len(text) > MAX_RATE:
        raise ValueError(f"Write a rate of at most {MAX_RATE} characters.")
    return text


def checked_name(name: object) -> str:
    """The name of a token.

    Raises:
        ValueError: it can be none.
    """
    if not isinstance(name, str) or len(name) > MAX_NAME or not (name == "" or name.isprintable()):
        raise ValueError(f"Write a name of at most {MAX_NAME} printable characters.")
    return name


def end_of(expires: Any, shape: Shape = TOKEN) -> datetime.datetime | None:
    """When something ends that ends `expires` from now.

    Raises:
        ValueError: that is no time, or past.
    """
    if expires is DEFAULT:
        expires = bounds_of(shape).lifetime
    if expires is None:
        return None
    now = clock.now_datetime()
    if isinstance(expires, datetime.datetime):
        if expires.tzinfo is None:
            raise ValueError("Write an aware datetime: which time zone is meant?")
        until = expires
    else:
        try:
            until = now + datetime.timedelta(seconds=duration(expires))
        except OverflowError:
            raise ValueError("That is too far away. Write None for never.") from None
    if until <= now:
        raise ValueError("That is over already. Write a time to come.")
    return until


def bounds_of(shape: Shape) -> TokenSettings | KeySettings:
    """The settings of a kind."""
    return load(KeySettings) if shape is API_KEY else load(TokenSettings)


def hold(user_id: Any) -> None:
    """Lock a user until the transaction ends: of those who count his tokens and add one, one at a time."""
    model = get_user_model()
    users = model._base_manager.using(router.db_for_write(model))  # noqa: SLF001 - also whom a manager hides
    users.select_for_update(no_key=True).filter(pk=user_id).values_list("pk").first()


def make_own(user: Any, name: str, shape: Shape, **more: Any) -> Made:
    """A token that a user makes by himself; as many as ``MOST`` of its kind says.

    Raises:
        BadRequest: he has as many. Further: as for `create_token`.
    """

    def change() -> Made:
        hold(user.pk)
        if live_rows(user.pk, shape.kind).exclude(origin=Origin.LOGIN).count() >= bounds_of(shape).most:
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

    They open nothing any more; until then they tell an old token from garbage.
    """
    before = clock.now_datetime() - datetime.timedelta(seconds=keep)
    old = OpaqueToken.objects.using(database()).filter(Q(expires_at__lt=before) | Q(ended_at__lt=before))
    # No signals: none of these can be in anybody's memory.
    return old._raw_delete(database())  # noqa: SLF001


def persist(change: Callable[[], T]) -> T:
    """Run `change` as `stockade.database.durably` does, or in the transaction at hand."""
    if is_open(database()):
        with transaction.atomic(using=database()):
            return change()
    return durably(change, database())
