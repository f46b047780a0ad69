"""Counts the logins that Django itself takes (admin, LoginView, allauth): first of AUTHENTICATION_BACKENDS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.signals import user_logged_in, user_login_failed

from stockade.schemes import accounts, login
from stockade.schemes.evening import evener

if TYPE_CHECKING:
    from django.http import HttpRequest

ATTRIBUTE = "_stockade_attempt"
_DUMMY = "no password"


class LoginLimits:
    """Verifies nothing: takes the places of an attempt, and leaves the password to the backends after it.

    A refusal is raised as `TooMany`, which the middleware answers with 429; the backends after it are not asked.
    """

    def __init__(self) -> None:
        # Made by Django for each login; connecting again the same receiver changes nothing.
        user_logged_in.connect(_succeeded, dispatch_uid="stockade.backend")
        user_login_failed.connect(_failed, dispatch_uid="stockade.backend")

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **fields: Any,
    ) -> None:
        """Begin an attempt for a login by name and password.

        Raises:
            TooMany: the account or the address has failed too often.
            Unavailable: the state is away.
        """
        name = username if username is not None else fields.get(accounts.username_field())
        if request is None or password is None or not isinstance(name, str) or login.in_progress():
            return
        settle(request)
        evener().prepare()
        request = _plain(request)
        setattr(request, ATTRIBUTE, login.begin(name[: accounts.MAX_NAME], request))

    def get_user(self, user_id: Any) -> None:
        """No user is this backend's."""
        return


def settle(request: Any) -> None:
    """At the end of a request: an attempt that nobody said had failed has not, and is not charged.

    DRF's BasicAuthentication verifies a password with every request and never logs in.
    """
    attempt = _take(request)
    if attempt is not None:
        attempt.succeeded()


def _plain(request: Any) -> Any:
    """Django's request inside of DRF's."""
    return getattr(request, "_request", request)


def _take(request: Any) -> login.Attempt | None:
    request = _plain(request)
    attempt: login.Attempt | None = getattr(request, ATTRIBUTE, None)
    if attempt is not None:
        delattr(request, ATTRIBUTE)
    return attempt


def _succeeded(sender: Any, request: Any, user: Any, **rest: Any) -> None:
    settle(request)


def _failed(sender: Any, credentials: Any, request: Any = None, **rest: Any) -> None:
    attempt = _take(request)
    if attempt is not None:
        existing = accounts.find(attempt.account)
        try:
            # The signal hides the password; any text costs the same to hash.
            evener().even_out(_DUMMY, getattr(existing, "password", None))
        finally:
            attempt.failed(str(existing.pk) if existing is not None else "")
