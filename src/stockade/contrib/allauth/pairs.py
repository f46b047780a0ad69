"""Our pairs of tokens for a session of allauth's.

A login at allauth has a number of its own, which it is given before anybody has its session token and which never
changes; its pairs have that number in their rows. What a session's data said of its pair would not do: a request that
is under way writes back what it has read, and a pair of which nobody knows any more would outlive the logout.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted

from stockade import truth
from stockade.contrib.allauth.proofs import kept
from stockade.core import tenant
from stockade.core.errors import InvalidCredential
from stockade.models import Session
from stockade.schemes import attempts, banned
from stockade.schemes.jwt import Pair, issue
from stockade.schemes.jwt.lineage import database, persist
from stockade.schemes.opaque.owned import hold
from stockade.schemes.session.rows import atomically

_KEY = "stockade_allauth_login"  # in allauth's session
_OVER = ""
_ENDED = (UpdateError, SessionInterrupted)  # what is raised where a session is written that has ended


def number(session: Any) -> None:
    """Give a login its number, unless it has one."""
    if not session.get(_KEY):
        session[_KEY] = uuid.uuid4().hex


def pair_of(request: Any, user: Any) -> Pair:
    """A pair for the user of a session, as fresh and as strong as what he has proven in it.

    The former pair ends: a copy of its refresh token does not get any fresher. So there is one pair at most for a login
    at allauth, however many are asked for at once, and it ends with the login.

    Args:
        request: with allauth's session.
        user: logged in by it.

    Raises:
        InvalidCredential: the session has ended meanwhile. Banned: so it is.
        TooMany: it was asked for a pair too often, see `session_refresh` in LIMITS.
        Others: as `stockade.issue`.
    """
    # Each pair is a row and events, and who has a session token pays no password for it.
    attempts.of_session(str(request.session.get(_KEY) or tenant.subject(user.pk)))
    restart = getattr(request.session, "restart", None)  # of ours
    back = restart() if restart is not None else None

    def change() -> Pair:
        if back is not None:  # the second time, where the database was busy
            back()
        hold(user.pk)  # one pair at a time, and none while he logs out
        session = _as_it_is(request.session)
        number(session)
        if session.modified:
            _save(session)
        login = str(getattr(session, "login_id", ""))
        if login:
            banned.refuse(tenant.subject(user.pk), login)
        found, origin = kept(session, user), uuid.UUID(session[_KEY])
        former = _live(user.pk, origin)
        pair = issue(user, request, amr=found.amr, auth_time=found.auth_time)
        Session.objects.using(database()).filter(pk=pair.session).update(origin=origin)
        if former:
            truth.end_sessions(ids=former, reason="replaced")
        return pair

    return persist(change)


def end(session: Any) -> None:
    """End the pair of a login whose session is about to be emptied."""
    origin, user = session.get(_KEY), session.get(SESSION_KEY)
    if not origin or user is None:
        return
    pk = get_user_model()._meta.pk.to_python(user)  # noqa: SLF001 - as Django's own login does

    def change() -> None:
        hold(pk)
        session[_KEY] = _OVER  # for who asks for a pair before it is emptied
        with suppress(*_ENDED):  # it was, by another
            session.save()
        truth.end_sessions(ids=_live(pk, uuid.UUID(origin)), reason="logout")

    atomically(change)


def _as_it_is(session: Any) -> Any:
    """The session as it is now, where this request has only read it."""
    if session.modified or not session.session_key:
        return session
    found = type(session)(session.session_key)
    if SESSION_KEY not in found or found.get(_KEY) == _OVER:
        raise InvalidCredential(reason="ended")
    return found


def _save(session: Any) -> None:
    try:
        session.save()
    except _ENDED:
        raise InvalidCredential(reason="ended") from None


def _live(user_id: Any, origin: uuid.UUID) -> list[uuid.UUID]:
    rows = Session.objects.using(database()).filter(user_id=user_id, tenant=tenant.now(), ended_at=None)
    return list(rows.filter(origin=origin).values_list("pk", flat=True))
