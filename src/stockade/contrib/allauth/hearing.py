"""Hears of allauth's logins and writes what they have proven into our sessions."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import authentication_step_completed
from django.contrib.auth.signals import user_logged_in, user_logged_out

from stockade.contrib.allauth import pairs
from stockade.contrib.allauth.proofs import Proof, drop, take
from stockade.core import methods, tenant
from stockade.events import Event, emit
from stockade.schemes.session import prove


def connect() -> None:
    """Hear of Django's and allauth's signals."""
    user_logged_in.connect(_logged_in, dispatch_uid="stockade.contrib.allauth")
    user_logged_out.connect(_logged_out, dispatch_uid="stockade.contrib.allauth")
    authentication_step_completed.connect(_step_completed, dispatch_uid="stockade.contrib.allauth")


def _logged_in(sender: Any, request: Any, user: Any, **rest: Any) -> None:
    """A login is done, with all its steps; whether it was allauth's, its records say."""
    session = getattr(request, "session", None)
    if session is None:
        return
    pairs.number(session)
    found = take(request, user)
    if found is None:
        drop(session, user)
    else:
        _prove(request, found)


def _step_completed(sender: Any, request: Any, method: str, user: Any, **rest: Any) -> None:
    """A step of a login, which `_logged_in` sees the end of; or a user who is logged in has proven himself again."""
    if not rest.get("reauthenticated") or getattr(request.user, "pk", None) != user.pk:
        return
    found = take(request, user)
    if found is not None:
        emit(
            Event.STEP_UP, reason="allauth", subject=tenant.subject(user.pk), session=_prove(request, found),
            details={"amr": methods.text(found.amr)},
        )  # fmt: skip


def _prove(request: Any, found: Proof) -> str:
    """Write it into our session; the session's id, or "" where the project's sessions are others."""
    session = prove(request, found.amr, auth_time=found.auth_time)
    if session is None:
        return ""
    session.save()  # now: allauth's answer tells an app the key that it has from now on
    return session.login_id


def _logged_out(sender: Any, request: Any, user: Any, **rest: Any) -> None:
    """The tokens that came of the login end with it."""
    session = getattr(request, "session", None)
    if session is not None:
        pairs.end(session)
