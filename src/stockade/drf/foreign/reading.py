"""Where an authenticator reads its credential from: DRF has it say what to ask for, not what it reads."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from django.http import HttpRequest
from rest_framework.request import Request

_SIMPLEJWT = "rest_framework_simplejwt.authentication"
_OAUTH = "oauth2_provider.contrib.rest_framework.authentication"
_ALLAUTH = "allauth.headless.contrib.rest_framework.authentication"
_DJ_REST_AUTH = "dj_rest_auth.jwt_auth"
# What the classes of these modules read is known; what a class that a project derives from them reads is not.
_KNOWN = frozenset(
    {"rest_framework.authentication", "knox.auth", _SIMPLEJWT, _OAUTH, _ALLAUTH, _DJ_REST_AUTH}
)
_SESSION_TOKEN = "HTTP_X_SESSION_TOKEN"  # noqa: S105 - the name of a header
_AUTHORIZATION = "HTTP_AUTHORIZATION"


class Reads(NamedTuple):
    """Where it reads, as `stockade.schemes.foreign.ForeignScheme` has it."""

    keywords: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    cookies: tuple[str, ...] = ()
    parameters: bool = False
    anywhere: bool = False


def challenge_of(authenticator: Any) -> str:
    """What it asks for where no request is at hand; "" where it cannot say or asks for nothing."""
    header = getattr(authenticator, "authenticate_header", None)
    if header is None:
        return ""
    try:
        return str(header(Request(HttpRequest())) or "")
    except Exception:  # noqa: BLE001 - it may look for a host, of which there is none yet
        return ""


def reads_of(authenticator: Any, challenge: str) -> Reads:
    """Where it reads.

    Args:
        authenticator: of any class.
        challenge: what it asks for; its first word is the keyword that most read.
    """
    word = challenge.partition(" ")[0].lower()
    keywords = (word,) if word else ()
    anywhere = type(authenticator).__module__ not in _KNOWN
    if _is(authenticator, _SIMPLEJWT, "JWTAuthentication"):
        module: Any = sys.modules[_SIMPLEJWT]
        name = str(module.api_settings.AUTH_HEADER_NAME)
        found = Reads(tuple(str(one).lower() for one in module.AUTH_HEADER_TYPES), anywhere=anywhere)
        if name != _AUTHORIZATION:
            found = Reads(headers=(name,), anywhere=anywhere)
        return found._replace(cookies=_jwt_cookies(authenticator))
    if _is(authenticator, _OAUTH, "OAuth2Authentication"):
        return Reads(("bearer",), parameters=True, anywhere=anywhere)
    if _is(authenticator, _ALLAUTH, "XSessionTokenAuthentication"):
        return Reads(keywords, (_SESSION_TOKEN,), anywhere=anywhere)
    return Reads(keywords, anywhere=anywhere)


def _jwt_cookies(authenticator: Any) -> tuple[str, ...]:
    """The cookie of dj-rest-auth."""
    if not _is(authenticator, _DJ_REST_AUTH, "JWTCookieAuthentication"):
        return ()
    module: Any = sys.modules[_DJ_REST_AUTH]
    name = module.api_settings.JWT_AUTH_COOKIE
    return (str(name),) if name else ()


def _is(authenticator: Any, module: str, name: str) -> bool:
    """Whether it is of a package's class; a package that was not imported has no instances."""
    cls = getattr(sys.modules.get(module), name, None)
    return cls is not None and isinstance(authenticator, cls)
