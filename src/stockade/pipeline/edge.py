"""What the checks say of cookies, proxies and CORS wherever a project runs: the setting, the risk, the remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from stockade import conf
from stockade.edge import cors
from stockade.edge.conf import CorsSettings, TransportSettings
from stockade.edge.headers import django_settings
from stockade.edge.origins import is_plain, reflects
from stockade.edge.profiles import PROFILES
from stockade.edge.transport import SERVE, chosen
from stockade.pipeline.conf import PipelineSettings
from stockade.pipeline.finding import Finding

_PROXY_HEADER = 'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")'


def warn(id: str, message: str, hint: str) -> Finding:
    """One that stops no start."""
    return Finding(f"stockade.{id}", message, hint, stops=False)


def edge_findings() -> Iterator[Finding]:
    """What is wrong wherever the project runs."""
    from django.conf import settings

    profile = getattr(settings, "STOCKADE_PROFILE", None)
    if profile is not None and profile not in PROFILES:
        yield Finding(
            "stockade.E183",
            f"STOCKADE_PROFILE is {profile!r}, and there is no such profile.",
            f"Known: {', '.join(PROFILES)}.",
        )
    yield from _host_cookies(settings)
    yield from _proxies(settings)
    yield from _declared_cors(settings)
    yield from _library_cors(settings)


def _host_cookies(settings: Any) -> Iterator[Finding]:
    """Browsers take a `__Host-` cookie with Secure, with the path / and without a domain only (RFC 6265bis)."""
    for cookie in ("SESSION", "CSRF"):
        if not str(getattr(settings, f"{cookie}_COOKIE_NAME")).startswith("__Host-"):
            continue
        wrong = [
            f"{cookie}_COOKIE_{part} = {wanted!r}"
            for part, wanted in (("SECURE", True), ("PATH", "/"), ("DOMAIN", None))
            if getattr(settings, f"{cookie}_COOKIE_{part}") != wanted
        ]
        if wrong:
            yield Finding(
                "stockade.E185",
                f"{cookie}_COOKIE_NAME begins with __Host-, and browsers throw such a cookie away as it is set: nobody "
                "could log in.",
                f"Write {', '.join(wrong)}, or another name.",
            )


def _proxies(settings: Any) -> Iterator[Finding]:
    pipeline = conf.load(PipelineSettings)
    refuses = chosen(conf.load(TransportSettings), django_settings()) != SERVE
    if (
        refuses
        and (pipeline.trusted_proxies or pipeline.proxy_secret)
        and not settings.SECURE_PROXY_SSL_HEADER
    ):
        yield warn(
            "W186",
            "Plain HTTP is not served, there are proxies, and SECURE_PROXY_SSL_HEADER is not set: what they forward by "
            "plain HTTP is refused, however the client came.",
            f"Write {_PROXY_HEADER}, and have the proxy set that header itself.",
        )


# -- CORS --------------------------------------------------------------------------------------------------------------


def _declared_cors(settings: Any) -> Iterator[Finding]:
    rules = [rule for _, rule in cors.rules(conf.load(CorsSettings)) if rule is not None]
    if rules and cors.MIDDLEWARE in settings.MIDDLEWARE:
        yield Finding(
            "stockade.E195",
            f"CORS is declared in STOCKADE, and {cors.MIDDLEWARE} is in MIDDLEWARE: what the one does not allow the "
            "other may.",
            "Take it out of MIDDLEWARE, and the CORS_* settings with it.",
        )
    origins = sorted({origin for rule in rules for origin in rule.origins})
    yield from _plain('STOCKADE["CORS"]', origins)
    for origin in sorted({origin for rule in rules if rule.credentials for origin in rule.origins}):
        if "*" in origin:
            yield warn(
                "W163",
                f'STOCKADE["CORS"] gives {origin} answers to requests with cookies: whoever gets hold of one such '
                "host, a forgotten one too, reads them.",
                "Name each origin by itself.",
            )


def _library_cors(settings: Any) -> Iterator[Finding]:
    if cors.MIDDLEWARE not in settings.MIDDLEWARE:
        return

    def said(*names: str) -> Any:
        return next((getattr(settings, name) for name in names if hasattr(settings, name)), ())

    credentials = bool(said("CORS_ALLOW_CREDENTIALS"))
    if credentials and said("CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL"):
        yield warn(
            "W160",
            "CORS_ALLOW_ALL_ORIGINS with CORS_ALLOW_CREDENTIALS: pages of every origin read what the cookies of "
            "whoever looks at them open.",
            'Write CORS_ALLOWED_ORIGINS = ["https://app.example.com"], or take CORS_ALLOW_CREDENTIALS away.',
        )
    for one in said("CORS_ALLOWED_ORIGIN_REGEXES", "CORS_ORIGIN_REGEX_WHITELIST"):
        text = one.pattern if isinstance(one, re.Pattern) else str(one)
        if why := reflects(one):
            yield warn(
                "W161",
                f"CORS_ALLOWED_ORIGIN_REGEXES has {text!r}, which takes origins of strangers for yours: {why}.",
                r'Anchor it and escape its dots: r"^https://[\w-]+\.example\.com\Z"; or name each origin.',
            )
    origins = [str(one) for one in said("CORS_ALLOWED_ORIGINS", "CORS_ORIGIN_WHITELIST")]
    if "null" in origins:
        yield warn(
            "W162",
            'CORS_ALLOWED_ORIGINS has "null", the origin of every sandboxed frame and every file: any page can be '
            "that.",
            "Take it out.",
        )
    yield from _plain("CORS_ALLOWED_ORIGINS", origins)


def _plain(where: str, origins: list[str]) -> Iterator[Finding]:
    for origin in filter(is_plain, origins):
        yield warn(
            "W164",
            f"{where} names {origin}: whoever is on the network can be that page, and read what it may.",
            "Serve it by HTTPS, and name it so.",
        )
