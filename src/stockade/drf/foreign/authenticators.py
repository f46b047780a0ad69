"""A DRF authenticator as a scheme: asked with a request of DRF's, its answer told apart from its refusals."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.request import Request

from stockade.core.errors import InvalidCredential
from stockade.database import write_database
from stockade.drf.foreign.callers import principal_of
from stockade.drf.foreign.reading import challenge_of, reads_of
from stockade.drf.foreign.refusals import ForeignFailed, refusal_of
from stockade.drf.foreign.requests import asking_request
from stockade.schemes.backend import LoginLimits, settle
from stockade.schemes.foreign import Answer, Given

LOGIN_LIMITS = f"{LoginLimits.__module__}.{LoginLimits.__qualname__}"


class AuthenticatorScheme:
    """Implements `stockade.schemes.foreign.ForeignScheme`.

    Args:
        cls: the authenticator's class, of any package or of the project. As in DRF each request has an instance.
        name: in events and limits.
    """

    def __init__(self, cls: Any, name: str) -> None:
        self.name = name
        self._cls = cls
        authenticator = cls()
        self._challenge = challenge_of(authenticator)
        reads = reads_of(authenticator, self._challenge)
        self.keywords, self.headers, self.cookies = reads.keywords, reads.headers, reads.cookies
        self.parameters, self.anywhere = reads.parameters, reads.anywhere
        self.session = isinstance(authenticator, SessionAuthentication)
        self.passwords = isinstance(authenticator, BasicAuthentication)

    def ask(self, request: HttpRequest) -> Answer | InvalidCredential | None:
        """Have it authenticate; where it reads is where it is written: a replica may still know a deleted token."""
        authenticator = self._cls()
        asking = asking_request(request, (authenticator,))
        try:
            with write_database():
                found = authenticator.authenticate(asking)
                if self.passwords:
                    settle(request)  # a login that nobody said had failed is not charged
                if found is None:
                    return self._why(asking)
                user, auth = found
                given = Given(user, auth, authenticator)
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

    def listed(self, classes: Collection[Any]) -> bool:
        """Whether its class is among a view's own."""
        return self._cls in classes

    def challenge(self) -> str:
        """As `authenticate_header` words it."""
        return self._challenge


def _logins_are_told() -> bool:
    """Whether the log has a wrong password already, by the backend that counts it."""
    return LOGIN_LIMITS in settings.AUTHENTICATION_BACKENDS
