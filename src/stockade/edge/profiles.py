"""`settings`: Django's hardened settings for an API, for pages, for services of one network, and for one's own machine.

Works in settings.py: imports no Django.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from stockade.core.errors import ConfigurationError

YEAR = 31536000
_NONCE = "<CSP_NONCE_SENTINEL>"  # the value of `django.utils.csp.CSP.NONCE`
_TLS_ONLY: dict[str, Any] = {
    "DEBUG": False,
    "SECURE_CONTENT_TYPE_NOSNIFF": True,
    "SECURE_CROSS_ORIGIN_OPENER_POLICY": "same-origin",
    "SECURE_SSL_REDIRECT": False,  # PLAIN_HTTP does it: for SecurityMiddleware an API's client is a page like any other
    "X_FRAME_OPTIONS": "DENY",
    # ASVS 5.0, 3.3.1 and 3.3.3: no host beside ours, and nobody on the network, can plant such a cookie.
    "SESSION_COOKIE_NAME": "__Host-sessionid",
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_PATH": "/",
    "SESSION_COOKIE_DOMAIN": None,
    "CSRF_COOKIE_NAME": "__Host-csrftoken",
    "CSRF_COOKIE_SECURE": True,
    "CSRF_COOKIE_PATH": "/",
    "CSRF_COOKIE_DOMAIN": None,
    "LANGUAGE_COOKIE_SECURE": True,
    "USE_X_FORWARDED_HOST": False,
    "USE_X_FORWARDED_PORT": False,
    # Django's deployment check asks for two middlewares whose work `stockade.web.Middleware` does.
    "SILENCED_SYSTEM_CHECKS": ["security.W001", "security.W002"],
}
_PUBLIC = {
    "SECURE_HSTS_SECONDS": YEAR,
    "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
    "SECURE_HSTS_PRELOAD": True,
}
PROFILES: dict[str, dict[str, Any]] = {
    "api": {
        **_TLS_ONLY,
        **_PUBLIC,
        "SECURE_REFERRER_POLICY": "same-origin",
        "SESSION_COOKIE_SAMESITE": "Strict",
        "CSRF_COOKIE_SAMESITE": "Strict",
        "CSRF_COOKIE_HTTPONLY": True,
    },
    "browser": {
        **_TLS_ONLY,
        **_PUBLIC,
        "SECURE_REFERRER_POLICY": "same-origin",
        "SESSION_COOKIE_SAMESITE": "Lax",  # a link from elsewhere finds its reader logged in
        "CSRF_COOKIE_SAMESITE": "Lax",
        "CSRF_COOKIE_HTTPONLY": False,  # scripts of the page send it as X-CSRFToken
        "SECURE_CSP": {
            "default-src": ["'self'"],
            "script-src": ["'self'", _NONCE],
            "style-src": ["'self'", _NONCE],
            "img-src": ["'self'", "data:"],
            "object-src": ["'none'"],
            "base-uri": ["'none'"],
            "form-action": ["'self'"],
            "frame-ancestors": ["'none'"],
        },
    },
    "internal": {
        **_TLS_ONLY,
        "SECURE_HSTS_SECONDS": YEAR,
        # The names of a private network are often others' too, and on no browser's list.
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": False,
        "SECURE_HSTS_PRELOAD": False,
        "SECURE_REFERRER_POLICY": "same-origin",
        "SESSION_COOKIE_SAMESITE": "Strict",
        "CSRF_COOKIE_SAMESITE": "Strict",
        "CSRF_COOKIE_HTTPONLY": True,
    },
    "development": {
        "DEBUG": True,
        "ALLOWED_HOSTS": ["localhost", ".localhost", "127.0.0.1", "[::1]"],
        "SECURE_SSL_REDIRECT": False,
        "SECURE_HSTS_SECONDS": 0,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": False,
        "SECURE_HSTS_PRELOAD": False,
        "SESSION_COOKIE_SECURE": False,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "CSRF_COOKIE_SECURE": False,
        "CSRF_COOKIE_SAMESITE": "Lax",
    },
}
# What PLAIN_HTTP is where nothing else is said.
PLAIN_HTTP = {"api": "refuse", "internal": "refuse", "browser": "redirect", "development": "serve"}
# What belongs here and only a project can know.
_FURTHER = {
    "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "CSRF_USE_SESSIONS", "CSRF_COOKIE_AGE", "CSRF_HEADER_NAME",
    "SECURE_PROXY_SSL_HEADER", "SECURE_SSL_HOST", "SECURE_REDIRECT_EXEMPT", "SECURE_CSP_REPORT_ONLY",
    "SESSION_COOKIE_AGE", "SESSION_EXPIRE_AT_BROWSER_CLOSE", "DATA_UPLOAD_MAX_MEMORY_SIZE",
    "DATA_UPLOAD_MAX_NUMBER_FIELDS", "DATA_UPLOAD_MAX_NUMBER_FILES", "DISALLOWED_USER_AGENTS", "ADMINS",
}  # fmt: skip
KNOWN = frozenset(_FURTHER.union(*PROFILES.values()))


def settings(profile: str, **overrides: Any) -> dict[str, Any]:
    """Django's settings for a kind of service: ``globals().update(stockade.edge.settings("api"))``.

    Args:
        profile: "api" (calls by programs and by scripts of pages), "browser" (pages too), "internal" (services of one
            network), "development" (one's own machine).
        overrides: settings of Django's that shall be otherwise, or that only the project knows (ALLOWED_HOSTS). A
            system check tells what a weaker one risks. SILENCED_SYSTEM_CHECKS adds to the profile's.

    Raises:
        ConfigurationError: there is no such profile (stockade.E183), or no such setting among these (stockade.E184);
            the message names the nearest.
    """
    if profile not in PROFILES:
        raise ConfigurationError(
            "stockade.E183", f"There is no profile {profile!r}.", _nearest(profile, PROFILES)
        )
    for name in overrides:
        if name not in KNOWN:
            raise ConfigurationError(
                "stockade.E184",
                f"stockade.edge.settings knows no {name!r}.",
                f"{_nearest(name, KNOWN)} What is no matter of security stands in settings.py itself.",
            )
    found = {name: _copied(value) for name, value in PROFILES[profile].items()}
    silenced = [*found.get("SILENCED_SYSTEM_CHECKS", ()), *overrides.pop("SILENCED_SYSTEM_CHECKS", ())]
    found.update(overrides, STOCKADE_PROFILE=profile)
    if silenced:
        found["SILENCED_SYSTEM_CHECKS"] = silenced
    return found


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, 1, 0.6) or difflib.get_close_matches(
        name.upper(), known, 1, 0.6
    )
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(sorted(known))}."


def _copied(value: Any) -> Any:
    """So that a project may change what it got."""
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in value.items()}
    return list(value) if isinstance(value, list) else value
