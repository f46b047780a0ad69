"""Logging a browser in by JSON, by way of the one login that there is; and out again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import auth
from django.middleware.csrf import rotate_token
from django.views.decorators.debug import sensitive_variables

from stockade.core import methods, tenant
from stockade.core.credential import Credential
from stockade.core.errors import LoginFailed
from stockade.database import durably
from stockade.events import Event, emit
from stockade.schemes import client, devices, login
from stockade.schemes.session import rows
from stockade.schemes.session.store import SessionStore

if TYPE_CHECKING:
    from django.http import HttpRequest

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A login that succeeded.

    Args:
        user: who.
        session: the id of the login; safe to show.
        name: as typed; for `devices.set_cookie`.
    """

    user: Any
    session: str
    name: str


def store_of(request: HttpRequest) -> SessionStore | None:
    """The session of a request; None where its sessions are another engine's, or there are none."""
    found = getattr(request, "session", None)
    return found if isinstance(found, SessionStore) else None


@sensitive_variables()
def open_session(name: object, password: object, request: HttpRequest, session: SessionStore) -> LoggedIn:
    """Verify a password and log the browser of `request` in; its session gets another key.

    What a visitor had in the session stays; what another user had does not (Django's own login sees to it).

    Raises: as `stockade.schemes.login.verify`.
    """
    user: Any = login.verify(name, password, request)
    typed, subject = str(name).strip(), tenant.subject(user.pk)

    def change() -> str:
        auth.login(request, user)
        session.prove([methods.PASSWORD])
        session.save()
        emit(
            Event.LOGIN_SUCCESS, account=typed, subject=subject, session=session.login_id, using=rows.database(),
            credential=Credential(rows.NAME, session.login_id, subject, session.login_id),
        )  # fmt: skip
        devices.remember(typed, client.of(request).address)
        return session.login_id

    return LoggedIn(user, _durably(session, change), typed)


@sensitive_variables()
def step_up(password: object, request: HttpRequest, session: SessionStore, user: Any) -> None:
    """Verify the password of the user who is logged in; the session gets another key, and is as fresh as this.

    What was proven before, a second factor too, is not carried along: `amr` and `auth_time` tell of one event. Attempts
    are counted, locked out and logged as those of any login to the account.

    Args:
        password: of that user, and of nobody else.
        request, session: the browser's.
        user: who is logged in.

    Raises: as `stockade.schemes.login.verify`.
    """
    found: Any = login.verify(user.get_username(), password, request)
    # A backend of the project's own may find somebody else by that name: he would be inside of this session.
    if found.pk != user.pk:
        raise LoginFailed(reason="another_user")

    def change() -> None:
        if hasattr(
            found, "get_session_auth_hash"
        ):  # hashed anew by this very login, it would end the session
            session[auth.HASH_SESSION_KEY] = found.get_session_auth_hash()
        session.prove([methods.PASSWORD])
        session.save()
        emit(
            Event.STEP_UP, reason="password", subject=tenant.subject(found.pk), session=session.login_id,
            details={"amr": methods.PASSWORD}, using=rows.database(),
        )  # fmt: skip

    _durably(session, change)
    rotate_token(request)


def close_session(request: HttpRequest, session: SessionStore) -> None:
    """Log the browser of `request` out: the login ends, and what was in the session is gone."""
    if not rows.digests(session.session_key or ""):  # no row can tell of it: nothing is written for a visitor
        auth.logout(request)
        return
    user = getattr(request, "user", None)

    def change() -> None:
        if user is not None:
            request.user = user  # whom those who hear of it are told, also the second time
        auth.logout(request)

    _durably(session, change)


def _durably(session: SessionStore, change: Callable[[], T]) -> T:
    """Run what changes a session, again where the database was busy: then with the session as it was before."""
    back = session.restart()

    def once() -> T:
        back()
        return change()

    return durably(once, rows.database())
