"""The engine and the compiled views of this process, built from settings and dropped when they change."""

from __future__ import annotations

import os
from collections.abc import Hashable
from threading import Lock

from django.conf import settings as django_settings
from django.urls import ResolverMatch

from stockade import conf
from stockade.core.errors import ConfigurationError
from stockade.edge.headers import HeaderSettings, hsts_value, prepare
from stockade.events.bus import under_test
from stockade.gate.registry import claim_serving, get_gate
from stockade.pipeline.conf import PipelineSettings
from stockade.pipeline.declared import Declared, read
from stockade.pipeline.engine import Engine
from stockade.schemes.registry import enabled_schemes, foreign_schemes

_MAX_VIEWS = 10_000


class Registry:
    """What one process has built from settings.

    engine: the steps.
    settings: the pipeline's settings.
    challenges: one WWW-Authenticate challenge per enabled scheme, see `Engine.challenges`.
    stores: security headers by (secure, page).
    scheme_by_header: whether a proxy's header says if a request came over HTTPS.
    exempts: whether EXEMPT names anything.
    started: whether the start's checks have passed for these settings.
    """

    def __init__(self) -> None:
        self.settings = conf.load(PipelineSettings)
        self.engine = Engine(self.settings, enabled_schemes(), get_gate(), foreign_schemes())
        self.challenges = self.engine.challenges(self.settings.realm)
        header_settings = conf.load(HeaderSettings)
        self.stores = prepare(header_settings, hsts_value(django_hsts()))
        self.scheme_by_header = bool(django_settings.SECURE_PROXY_SSL_HEADER)
        self.exempts = bool(self.settings.exempt)
        self.started = False
        self._declared: dict[Hashable, Declared | ConfigurationError] = {}
        self._exempt: dict[str, bool] = {}

    def declared(self, view: Hashable) -> Declared:
        """What `view` declares, compiled once.

        Raises:
            ConfigurationError: it declares nonsense; a check says so before the first request.
        """
        found = self._declared.get(view)
        if found is None:
            if len(self._declared) >= _MAX_VIEWS:  # views made anew for each request, by some generator
                self._declared.clear()
            try:
                found = read(view, self.engine.plans.named)
            except ConfigurationError as error:
                found = error
            self._declared[view] = found
        if isinstance(found, ConfigurationError):
            raise found
        return found

    def exempt(self, match: ResolverMatch) -> bool:
        """Whether EXEMPT leaves this view to guard itself."""
        if not self.settings.exempt:
            return False
        found = self._exempt.get(match.view_name)
        if found is None:
            names = {match.view_name, *match.namespaces, *match.app_names}
            if len(self._exempt) >= _MAX_VIEWS:
                self._exempt.clear()
            found = self._exempt[match.view_name] = not names.isdisjoint(self.settings.exempt)
        return found


def django_hsts() -> dict[str, object]:
    """Django's own HSTS settings."""
    names = ("SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_HSTS_PRELOAD")
    return {name: getattr(django_settings, name, None) for name in names}


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
            _registry = Registry()
    return _registry


@conf.on_change
def forget() -> None:
    """Drop engine, memory and compiled views; the next request builds them from the settings as they are then."""
    global _registry, _absent
    _registry, _absent = None, False
