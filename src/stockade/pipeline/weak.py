"""What `check --deploy` says of settings that are weaker than they need be where clients come: the edge's first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stockade import conf
from stockade.edge import cors
from stockade.edge.conf import ANY, CorsSettings, HeaderSettings, TransportSettings
from stockade.edge.csp import Config
from stockade.edge.headers import django_settings
from stockade.edge.profiles import YEAR
from stockade.edge.transport import SERVE, chosen
from stockade.pipeline.conf import PipelineSettings
from stockade.pipeline.edge import warn
from stockade.pipeline.finding import Finding
from stockade.pipeline.issuers import weak_issuer_findings
from stockade.pipeline.weak_passwords import password_findings

SECURITY = "django.middleware.security.SecurityMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"


def weak_findings() -> Iterator[Finding]:
    """Settings that are weaker than they need be where clients come; nothing of it on one's own machine."""
    from django.conf import settings

    django = django_settings()
    if django.get("STOCKADE_PROFILE") == "development":
        yield warn(
            "W176",
            'STOCKADE_PROFILE is "development": plain HTTP is served, and cookies go with it.',
            'Write stockade.edge.settings("api") or one of the others.',
        )
        return
    yield from _weak_transport(settings, django)
    yield from _weak_headers(django)
    yield from _weak_cookies(settings)
    yield from _weak_policy(django)
    yield from _weak_cors(settings)
    yield from weak_issuer_findings()
    yield from password_findings()


def _weak_transport(settings: Any, django: Mapping[str, Any]) -> Iterator[Finding]:
    pipeline = conf.load(PipelineSettings)
    served = chosen(conf.load(TransportSettings), django) == SERVE
    if served and settings.SECURE_SSL_REDIRECT and SECURITY in settings.MIDDLEWARE:
        yield warn(
            "W185",
            "SECURE_SSL_REDIRECT sends API calls over plain HTTP on to https:// (ASVS 5.0, 4.1.2): a client that shows "
            "its token to everybody on the way never learns of it.",
            'Write "PLAIN_HTTP": "redirect" into STOCKADE: pages are redirected, calls refused.',
        )
    elif served:
        yield warn(
            "W184",
            "PLAIN_HTTP serves: a client that calls http:// shows its token to everybody on the way, and works.",
            'Write "PLAIN_HTTP": "refuse" (or "redirect", for pages) into STOCKADE, or use stockade.edge.settings.',
        )
    if settings.SECURE_PROXY_SSL_HEADER and not (pipeline.trusted_proxies or pipeline.proxy_secret):
        yield warn(
            "W187",
            "SECURE_PROXY_SSL_HEADER is believed of everybody: who reaches the server past the proxy writes it "
            "himself, and plain HTTP passes for HTTPS.",
            'Write "TRUSTED_PROXIES": ["10.0.0.11/32"], the addresses of the proxies, into STOCKADE.',
        )
    if not conf.load(HeaderSettings).hsts:
        yield warn(
            "W181",
            "HSTS is off: a browser that is told http:// goes there, and whoever is on the way answers.",
            'Take "HSTS": False out of STOCKADE (ASVS 5.0, 3.4.1).',
        )
        return
    seconds = settings.SECURE_HSTS_SECONDS or YEAR
    if seconds < YEAR:
        yield warn(
            "W180",
            f"SECURE_HSTS_SECONDS is {seconds}: a browser that stays away for longer takes plain HTTP again.",
            f"Write SECURE_HSTS_SECONDS = {YEAR}, a year (ASVS 5.0, 3.4.1).",
        )
    if not settings.SECURE_HSTS_INCLUDE_SUBDOMAINS and django.get("STOCKADE_PROFILE") != "internal":
        yield warn(
            "W182",
            "SECURE_HSTS_INCLUDE_SUBDOMAINS is off: a made-up host below yours, over plain HTTP, sets cookies for it.",
            "Write SECURE_HSTS_INCLUDE_SUBDOMAINS = True once every host below serves HTTPS (ASVS 5.0, 3.4.1).",
        )
    if settings.SECURE_HSTS_PRELOAD and (seconds < YEAR or not settings.SECURE_HSTS_INCLUDE_SUBDOMAINS):
        yield warn(
            "W183",
            "SECURE_HSTS_PRELOAD asks for what browsers' lists refuse: they take a year and all subdomains only.",
            f"Write SECURE_HSTS_SECONDS = {YEAR} and SECURE_HSTS_INCLUDE_SUBDOMAINS = True, or take it out.",
        )


_GUARDS = {
    "strict-transport-security": "plain HTTP is tried again",
    "x-content-type-options": "a browser makes a script or a page of data",
    "referrer-policy": "addresses, and what stands in them, go to other sites",
    "cross-origin-opener-policy": "a page that opens yours keeps a hand on its window",
    "cross-origin-resource-policy": "other sites load your answers into their own process",
    "content-security-policy": "an injected script runs",
    "x-frame-options": "other sites put yours into a frame",
    "cache-control": "what a token opened stays in caches",
}


def _weak_headers(django: Mapping[str, Any]) -> Iterator[Finding]:
    for name, value in conf.load(HeaderSettings).headers.items():
        if value is None and (risk := _GUARDS.get(name.lower())):
            yield warn(
                "W188",
                f'STOCKADE["HEADERS"] leaves {name} out of every answer: {risk}.',
                "Take it out of HEADERS, and set the header in the view that needs it otherwise.",
            )
    if not django.get("SECURE_CONTENT_TYPE_NOSNIFF", True):
        yield warn(
            "W189",
            "SECURE_CONTENT_TYPE_NOSNIFF is off: a browser makes a script or a page of data that looks like one.",
            "Write SECURE_CONTENT_TYPE_NOSNIFF = True (ASVS 5.0, 3.4.4).",
        )
    referrer = django.get("SECURE_REFERRER_POLICY")
    words = referrer.split(",") if isinstance(referrer, str) else list(referrer or ())
    if not words or words[-1].strip() in ("unsafe-url", "no-referrer-when-downgrade"):
        yield warn(
            "W190",
            f"SECURE_REFERRER_POLICY is {referrer!r}: other sites are told whole addresses, and what stands in them.",
            'Write SECURE_REFERRER_POLICY = "same-origin" (ASVS 5.0, 3.4.5).',
        )
    if django.get("SECURE_CROSS_ORIGIN_OPENER_POLICY") in (None, "", "unsafe-none"):
        yield warn(
            "W191",
            "SECURE_CROSS_ORIGIN_OPENER_POLICY is off: a page that opens yours keeps a hand on its window.",
            'Write SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin" (ASVS 5.0, 3.4.8).',
        )
    if str(django.get("X_FRAME_OPTIONS", "DENY")).upper() not in ("DENY", "SAMEORIGIN"):
        yield warn(
            "W192",
            f"X_FRAME_OPTIONS is {django['X_FRAME_OPTIONS']!r}, which no browser knows: other sites put yours into a "
            "frame where they look at this header alone.",
            'Write X_FRAME_OPTIONS = "DENY", and frame-ancestors in SECURE_CSP where others may.',
        )


def _weak_cookies(settings: Any) -> Iterator[Finding]:
    for cookie, middleware in (("SESSION", SESSIONS), ("CSRF", CSRF)):
        if middleware not in settings.MIDDLEWARE:
            continue
        same_site = getattr(settings, f"{cookie}_COOKIE_SAMESITE")
        if same_site not in ("Lax", "Strict"):
            yield warn(
                "W193",
                f"{cookie}_COOKIE_SAMESITE is {same_site!r}: a browser sends the cookie with what pages of other sites "
                "make it send.",
                f'Write {cookie}_COOKIE_SAMESITE = "Lax" or "Strict" (ASVS 5.0, 3.3.2).',
            )
        if domain := getattr(settings, f"{cookie}_COOKIE_DOMAIN"):
            yield warn(
                "W194",
                f"{cookie}_COOKIE_DOMAIN is {domain!r}: every host below it gets the cookie, and can set one in its "
                "place.",
                f"Write {cookie}_COOKIE_DOMAIN = None (ASVS 5.0, 3.3.3).",
            )


_LOOSE = {"'unsafe-inline'": "an injected script runs", "'unsafe-eval'": "an injected text becomes a script",
          ANY: "scripts are loaded from anywhere", "https:": "scripts are loaded from anywhere"}  # fmt: skip


def _weak_policy(django: Mapping[str, Any]) -> Iterator[Finding]:
    config: Config = django.get("SECURE_CSP") or {}
    if not config:
        return
    scripts = _values(config, "script-src", _values(config, "default-src", (ANY,)))
    # With a nonce or a hash browsers of today leave 'unsafe-inline' out of account (CSP level 3, section 6.7.3.2).
    named = any("NONCE" in one or one.startswith(("'nonce-", "'sha")) for one in scripts)
    for word in scripts:
        if word in _LOOSE and not (named and word == "'unsafe-inline'"):
            yield warn(
                "W170",
                f"SECURE_CSP allows scripts {word}: {_LOOSE[word]}.",
                'Write "script-src": [CSP.SELF, CSP.NONCE], and nonce="{{ csp_nonce }}" on inline scripts.',
            )
    for directive, risk in (
        ("object-src", "an injected plug-in runs"),
        ("base-uri", "an injected <base> makes your relative addresses somebody else's"),
    ):
        fallback: tuple[str, ...] = _values(config, "default-src", ()) if directive == "object-src" else ()
        found = _values(config, directive, fallback)
        if not found or set(found) - {"'none'", "'self'"}:
            yield warn(
                "W171",
                f"SECURE_CSP does not bound {directive}: {risk}.",
                f'Write "{directive}": [CSP.NONE] (ASVS 5.0, 3.4.3).',
            )


def _values(config: Config, directive: str, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    found = config.get(directive)
    if found is None or isinstance(found, bool):
        return otherwise
    return (found,) if isinstance(found, str) else tuple(found)


def _weak_cors(settings: Any) -> Iterator[Finding]:
    rules = [rule for _, rule in cors.rules(conf.load(CorsSettings)) if rule is not None]
    trusted = set(settings.CSRF_TRUSTED_ORIGINS)
    for origin in sorted({one for rule in rules if rule.credentials for one in rule.origins} - trusted):
        yield warn(
            "W165",
            f'STOCKADE["CORS"] has cookies sent for {origin}, and CSRF_TRUSTED_ORIGINS does not name it: what its '
            "pages change by cookie is refused.",
            f'Write CSRF_TRUSTED_ORIGINS = ["{origin}"] if they may, or "CREDENTIALS": False.',
        )
    library = cors.MIDDLEWARE in settings.MIDDLEWARE
    everyone = any(
        getattr(settings, name, False) for name in ("CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL")
    )
    if library and everyone and not getattr(settings, "CORS_ALLOW_CREDENTIALS", False):
        yield warn(
            "W166",
            "CORS_ALLOW_ALL_ORIGINS: pages of every origin read what their reader's machine reaches, also what only "
            "addresses keep from others.",
            'Write "CORS": {"ORIGINS": [...], "PATHS": {"/api/public/": {"ORIGINS": "*"}}} into STOCKADE.',
        )
