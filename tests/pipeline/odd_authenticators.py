"""DRF authenticators as projects have them, and as the guide warns of."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication, BasicAuthentication, SessionAuthentication


class Unguarded(SessionAuthentication):
    """As it stands in many answers on the web."""

    def enforce_csrf(self, request: Any) -> None:
        return


class Guarded(SessionAuthentication):
    """One that only looks different."""

    def authenticate(self, request: Any) -> Any:
        return super().authenticate(request)


class Basic(BasicAuthentication):
    """The same in another name."""


class ByCookie(BaseAuthentication):
    def authenticate(self, request: Any) -> Any:
        token = request.COOKIES.get("jwt")
        return (token, None) if token == "never" else None


class ByGuardedCookie(BaseAuthentication):
    def authenticate(self, request: Any) -> Any:
        token = request.COOKIES.get("jwt")
        if token is None:
            return None
        SessionAuthentication().enforce_csrf(request)
        return None


class ByQuery(BaseAuthentication):
    def authenticate(self, request: Any) -> Any:
        return None if request.GET.get("token") != "never" else (None, None)


class ByHeader(BaseAuthentication):
    def authenticate(self, request: Any) -> Any:
        return None if request.META.get("HTTP_X_TOKEN") != "never" else (None, None)
