"""What `check --deploy` says of DRF authenticators in SCHEMES: of credentials in passwords, cookies and URLs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rest_framework.authentication import BasicAuthentication, SessionAuthentication

from stockade import conf
from stockade.drf.survey import source
from stockade.drf.survey.asked import dotted
from stockade.drf.survey.credentials import named, reads_query
from stockade.edge.conf import TransportSettings
from stockade.edge.headers import django_settings
from stockade.edge.transport import SERVE, chosen
from stockade.pipeline.edge import warn
from stockade.pipeline.finding import Finding

_GUARDS = frozenset({"enforce_csrf", "CSRFCheck", "CsrfViewMiddleware", "csrf_protect", "process_view"})
_DJ_REST_AUTH = "dj_rest_auth.jwt_auth.JWTCookieAuthentication"


def authenticator_findings() -> Iterator[Finding]:
    """Of each authenticator that SCHEMES names."""
    for cls in named():
        if issubclass(cls, BasicAuthentication):
            yield _basic(cls)
        if issubclass(cls, SessionAuthentication):
            if cls.enforce_csrf is not SessionAuthentication.enforce_csrf and not _guards(cls):
                yield warn(
                    "W266",
                    f"{dotted(cls)} in SCHEMES is SessionAuthentication without its CSRF check: any site's page "
                    "changes things in the name of whoever looks at it.",
                    'Write "session" in its place.',
                )
        elif _by_cookie(cls):
            yield warn(
                "W267",
                f"{dotted(cls)} in SCHEMES takes a credential from a cookie, and checks no CSRF token: any site's page "
                "changes things in the name of whoever looks at it.",
                'Write "session" for pages; for JWTs in the browser "jwt" with "REFRESH_COOKIE", or check CSRF in it '
                "(JWT_AUTH_COOKIE_USE_CSRF of dj-rest-auth).",
            )
        if reads_query(cls):
            yield warn(
                "W268",
                f"{dotted(cls)} in SCHEMES reads a credential from the query string, which stands in logs, histories "
                "and referrers.",
                "Have clients send it in a header, and take it out of SCHEMES.",
            )


def _basic(cls: type[Any]) -> Finding:
    plain = chosen(conf.load(TransportSettings), django_settings()) == SERVE
    way = ", over plain HTTP too: whoever is on the way reads it" if plain else ""
    return warn(
        "W265",
        f"{dotted(cls)} in SCHEMES takes the password itself with every request{way}; it cannot be ended but by "
        "changing it.",
        'Give machines a key ("api_key") or a token ("token").',
    )


def _by_cookie(cls: type[Any]) -> bool:
    """Whether it reads cookies, and nothing that it reaches checks CSRF."""
    if any(dotted(base) == _DJ_REST_AUTH for base in cls.__mro__):
        from django.conf import settings

        auth: dict[str, Any] = getattr(settings, "REST_AUTH", None) or {}
        return bool(auth.get("JWT_AUTH_COOKIE")) and not (
            auth.get("JWT_AUTH_COOKIE_USE_CSRF")
            or auth.get("JWT_AUTH_COOKIE_ENFORCE_CSRF_ON_UNAUTHENTICATED")
        )
    return "COOKIES" in _words(cls, "authenticate") and not _guards(cls)


def _guards(cls: type[Any]) -> bool:
    """Whether authenticating leads to a CSRF check: Django's, or DRF's `enforce_csrf` as it is or as it should be."""
    words = _words(cls, "authenticate")
    own = getattr(cls, "enforce_csrf", None)
    if own is not None and source.own_function(own) is not None:
        return bool(_words(cls, "enforce_csrf") & _GUARDS)
    return bool(words & _GUARDS)


def _words(cls: type[Any], name: str) -> set[str]:
    """The names in what a method of the project's reaches."""
    if not source.is_own(cls.__module__):
        return set()
    found: set[str] = set()
    for function, node in source.reached(cls, getattr(cls, name, None)):
        if source.own_function(function) is not None:
            found |= source.words(node)
    return found
