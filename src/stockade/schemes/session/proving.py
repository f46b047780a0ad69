"""What a user has proven is written into his session: by Django's logins, by ours, and by whoever asks for more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.signals import user_logged_in

from stockade.schemes.session.store import SessionStore


def prove(
    request: Any, amr: Iterable[str] = (), acr: str = "", auth_time: float | None = None
) -> SessionStore | None:
    """Note that the user of a request's session has just proven who he is; the session gets another key.

    Call it after `django.contrib.auth.login`, or for one who is logged in and has proven himself again.

    Args:
        request: Django's; where its sessions are another engine's, nothing is noted.
        amr: how, by the names of RFC 8176, such as ``["pwd", "otp", "mfa"]``; empty where unknown.
        acr: the authentication context that somebody vouches for; "" for none.
        auth_time: when, in seconds since the epoch; None for now.

    Returns:
        The session; None where it is another engine's.

    Raises:
        ValueError: one of them is nothing that a session can keep.
    """
    session = getattr(request, "session", None)
    if not isinstance(session, SessionStore):
        return None
    session.prove(amr, acr, auth_time)
    return session


def connect() -> None:
    """Hear of Django's logins."""
    user_logged_in.connect(_logged_in, dispatch_uid="stockade.session")


def _logged_in(sender: Any, request: Any, user: Any, **rest: Any) -> None:
    """Whoever logs in has proven something just now. What it was, those who know say before or after."""
    session = getattr(request, "session", None)
    if isinstance(session, SessionStore) and not session.proven:
        session.prove()
