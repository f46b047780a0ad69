"""The engine and the compiled views of this process, built from settings and dropped when they change."""

from __future__ import annotations

import os
from collections.abc import Hashable
from functools import cached_property
from threading import Lock
from typing import Any

from django.conf import settings as django_settings
from django.urls import ResolverMatch

from stockade import conf
from stockade.core import tenant
from stockade.core.address import TrustedProxies
from stockade.core.context import RequestContext
from stockade.core.errors import ConfigurationError
from stockade.core.mode import ENFORCE, Mode
from stockade.edge import cors, transport
from stockade.edge.conf import CorsSettings, HeaderSettings, TransportSettings
from stockade.edge.headers import django_settings as header_settings, prepare
from stockade.events.bus import under_test
from stockade.gate.registry import claim_serving, get_gate
from stockade.keyring import following
from stockade.pipeline.conf import PipelineSettings
from stockade.pipeline.declared import MARK, Declared, read
from stockade.pipeline.engine import Engine
from stockade.schemes.registry import enabled_schemes, foreign_schemes
from stockade.webhooks.conf import signature_headers

_MAX_VIEWS = 10_000
_MAX_WRAPPERS = 100


class Registry:
    """What one process has built from settings.

    engine: the steps.
    settings: the pipeline's settings.
    challenges: one WWW-Authenticate challenge per enabled scheme, see `Engine.challenges`.
    headers: the security headers.
    plain_http: how plain HTTP is taken; None where it is served.
    cors: whose pages may read answers; None where CORS is not declared.
    guards_door: whether anything is done before the other middlewares, see `web.door`.
    proxies: those that are believed; None where there are none.
    scheme_by_header: whether a proxy's header says if a request came over HTTPS.
    exempts: whether EXEMPT names anything.
    modes: the modes of single views, by name.
    legacy: whether views without a policy are judged by their own classes.
    tenant: names the tenant of a request; None where there are none.
    started: whether the start's checks have passed for these settings.
    """

    def __init__(self) -> None:
        self.settings = conf.load(PipelineSettings)
        self.engine = Engine(self.settings, enabled_schemes(), get_gate(), foreign_schemes())
        self.challenges = self.engine.challenges(self.settings.realm)
        django = header_settings()
        self.headers = prepare(conf.load(HeaderSettings), django)
        self.plain_http = transport.prepare(conf.load(TransportSettings), django)
        self.cors = cors.make(conf.load(CorsSettings))
        scheme_header = (django_settings.SECURE_PROXY_SSL_HEADER or ())[:1]
        self.scheme_by_header = bool(scheme_header)
        proxies = TrustedProxies(self.settings.trusted_proxies, self.settings.proxy_secret, scheme_header)
        self.proxies = proxies or None
        self.guards_door = (
            self.scheme_by_header
            or self.headers.nonces
            or self.plain_http is not None
            or self.cors is not None
        )
        self.exempts = bool(self.settings.exempt)
        self.modes = self.settings.modes.views
        self.legacy = self.settings.undeclared == "legacy"
        self.tenant = tenant.asking()
        self.started = False
        self._declared: dict[Hashable, Declared | ConfigurationError] = {}
        self._exempt: dict[tuple[str, object], bool] = {}

    def declared(self, view: Hashable, match: ResolverMatch | None = None) -> Declared:
        """What `view` declares, compiled once.

        Args:
            view: as the URL resolver found it.
            match: what MODE's names of views are looked up by.

        Raises:
            ConfigurationError: it declares nonsense; a check says so before the first request.
        """
        key = view if not self.modes or match is None else (view, self.mode(match))
        found = self._declared.get(key)
        if found is None:
            mode = self.settings.modes.general if key is view else self.mode(match)
            if len(self._declared) >= _MAX_VIEWS:  # views made anew for each request, by some generator
                self._declared.clear()
            try:
                found = read(view, self.engine.plans.named, mode, self.legacy)
            except ConfigurationError as error:
                found = error
            self._declared[key] = found
        if isinstance(found, Declared):
            return found
        raise found

    @cached_property
    def signatures(self) -> tuple[str, ...]:
        """The headers with signatures of messages, of all sources, as META names them."""
        return signature_headers()

    def silent(self, context: RequestContext | None) -> bool:
        """Whether nothing of a request is refused: nobody is told of limits then, and no error is reworded."""
        mode = context.mode if context is not None else None
        if mode is None:
            mode = self.settings.modes.general
        return mode is not ENFORCE and mode.silent

    def mode(self, match: ResolverMatch | None) -> Mode:
        """What MODE says of a view by its name; the url-name goes before its namespace."""
        if match is None:
            return self.settings.modes.general
        names = (match.view_name, *reversed(match.namespaces), *reversed(match.app_names))
        return next((self.modes[name] for name in names if name in self.modes), self.settings.modes.general)

    def exempt(self, match: ResolverMatch) -> bool:
        """Whether EXEMPT leaves this view to guard itself."""
        if not self.settings.exempt:
            return False
        key = (match.view_name, match.func)
        found = self._exempt.get(key)
        if found is None:
            if len(self._exempt) >= _MAX_VIEWS:
                self._exempt.clear()
            found = self._exempt[key] = not self.names_of(match).isdisjoint(self.settings.exempt)
        return found

    def names_of(self, match: ResolverMatch) -> set[str]:
        """What a view may be called in EXEMPT."""
        return {match.view_name, *match.namespaces, *match.app_names, *presets_of(match.func)}


# Packages whose views guard themselves, by the module that their views come from.
PRESETS = {
    "admin": ("django.contrib.admin.",),
    "allauth": ("allauth.",),
    "spectacular": ("drf_spectacular.",),
}


def presets_of(view: object) -> set[str]:
    """The presets of EXEMPT that `view` belongs to; none for one that declares a policy, which is to be asked."""
    inner: Any = getattr(view, "cls", None) or getattr(view, "view_class", None) or view
    if hasattr(view, MARK) or getattr(inner, "policy", None) is not None:
        return set()
    for _ in range(_MAX_WRAPPERS):  # the admin wraps its views
        if not hasattr(inner, "__wrapped__"):
            break
        inner = inner.__wrapped__
    module = str(getattr(inner, "__module__", ""))
    # One of its decorators may leave its own function in the place of a project's view.
    if module.endswith(".decorators"):
        return set()
    return {name for name, prefixes in PRESETS.items() if f"{module}.".startswith(prefixes)}


_lock = Lock()
_registry: Registry | None = None
_absent = False  # whether there is no STOCKADE setting: Django's settings take microseconds to say so
_serving = False


def serve() -> None:
    """Say that this process answers requests: with ``memory://`` it must be the only one that does."""
    global _serving
    _serving = not under_test()


def _after_fork() -> None:
    """A server that forks after loading: the child builds its own, and with ``memory://`` is told that it may not."""
    global _registry, _lock
    _lock = Lock()
    _registry = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def current() -> Registry | None:
    """The registry, or None where the project has no STOCKADE setting (then Stockade only observes)."""
    if _registry is not None or _absent:
        return _registry
    return _build()


def peek() -> Registry | None:
    """The registry if it has been built already."""
    return _registry


def _build() -> Registry | None:
    global _registry, _absent
    if not conf.configured():
        _absent = True
        return None
    with _lock:
        if _registry is None:
            if _serving:
                claim_serving()
                following.start(_secrets_changed)
            _registry = Registry()
    return _registry


def _secrets_changed() -> None:
    registry = _registry
    if registry is not None:
        registry.engine.forget()


@conf.on_change
def forget() -> None:
    """Drop engine, memory and compiled views; the next request builds them from the settings as they are then."""
    global _registry, _absent
    _registry, _absent = None, False
