"""Which paths the limit ``anon`` does not count, and which are probes: what a proxy must know of the URL conf."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import ResolverMatch, get_resolver
from django.urls.resolvers import LocalePrefixPattern

from stockade.pipeline.registry import Registry

_NAMED = re.compile(r"\(\?P<[^>]+>")
# What other engines of regular expressions read otherwise, or not at all: references, flags of Python's own.
_FOREIGN = re.compile(r"\(\?P[=>]|\(\?[aLu]|\\N\{|\\[1-9]")


@dataclass(frozen=True, slots=True)
class Paths:
    """Regular expressions of paths, without the slash that every path begins with, anchored at their end only.

    Args:
        unlimited: what ``anon`` does not count, for some method at least; None where that cannot be said in the
            regular expressions that other programs read.
        probes: what load balancers and watchers ask.
    """

    unlimited: tuple[str, ...] | None
    probes: tuple[str, ...]


def paths(registry: Registry) -> Paths:
    """Look through ROOT_URLCONF.

    Raises:
        ConfigurationError: a view declares nonsense.
    """
    unlimited: dict[str, None] = {}
    probes: dict[str, None] = {}
    told = True
    for regex, match in _walk(get_resolver(), "", [], []):
        exempt = registry.exempt(match)
        declared = None if exempt else registry.declared(match.func, match)
        if declared is not None and declared.probe:
            probes[regex] = None
        counted = (
            declared is not None
            and declared.mode.limits
            and all(leaf.limited for leaf in declared.leaves.values())
        )
        if not counted:
            unlimited[regex] = None
            told = told and _FOREIGN.search(regex) is None and regex.isascii() and '"' not in regex
    return Paths(tuple(unlimited) if told else None, tuple(probes))


def _walk(
    resolver: Any, before: str, apps: list[str | None], spaces: list[str | None]
) -> Iterator[tuple[str, ResolverMatch]]:
    for pattern in resolver.url_patterns:
        here = before + _text(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            inner_apps = [*apps, pattern.app_name] if pattern.app_name else apps
            inner_spaces = [*spaces, pattern.namespace] if pattern.namespace else spaces
            yield from _walk(pattern, here, inner_apps, inner_spaces)
        else:
            yield here, ResolverMatch(pattern.callback, (), {}, pattern.name, apps, spaces, here)


def _text(pattern: Any) -> str:
    """The regular expression of one step, with groups that catch nothing."""
    if isinstance(pattern, LocalePrefixPattern):
        return "(?:[A-Za-z0-9-]+/)?"  # whatever language
    text = _NAMED.sub("(?:", pattern.regex.pattern).removeprefix("^")
    for end in (r"\Z", r"\z"):
        if text.endswith(end):
            text = text.removesuffix(end) + "$"
    return text
