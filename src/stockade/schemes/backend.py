"""Counts the logins that Django itself takes (admin, LoginView, allauth): first of AUTHENTICATION_BACKENDS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.exceptions import PermissionDenied
from django.core.signals import request_finished
from django.views.decorators.debug import sensitive_variables

from stockade.core import methods, tenant
from stockade.core.errors import LoginFailed
from stockade.database import pin, unpin
from stockade.events import emit
from stockade.events.catalogue import Event
from stockade.schemes import accounts, banned, client, devices, login
from stockade.schemes.evening import Ledger, count_from_now, count_no_more, evener
from stockade.schemes.session.proving import prove

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

ATTRIBUTE = "_stockade_attempt"
_DUMMY = "no password"


@dataclass(frozen=True, slots=True)
class _LoggedIn:
    """On a request instead of its attempt: whose browser is to be known by a cookie."""

    name: str


class LoginLimits:
    """Verifies nothing: takes the places of an attempt, and leaves the password to the backends after it.

    It has no `get_user`: no user is its own, and Django's test client logs in with the first backend that has one.
    A refusal is raised as `TooMany`, which the middleware answers with 429; the backends after it are not asked.
    """

    def __init__(self) -> None:
        # Made by Django for each login; connecting again the same receiver changes nothing.
        user_logged_in.connect(_succeeded, dispatch_uid="stockade.backend")
        user_login_failed.connect(_failed, dispatch_uid="stockade.backend")

    @sensitive_variables()
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **fields: Any,
    ) -> None:
        """Begin an attempt for a login by name and password.

        Raises:
            PermissionDenied: the user is banned.
            Banned: the address is.
            TooMany: the account or the address has failed too often.
            Unavailable: the state is away.
        """
        # By e-mail address, telephone number or whatever other backends take, too: else the same password could be
        # guessed at uncounted.
        given = (username, fields.get(accounts.username_field()), fields.get("email"), *fields.values())
        name = next((str(one) for one in given if one is not None), "")
        if request is None or password is None or not name or login.in_progress():
            return
        settle(request)
        evener().prepare()
        request = _plain(request)
        attempt = login.begin(name[: accounts.MAX_NAME], request)
        setattr(request, ATTRIBUTE, (attempt, count_from_now()))
        if getattr(request, "stockade_context", None) is None:
            # No middleware will settle it. One that has ours costs no request a receiver.
            request_finished.connect(_finished, dispatch_uid="stockade.backend")
        pin()  # the backends after this one: a replica may hold an old password
        attempt.ban = banned.of_user(accounts.find(attempt.account))
        if attempt.ban is not None:
            raise PermissionDenied  # ends like a wrong password: Django asks no further backend and says that it failed

    @sensitive_variables()
    async def aauthenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        """As `authenticate`, for async logins: Django asks every backend for it."""
        await sync_to_async(self.authenticate)(request, **credentials)


def settle(request: Any, response: HttpResponseBase | None = None) -> None:
    """At the end of a request: an attempt that nobody said had failed has not, and is not charged.

    DRF's BasicAuthentication verifies a password with every request and never logs in.

    Args:
        request: on which an attempt may have been left.
        response: gets the cookie of a browser that has logged in.
    """
    done = getattr(_plain(request), ATTRIBUTE, None)
    if isinstance(done, _LoggedIn):
        delattr(_plain(request), ATTRIBUTE)
        if response is not None:
            devices.set_cookie(request, response, done.name)
        return
    attempt, _ = _take(request)
    if attempt is not None:
        attempt.succeeded()


def _plain(request: Any) -> Any:
    """Django's request inside of DRF's."""
    return getattr(request, "_request", request)


def _take(request: Any) -> tuple[login.Attempt, Ledger] | tuple[None, None]:
    """The attempt of a request, which is then nobody else's to end, and what was hashed for it."""
    request = _plain(request)
    found: tuple[login.Attempt, Ledger] | _LoggedIn | None = getattr(request, ATTRIBUTE, None)
    if found is None or isinstance(found, _LoggedIn):
        return None, None
    delattr(request, ATTRIBUTE)
    count_no_more()
    unpin()
    return found


def _finished(sender: Any, **rest: Any) -> None:
    """An attempt that nobody has ended, where no middleware settles it, must not outlive its request in the thread."""
    unpin()


def _succeeded(sender: Any, request: Any, user: Any, **rest: Any) -> None:
    attempt, _ = _take(request)
    if attempt is None:  # no login by name and password
        return
    attempt.ban = banned.of_user(user)
    if attempt.ban is not None:  # found by another name than its own, as other backends do
        attempt.failed(tenant.subject(user.pk))
        request.session.flush()
        refusal = LoginFailed()
        refusal.recorded = True
        raise refusal
    attempt.succeeded()
    emit(Event.LOGIN_SUCCESS, account=attempt.account, subject=tenant.subject(user.pk))
    devices.remember(attempt.account, client.of(request).address)
    prove(_plain(request), [methods.PASSWORD])
    setattr(_plain(request), ATTRIBUTE, _LoggedIn(attempt.account))


def _failed(sender: Any, credentials: Any, request: Any = None, **rest: Any) -> None:
    attempt, spent = _take(request)
    if attempt is not None and spent is not None:
        existing = accounts.find(attempt.account)
        try:
            # The signal hides the password; any text costs the same to hash.
            evener().even_out(_DUMMY, getattr(existing, "password", None), spent)
        finally:
            attempt.failed(tenant.subject(existing.pk) if existing is not None else "")
        exchange: Any = getattr(_plain(request), "stockade", None)
        if exchange is not None:
            # The log has this request: what the view makes of it is not another thing.
            exchange.recorded = True
