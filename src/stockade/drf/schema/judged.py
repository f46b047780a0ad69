"""Finds what judges an operation of the document: the leaf of its view, by the URL conf's own callback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.conf import settings
from django.urls import ResolverMatch, get_resolver

from stockade.drf.authentication import StockadeAuthentication
from stockade.pipeline import registry as registries
from stockade.pipeline.declared import Declared
from stockade.pipeline.leaf import Leaf
from stockade.pipeline.registry import Registry
from stockade.pipeline.wired import MIDDLEWARE

_CALLBACK = "stockade_callback"
_MATCHES = "stockade_matches"

Matches = dict[tuple[str, Any], ResolverMatch]


class Judged(NamedTuple):
    """An operation that a declared policy judges.

    Args:
        registry: with the schemes and limits.
        declared: everything that the view declares.
        leaf: of the operation's method.
    """

    registry: Registry
    declared: Declared
    leaf: Leaf

    @property
    def shut(self) -> bool:
        """Whether nobody gets in: nothing is declared, or a rule about objects that nothing would ask."""
        return self.leaf.rule is None or self.declared.unguarded


def remember(generator: Any, callback: Callable[..., Any], view: Any) -> None:
    """Keep with a view that a generator has made which callback it was made of: what `protect` and `as_view` say of it.

    And under which names the URL conf has it, which MODE and EXEMPT go by.
    """
    state = vars(generator)
    if _MATCHES not in state:
        state[_MATCHES] = dict(_walk(get_resolver(), "", [], []))
    state, matches = vars(view), state[_MATCHES]
    state[_CALLBACK], state[_MATCHES] = callback, matches


def judged(view: Any, method: str, path_regex: str | None = None) -> Judged | None:
    """What judges `method` of `view`; None where its own classes do, and for a view that no generator has made.

    Args:
        view: an instance.
        method: the HTTP method.
        path_regex: as drf-spectacular has it, where one callback stands under several names.

    Raises:
        ConfigurationError: the view declares nonsense.
    """
    registry = registries.current()
    callback = vars(view).get(_CALLBACK)
    if registry is None or callback is None or not _reached(view):
        return None
    match = _match(vars(view)[_MATCHES], callback, path_regex)
    if match is not None and registry.exempt(match):
        return None
    declared = registry.declared(callback, match)
    leaf = declared.leaves.get(method)
    return None if leaf is None or leaf.open else Judged(registry, declared, leaf)


def _reached(view: Any) -> bool:
    """Whether anything asks the policy: the middleware, or without it our authenticator."""
    if MIDDLEWARE in settings.MIDDLEWARE:
        return True
    return any(isinstance(one, StockadeAuthentication) for one in view.get_authenticators())


def _match(matches: Matches, callback: Any, path_regex: str | None) -> ResolverMatch | None:
    found = matches.get((path_regex, callback)) if path_regex is not None else None
    return found or next((match for (_, view), match in matches.items() if view == callback), None)


def _walk(
    resolver: Any, before: str, apps: list[str | None], spaces: list[str | None]
) -> Iterator[tuple[tuple[str, Any], ResolverMatch]]:
    """Every pattern as requests would resolve to it; paths are put together as drf-spectacular does."""
    for pattern in resolver.url_patterns:
        path = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            inner_apps = [*apps, pattern.app_name] if pattern.app_name else apps
            inner_spaces = [*spaces, pattern.namespace] if pattern.namespace else spaces
            yield from _walk(pattern, path, inner_apps, inner_spaces)
        else:
            match = ResolverMatch(pattern.callback, (), {}, pattern.name, apps, spaces, path)
            yield (path, pattern.callback), match
