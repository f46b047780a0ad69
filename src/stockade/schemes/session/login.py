"""Logging a browser in by JSON, by way of the one login that there is; and out again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import auth
from django.views.decorators.debug import sensitive_variables

from stockade.core import methods, tenant
from stockade.core.credential import Credential
from stockade.database import durably
from stockade.events import Event, emit
from stockade.schemes import client, devices, login
from stockade.schemes.session import rows
from stockade.schemes.session.store import SessionStore

if TYPE_CHECKING:
    from django.http import HttpRequest


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

    return LoggedIn(user, durably(change, rows.database()), typed)


def close_session(request: HttpRequest) -> None:
    """Log the browser of `request` out: the login ends, and what was in the session is gone."""
    durably(lambda: auth.logout(request), rows.database())
