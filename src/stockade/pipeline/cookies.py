"""Whose pages may use our cookies, where that is more than a project can answer for."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from stockade import conf
from stockade.edge import csrf
from stockade.edge.cors import MIDDLEWARE as CORS
from stockade.pipeline.finding import Finding
from stockade.schemes.conf import JWTSettings, SchemeSettings

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def cookie_findings() -> Iterator[Finding]:
    """Who else's pages may use our cookies, where that is more than the project can answer for."""
    from django.conf import settings

    refresh = conf.load(JWTSettings).refresh_cookie
    session = "session" in conf.load(SchemeSettings).schemes
    cookies = " and ".join(["the refresh cookie"] * bool(refresh) + ["the session's cookie"] * session)
    if not cookies:
        return
    trusted = list(settings.CSRF_TRUSTED_ORIGINS)
    for origin in trusted:
        if origin.startswith("http://") and urlsplit(origin).hostname not in _LOOPBACK:
            yield Finding(
                "stockade.W130",
                f"CSRF_TRUSTED_ORIGINS names {origin}: whoever is on the network can be that page, and use "
                f"{cookies}.",
                "Serve it by HTTPS, and name it so.",
                stops=False,
            )
        if "*" in origin:
            yield Finding(
                "stockade.W131",
                f"CSRF_TRUSTED_ORIGINS names {origin}: whoever gets hold of one such host, a forgotten one too, can "
                f"use {cookies}.",
                "Name each origin by itself.",
                stops=False,
            )
    if (
        not refresh
        or CORS not in settings.MIDDLEWARE
        or not getattr(settings, "CORS_ALLOW_CREDENTIALS", False)
    ):
        return
    if any(getattr(settings, name, False) for name in ("CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL")):
        yield Finding(
            "stockade.E130",
            "CORS lets pages of every origin read answers to requests with cookies, and REFRESH_COOKIE is set.",
            "Write CORS_ALLOWED_ORIGINS with the origins of your pages instead of CORS_ALLOW_ALL_ORIGINS.",
        )
    elif trusted and csrf.HEADER.lower() not in {
        str(name).lower() for name in getattr(settings, "CORS_ALLOW_HEADERS", ())
    }:
        yield Finding(
            "stockade.W132",
            f"CORS does not allow the header {csrf.HEADER}: browsers will not let the pages in CSRF_TRUSTED_ORIGINS "
            "refresh.",
            f'Write CORS_ALLOW_HEADERS = [*corsheaders.defaults.default_headers, "{csrf.HEADER.lower()}"].',
            stops=False,
        )
