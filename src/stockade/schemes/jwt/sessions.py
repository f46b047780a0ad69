"""Sessions: one login, one row, which its owner sees in a list and can end."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import transaction

from stockade import truth
from stockade.conf import load
from stockade.core import clock, methods, tenant
from stockade.core.errors import LoginFailed
from stockade.events import emit
from stockade.events.catalogue import Event
from stockade.gate import keys
from stockade.models import ImportedUser, Session, SessionData
from stockade.schemes import banned, client, stamp
from stockade.schemes.conf import JWTSettings
from stockade.schemes.jwt import signing
from stockade.schemes.jwt.lineage import Pair, Row, confirm, database, next_pair, persist, with_signer
from stockade.schemes.opaque import life
from stockade.schemes.scopes import scope_text
from stockade.schemes.session.hashes import all_of, backend_of
from stockade.schemes.shape import UserState
from stockade.schemes.users import read_user

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.models import QuerySet
    from django.http import HttpRequest

_DEAD = 10  # times as many rows as are shown are looked at: some may be of an old password
BROWSER = "session"  # the scheme of sessions in a cookie, whose stamps are made of Django's session hash
_AHEAD = datetime.timedelta(minutes=1)  # the clocks of two hosts differ


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A live session as its owner sees it."""

    id: uuid.UUID
    scheme: str
    client: str
    created_at: datetime.datetime
    last_used_at: datetime.datetime
    expires_at: datetime.datetime
    user_agent: str
    address: str


def issue(
    user: AbstractBaseUser,
    request: HttpRequest | None = None,
    claims: Mapping[str, Any] | None = None,
    *,
    scopes: Iterable[str] | None = None,
    client_id: str = "",
    binding: str = "",
    amr: Iterable[str] = (),
    acr: str = "",
    auth_time: float | None = None,
) -> Pair:
    """Open a session for a user who has proven who he is, and give its first pair of tokens.

    Args:
        user: saved and active.
        request: where from; its address and user agent are shown in the list of sessions.
        claims: further claims for its access tokens; kept over refreshes.
        scopes: what bounds the session's tokens; None for no bound, as with a browser session.
        client_id: the client it is for; the setting's where empty.
        binding: of the browser that will keep the refresh token in a cookie; `cookie.open_session` makes it.
        amr: how he has proven it, by the names of RFC 8176, such as ``["pwd", "otp", "mfa"]``; empty where unknown.
        acr: the authentication context that somebody vouches for; "" for none.
        auth_time: when he has proven it, in seconds since the epoch; None for now, 0 where unknown.

    Raises:
        ValueError: a claim, a scope or a method is not to be written into a token, the time is in the future, or the
            user is not saved.
        LoginFailed: the user is inactive. Banned: so he is.
    """
    extra = signing.checked(claims)
    bound = scope_text(scopes)
    how, context = methods.text(methods.methods(amr)), methods.context(acr)
    now = clock.now_datetime()
    proven = now if auth_time is None else datetime.datetime.fromtimestamp(auth_time, datetime.UTC)
    if proven > now + _AHEAD:
        raise ValueError("auth_time is in the future: write when the user proved who they are.")
    if user.pk is None:
        raise ValueError("The user is not saved.")
    if not user.is_active:
        raise LoginFailed(reason="inactive")
    whose = tenant.now()
    subject = tenant.of(whose, user.pk)
    banned.refuse(subject)
    where = client.of(request)
    settings = load(JWTSettings)
    session = Session(
        user_id=user.pk,
        tenant=whose,
        client=client_id,
        scopes=bound,
        claims=extra,
        stamp=stamp.stamp(subject, getattr(user, "password", "") or ""),
        created_at=now,
        auth_time=min(proven, now),
        amr=how,
        acr=context,
        rotated_at=now,
        idle_expires_at=now + datetime.timedelta(seconds=settings.refresh_idle),
        expires_at=now + datetime.timedelta(seconds=settings.refresh_absolute),
        user_agent=where.user_agent,
        address=where.address,
    )
    alias = database()

    def insert(signer: str) -> Pair:
        session.kid = signer
        with transaction.atomic(using=alias):
            session.save(using=alias, force_insert=True)
            confirm(signer)
            pair, credential = next_pair(Row.of(session), session.id, binding)
            emit(Event.TOKEN_CREATED, credential=credential, using=alias)
        return pair

    return with_signer(insert)


def live(user_id: Any, most: int = 100) -> list[SessionInfo]:
    """The sessions of a user that are not over, newest first, at most `most`; none that his new password has ended."""
    model = get_user_model()
    facts = read_user(model, user_id)
    if facts is None:
        return []
    state = UserState(facts.is_active, facts.is_superuser, facts.password)
    hashes, subject = all_of(model, user_id, state), tenant.subject(user_id)
    found: list[SessionInfo] = []
    for row in _live(user_id).order_by("-created_at", "pk")[: most * _DEAD]:
        if row.scheme == BROWSER:
            holds = backend_of(hashes, subject, row.stamp) is not None
        else:
            holds = stamp.matches(row.stamp, subject, facts.password)
        if holds and len(found) < most:
            found.append(_info(row))
    return found


def _info(row: Session) -> SessionInfo:
    return SessionInfo(
        row.id,
        row.scheme,
        row.client,
        row.created_at,
        row.rotated_at,
        min(row.idle_expires_at, row.expires_at),
        row.user_agent,
        row.address,
    )


def end_own(user_id: Any, session: uuid.UUID) -> bool:
    """End one session of a user. False if it is not his, or over already: the two look alike to him."""
    if not _live(user_id).filter(pk=session).exists():
        return False
    # What is counted, not what was seen: another may have ended it meanwhile, and only one is told that he did.
    return persist(lambda: truth.end_sessions(ids=[session], reason="by_owner")) > 0


def end_others(user: AbstractBaseUser, current: str) -> None:
    """End every session of a user but the one with the id `current`; all where that is empty."""
    persist(
        lambda: truth.end_sessions(
            user=user, reason="by_owner", except_id=uuid.UUID(current) if current else None
        )
    )


def restamp(user_id: Any, before: str, after: str) -> None:
    """Let a user's sessions and tokens, imported ones too, go on after the same password was hashed anew.

    Args:
        user_id: the user's primary key.
        before: the stored hash that it was.
        after: the stored hash that it is.
    """
    whose = tenant.now()
    subject = tenant.of(whose, user_id)
    # Workers that saw the new hash with the old stamps have refused already; this has them read again.
    with truth.changing([keys.subject_key(subject)], using=database()):
        Session.objects.using(database()).filter(
            user_id=user_id, tenant=whose, ended_at=None, stamp__in=list(stamp.stamps(subject, before))
        ).update(stamp=stamp.stamp(subject, after))
        ImportedUser.objects.using(database()).filter(
            user_id=user_id, tenant=whose, ended_at=None, stamp__in=list(stamp.stamps(subject, before))
        ).update(stamp=stamp.stamp(subject, after))
        life.restamp(user_id, before, after)


def prune(keep: float = 30 * 86400) -> int:
    """Delete sessions that have been over for longer than `keep` seconds; returns how many.

    They open nothing any more; until then they tell a stolen token from garbage.
    """
    before = clock.now_datetime() - datetime.timedelta(seconds=keep)
    old = Session.objects.using(database()).filter(expires_at__lt=before)
    SessionData.objects.using(database()).filter(login__in=old)._raw_delete(database())  # noqa: SLF001
    # No signals: none of these can be in anybody's memory.
    return old._raw_delete(database())  # noqa: SLF001


def _live(user_id: Any) -> QuerySet[Session]:
    now = clock.now_datetime()
    return Session.objects.using(database()).filter(
        user_id=user_id, tenant=tenant.now(), ended_at=None, expires_at__gt=now, idle_expires_at__gt=now
    )
