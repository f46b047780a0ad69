"""A DRF authenticator as a scheme: asked with a request of DRF's, its answer told apart from its refusals."""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.request import Request

from stockade.core.errors import InvalidCredential
from stockade.database import write_database
from stockade.drf.foreign.callers import principal_of
from stockade.drf.foreign.refusals import ForeignFailed, refusal_of
from stockade.drf.foreign.requests import asking_request
from stockade.schemes.backend import LoginLimits, settle
from stockade.schemes.foreign import Answer, Given

_SIMPLEJWT = "rest_framework_simplejwt.authentication"
_OAUTH = "oauth2_provider.contrib.rest_framework.authentication"
_ALLAUTH = "allauth.headless.contrib.rest_framework.authentication"
_SESSION_TOKEN = "HTTP_X_SESSION_TOKEN"  # noqa: S105 - the name of a header
_AUTHORIZATION = "HTTP_AUTHORIZATION"
LOGIN_LIMITS = f"{LoginLimits.__module__}.{LoginLimits.__qualname__}"


class AuthenticatorScheme:
    """Implements `stockade.schemes.foreign.ForeignScheme`.

    Args:
        authenticator: of any package or of the project.
        name: in events and limits.
    """

    def __init__(self, authenticator: Any, name: str) -> None:
        self.authenticator = authenticator
        self.name = name
        self.session = isinstance(authenticator, SessionAuthentication)
        self.passwords = isinstance(authenticator, BasicAuthentication)
        self._challenge = _challenge(authenticator)
        self.keywords, self.headers = _reads(authenticator, self._challenge)

    def ask(self, request: HttpRequest) -> Answer | InvalidCredential | None:
        """Have it authenticate; where it reads is where it is written: a replica may still know a deleted token."""
        asking = asking_request(request, (self.authenticator,))
        try:
            with write_database():
                found = self.authenticator.authenticate(asking)
                if self.passwords:
                    settle(request)  # a login that nobody said had failed is not charged
                if found is None:
                    return self._why(asking)
                user, auth = found
                given = Given(user, auth, self.authenticator)
                principal = principal_of(self.name, given, request)
        except Exception as error:
            refusal = refusal_of(error, self.name)
            if refusal is None:
                raise
            if self.passwords and str(error) == gettext("Invalid username/password."):
                refusal.recorded = _logins_are_told()
            raise refusal from None
        return Answer(given, principal)

    def _why(self, asking: Request) -> InvalidCredential | None:
        """OAuth toolkit says on the request why it does not know a token, and leaves it to others."""
        told = getattr(asking, "oauth2_error", None)
        if not told:
            return None
        sentence = str(told.get("error_description") or "")
        expired = sentence == gettext("The access token has expired.")
        return ForeignFailed(self.name, sentence or None, reason="expired" if expired else "unrecognised")

    def challenge(self) -> str:
        """As `authenticate_header` words it."""
        return self._challenge


def _logins_are_told() -> bool:
    """Whether the log has a wrong password already, by the backend that counts it."""
    return LOGIN_LIMITS in settings.AUTHENTICATION_BACKENDS


def _challenge(authenticator: Any) -> str:
    """What it asks for where no request is at hand; "" where it cannot say or asks for nothing."""
    header = getattr(authenticator, "authenticate_header", None)
    if header is None:
        return ""
    try:
        return str(header(Request(HttpRequest())) or "")
    except Exception:  # noqa: BLE001 - it may look for a host, of which there is none yet
        return ""


def _reads(authenticator: Any, challenge: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The keywords of Authorization that it reads, and its further headers.

    DRF has authenticators say what to ask for, not what they read; where a package reads more, or elsewhere, it is
    named here.
    """
    keyword = challenge.partition(" ")[0].lower()
    if (cls := _class(_SIMPLEJWT, "JWTAuthentication")) and isinstance(authenticator, cls):
        module: Any = sys.modules[_SIMPLEJWT]
        name = str(module.api_settings.AUTH_HEADER_NAME)
        if name != _AUTHORIZATION:
            return (), (name,)
        return tuple(str(one).lower() for one in module.AUTH_HEADER_TYPES), ()
    if (cls := _class(_OAUTH, "OAuth2Authentication")) and isinstance(authenticator, cls):
        return ("bearer",), ()
    if (cls := _class(_ALLAUTH, "XSessionTokenAuthentication")) and isinstance(authenticator, cls):
        return (keyword,) if keyword else (), (_SESSION_TOKEN,)
    return (keyword,) if keyword else (), ()


def _class(module: str, name: str) -> Any:
    """A class of a package that is in use; None where it was not imported: then nothing is an instance of it."""
    return getattr(sys.modules.get(module), name, None)
