"""Names in EXEMPT and in MODE's views that are of no view of the project: a typo, or a view that was renamed."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, NamedTuple

from django.urls import ResolverMatch, get_resolver

from stockade.pipeline.registry import PRESETS, Registry
from stockade.pipeline.views import name_of

_HOW = 'Write "namespace" or "namespace:url-name" as `reverse` takes them, or take it out.'


class Unmatched(NamedTuple):
    """One such name.

    Args:
        setting: where it stands, as Python says it.
        name: as it was written.
        remedy: what to write instead.
    """

    setting: str
    name: str
    remedy: str

    @property
    def meaning(self) -> str:
        """What is wrong, in one sentence."""
        return f'{self.setting} names "{self.name}", and no view or namespace is called so: it has no effect.'


def matches(urlconf: str | None = None) -> Iterator[tuple[str, ResolverMatch]]:
    """Every URL pattern as (route, what the resolver would find there).

    Args:
        urlconf: the dotted path of another URL conf than ROOT_URLCONF.
    """

    def walk(
        resolver: Any, route: str, apps: list[str | None], spaces: list[str | None]
    ) -> Iterator[tuple[str, ResolverMatch]]:
        for pattern in resolver.url_patterns:
            here = route + str(pattern.pattern)
            if hasattr(pattern, "url_patterns"):
                inner_apps = [*apps, pattern.app_name] if pattern.app_name else apps
                inner_spaces = [*spaces, pattern.namespace] if pattern.namespace else spaces
                yield from walk(pattern, here, inner_apps, inner_spaces)
            else:
                yield here, ResolverMatch(pattern.callback, (), {}, pattern.name, apps, spaces, here)

    yield from walk(get_resolver(urlconf), "", [], [])


def unmatched(registry: Registry) -> list[Unmatched]:
    """Every name in EXEMPT and MODE that changes nothing; presets of EXEMPT may be of packages that are not there."""
    exempt = [name for name in registry.settings.exempt if name not in PRESETS]
    if not exempt and not registry.modes:
        return []
    known, routes = _known()
    found = [('STOCKADE["EXEMPT"]', name) for name in exempt if name not in known]
    found += [('STOCKADE["MODE"]["views"]', name) for name in registry.modes if name not in known]
    return [Unmatched(setting, name, _remedy(setting, name, known, routes)) for setting, name in found]


def _known() -> tuple[dict[str, None], dict[str, str]]:
    """The names that have an effect, and the name of a route by the dotted name of its view."""
    from django.conf import settings

    known: dict[str, None] = {}
    routes: dict[str, str] = {}
    # django-tenants has another URL conf for the public tenant.
    public = getattr(settings, "PUBLIC_SCHEMA_URLCONF", None)
    for urlconf in dict.fromkeys([None, public]):
        for _, match in matches(urlconf):
            known.update(dict.fromkeys([*match.namespaces, *match.app_names, match.view_name]))
            view: Any = match.func
            behind = getattr(view, "cls", None) or getattr(view, "view_class", None) or view
            routes.setdefault(name_of(behind), match.view_name)
    return known, routes


def _remedy(setting: str, name: str, known: dict[str, None], routes: dict[str, str]) -> str:
    if name in PRESETS:
        return f"It is a preset of EXEMPT. {_HOW}"
    near = routes.get(name) or next((one for one in known if one.endswith(f":{name}")), None)
    near = near or next(iter(get_close_matches(name, known, n=1)), None)
    return f'Did you mean "{near}"?' if near else _HOW
