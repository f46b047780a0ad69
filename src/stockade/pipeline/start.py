"""What stops the start and what is only said: found here, because Django runs no system checks under WSGI or ASGI."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from stockade import conf
from stockade.conf import Section
from stockade.core import tenant
from stockade.core.errors import ConfigurationError, Unavailable
from stockade.core.mode import BEFORE
from stockade.edge import csrf
from stockade.edge.conf import CorsSettings, HeaderSettings, TransportSettings
from stockade.edge.cors import MIDDLEWARE as CORS
from stockade.events.conf import EventSettings
from stockade.gate.conf import AddressSettings, GateSettings
from stockade.gate.redis import address as redis
from stockade.gate.redis.neighbours import neighbours
from stockade.gate.registry import get_gate
from stockade.keyring.conf import KeyringSettings, wrapping_keys
from stockade.pipeline import registry as registries
from stockade.pipeline.conf import InputSettings, PipelineSettings
from stockade.pipeline.declared import Declared
from stockade.pipeline.edge import edge_findings
from stockade.pipeline.finding import Finding
from stockade.pipeline.unmatched import matches, unmatched
from stockade.policy.rules import scheme_names
from stockade.schemes.conf import JWTSettings, LoginSettings, SchemeSettings
from stockade.schemes.opaque.conf import KeySettings, TokenSettings
from stockade.tenant import TenantSettings

SECTIONS: tuple[type[Section], ...] = (
    PipelineSettings, SchemeSettings, JWTSettings, LoginSettings, GateSettings, AddressSettings, KeyringSettings,
    EventSettings, HeaderSettings, TransportSettings, CorsSettings, TenantSettings,
    TokenSettings, KeySettings, InputSettings,
)  # fmt: skip
MIDDLEWARE = "stockade.web.Middleware"


def _of(error: ConfigurationError) -> Finding:
    return Finding(error.id, error.message, error.hint)


def known_settings() -> set[str]:
    """Every key that STOCKADE may have."""
    found: set[str] = set()
    for section in SECTIONS:
        found.update([section.NAME] if section.NAME else [meta.name for meta in section.declared()])
    return found


def settings_findings() -> Iterator[Finding]:
    """A wrong value anywhere in STOCKADE, or a key that no room has."""
    stockade = conf.raw()
    for section in SECTIONS:
        try:
            conf.build(section, stockade)
        except ConfigurationError as error:
            yield _of(error)
    known = known_settings()
    for name in stockade:
        if name not in known:
            yield Finding(
                "stockade.E004", f"STOCKADE has no {name!r}.", f"Known: {', '.join(sorted(known))}."
            )


def address_findings() -> Iterator[Finding]:
    """Nobody at all let in is a mistake: with the first request the operators are out as well."""
    try:
        settings = conf.build(AddressSettings, conf.raw())
    except ConfigurationError:
        return  # said by `settings_findings`
    if settings.only_allowed and not settings.allow:
        yield Finding(
            "stockade.E035",
            'STOCKADE["ADDRESSES"] lets only allowed addresses in and allows none.',
            'Name at least the address that you administer it from: "allow": ["192.0.2.7"].',
        )


def key_findings() -> Iterator[Finding]:
    """A key that is weak or cannot be read is said now, not by the first request that needs it."""
    try:
        wrapping_keys()
    except ConfigurationError as error:
        yield _of(error)


def middleware_findings() -> Iterator[Finding]:
    """The middleware must be there, once, and first: behind another, views and redirects slip past it."""
    from django.conf import settings

    listed = list(settings.MIDDLEWARE)
    if MIDDLEWARE not in listed:
        yield Finding(
            "stockade.W011",
            f"{MIDDLEWARE} is not in MIDDLEWARE: only DRF views with our classes are protected, others are open.",
            f'Write MIDDLEWARE = ["{MIDDLEWARE}", *MIDDLEWARE].',
            stops=False,
        )
    elif listed[0] != MIDDLEWARE or listed.count(MIDDLEWARE) > 1:
        yield Finding(
            "stockade.E011",
            f"{MIDDLEWARE} is not first in MIDDLEWARE.",
            "Move it to the front: what stands before it can answer without asking it.",
        )


def tenant_findings() -> Iterator[Finding]:
    """Where each tenant has users of its own, a credential must say which, and what is ours must be there once."""
    from django.apps import apps
    from django.conf import settings

    ours = [name for name in conf.load(SchemeSettings).schemes if "." not in name]
    if not tenant.exists():
        if apps.is_installed("django_tenants"):
            yield Finding(
                "stockade.E228" if ours else "stockade.W228",
                "django-tenants is installed and STOCKADE names no TENANT: user 7 of one tenant is taken for user 7 of "
                "another" + (", by tokens too." if ours else " by limits and bans."),
                'Write "TENANT": "stockade.tenant.django_tenants" (or a callable of your own).',
                stops=bool(ours),
            )
        return
    if "stockade" in (getattr(settings, "TENANT_APPS", None) or ()):
        yield Finding(
            "stockade.E229",
            'TENANT_APPS has "stockade": each tenant would have keys, bans and epochs of its own, and processes that '
            "serve several would mix them up.",
            'Write "stockade" into SHARED_APPS only.',
        )
    if "simplejwt" in ours:
        yield Finding(
            "stockade.E230",
            'SCHEMES has "simplejwt" and STOCKADE a TENANT: the tokens of that package name no tenant, so that one of '
            "user 7 would be good in all of them.",
            'Take "simplejwt" out of SCHEMES: people log in once more.',
        )


def before_findings() -> Iterator[Finding]:
    """Where views are judged as before, it must be known how: DRF's own default is AllowAny."""
    from django.conf import settings

    rest = getattr(settings, "REST_FRAMEWORK", None) or {}
    if conf.load(PipelineSettings).undeclared == "legacy" and BEFORE in rest and rest[BEFORE] is None:
        yield Finding(
            "stockade.E217",
            'UNDECLARED is "legacy", but stockade.drf.defaults() found no REST_FRAMEWORK that it stands after: the '
            "project's own permission and authentication classes would be lost.",
            "Write REST_FRAMEWORK = {...} first and then REST_FRAMEWORK = {**REST_FRAMEWORK, "
            "**stockade.drf.defaults()}; where there was none, stockade.drf.defaults({}).",
        )


LOGIN_LIMITS = "stockade.schemes.backend.LoginLimits"


def backend_findings() -> Iterator[Finding]:
    """Logins that Django itself takes are limited by a backend, which must come before those that verify."""
    from django.conf import settings

    if next(iter(settings.AUTHENTICATION_BACKENDS), "") != LOGIN_LIMITS:
        others = [name for name in settings.AUTHENTICATION_BACKENDS if name != LOGIN_LIMITS]
        listed = [f'"{name}"' for name in (LOGIN_LIMITS, *others)]
        own = listed[1] if others else '"django.contrib.auth.backends.ModelBackend"'
        yield Finding(
            "stockade.W012",
            f"{LOGIN_LIMITS} is not first in AUTHENTICATION_BACKENDS: guessing at the admin's login is not limited.",
            f"Write AUTHENTICATION_BACKENDS = [{', '.join(listed)}]. Where your code calls login(request, user) for a "
            f"user whom authenticate() has not returned, name the backend there: backend={own}; with several Django "
            "asks for it.",
            stops=False,
        )


_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def cookie_findings() -> Iterator[Finding]:
    """Who else's pages may use the refresh cookie, where that is more than the project can answer for."""
    from django.conf import settings

    if not conf.load(JWTSettings).refresh_cookie:
        return
    trusted = list(settings.CSRF_TRUSTED_ORIGINS)
    for origin in trusted:
        if origin.startswith("http://") and urlsplit(origin).hostname not in _LOOPBACK:
            yield Finding(
                "stockade.W130",
                f"CSRF_TRUSTED_ORIGINS names {origin}: whoever is on the network can be that page, and use the refresh "
                "cookie.",
                "Serve it by HTTPS, and name it so.",
                stops=False,
            )
        if "*" in origin:
            yield Finding(
                "stockade.W131",
                f"CSRF_TRUSTED_ORIGINS names {origin}: whoever gets hold of one such host, a forgotten one too, can "
                "use the refresh cookie.",
                "Name each origin by itself.",
                stops=False,
            )
    if CORS not in settings.MIDDLEWARE or not getattr(settings, "CORS_ALLOW_CREDENTIALS", False):
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


def state_findings() -> Iterator[Finding]:
    """A Redis that drops keys, or that others empty, forgets revocations and limits: asked once, where serving begins.

    One that is away stops no start: requests are answered with 503 until it is there.
    """
    from django.conf import settings

    url = conf.load(GateSettings).state
    if url.partition("://")[0] not in redis.SCHEMES:
        return
    for what, same in neighbours(redis.parse(url), settings):
        yield Finding(
            "stockade.E039",
            f"{what} uses the Redis of the state{', in the same database' if same else ''}: it takes its memory, may "
            "have keys evicted, and emptying it empties the state.",
            "Give the state a server of its own.",
        )
    report, eviction = None, ""
    try:
        report = get_gate().describe()
        eviction = f"maxmemory-policy is {report.eviction}" if report.eviction != "noeviction" else ""
    except Unavailable as error:
        eviction = (error.reason or "") if "maxmemory-policy" in (error.reason or "") else ""
    if eviction:
        yield Finding(
            "stockade.E038",
            f"The Redis of the state may drop any of its keys: {eviction.removeprefix('state: ')}.",
            "Write `maxmemory-policy noeviction` in redis.conf, and put a cache into a server of its own.",
        )
    if report is None:
        return
    if report.foreign is not None:
        yield Finding(
            "stockade.E039",
            f"The database of the state holds keys of something else, such as {report.foreign!r}.",
            "Give the state a server, or at least a database number, of its own.",
        )


def findings() -> list[Finding]:
    """Everything, in the order in which it is best mended: settings, the middleware, then views."""
    if not conf.configured():
        return []
    try:
        found = [*settings_findings(), *address_findings(), *key_findings()]
        if not found:
            registries.current()
            found.extend(tenant_findings())
            found.extend(cookie_findings())
            found.extend(edge_findings())
            found.extend(before_findings())
    except ConfigurationError as error:
        found = [_of(error)]
    found.extend(middleware_findings())
    found.extend(backend_findings())
    return found if any(finding.stops for finding in found) else [*found, *name_findings(), *view_findings()]


def refuse_to_start() -> None:
    """Raise what stops the start; once for one set of settings.

    Raises:
        ImproperlyConfigured: with every id, message and hint.
    """
    registry = registries.peek()
    if registry is not None and registry.started:
        return
    found = findings()
    if registries.peek() is not None and not any(finding.stops for finding in found):
        found.extend(state_findings())
    stops = [str(finding) for finding in found if finding.stops]
    if stops:
        raise ImproperlyConfigured("Stockade does not start:\n" + "\n".join(stops))
    registry = registries.peek()
    if registry is not None:
        registry.started = True


def views() -> Iterator[tuple[str, Callable[..., Any], bool]]:
    """Every URL pattern of the project as (route, view, whether EXEMPT leaves it alone)."""
    registry = registries.current()
    for route, match in matches():
        yield route, match.func, registry is not None and registry.exempt(match)


def name_findings() -> Iterator[Finding]:
    """Names in the settings that are of no view: what was written for it is without effect."""
    registry = registries.current()
    for one in unmatched(registry) if registry is not None else ():
        yield Finding("stockade.W013", one.meaning, one.remedy, stops=False)


def view_findings() -> list[Finding]:
    """Undeclared views (refused to all), nonsense in a declaration, and object rules that nothing enforces."""
    registry = registries.current()
    if registry is None:
        return []
    found: list[Finding] = []
    seen: set[Any] = set()
    known = {scheme.name for scheme in registry.engine.schemes}
    known |= {scheme.name for scheme in registry.engine.others.schemes}
    for route, view, exempt in views():
        if exempt or view in seen:
            continue
        seen.add(view)
        try:
            declared = registry.declared(view)
            found.extend(_judge(route, declared))
            found.extend(scheme_findings(route, declared, known))
        except ConfigurationError as error:
            found.append(_of(error))
    return found


def scheme_findings(route: str, declared: Declared, known: Collection[str]) -> Iterator[Finding]:
    """A `Scheme` that nobody can come by: it holds for nobody, and its negation for everybody."""
    rules = {leaf.rule for leaf in declared.leaves.values()} | {
        leaf.visible for leaf in declared.leaves.values()
    }
    asked = {
        name for rule in rules if rule is not None for one in rule.leaves() for name in scheme_names(one)
    }
    for name in sorted(asked.difference(known)):
        yield Finding(
            "stockade.E218",
            f"{declared.name} ({route}) asks for Scheme({name!r}), and no scheme is called so.",
            f"Name it in SCHEMES, or write one of {', '.join(sorted(known))}.",
        )


def _judge(route: str, declared: Declared) -> Iterator[Finding]:
    bare = [
        m
        for m, leaf in declared.leaves.items()
        if leaf.rule is None and not leaf.open and m not in ("HEAD", "OPTIONS", "TRACE")
    ]
    if bare:
        yield Finding(
            "stockade.W010",
            f"{declared.name} ({route}) declares no policy for {', '.join(bare)}: refused to everybody.",
            "Give it a `policy`, wrap it with stockade.web.protect, or name it in EXEMPT.",
            stops=False,
        )
    if declared.unguarded:
        yield Finding(
            "stockade.E012",
            f"{declared.name} ({route}) has a policy about objects but cannot ask about any.",
            "Derive it from stockade.drf.mixins.PolicyMixin, named before the view class; its own filter_backends "
            "would bypass the policy.",
        )
