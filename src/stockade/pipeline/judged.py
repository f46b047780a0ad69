"""What the start says of a project's views: undeclared, nonsense, rules that nothing enforces, names of none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from django.conf import settings

from stockade.core.errors import ConfigurationError
from stockade.pipeline import registry as registries
from stockade.pipeline.declared import Declared
from stockade.pipeline.finding import Finding
from stockade.pipeline.registry import PRESETS
from stockade.pipeline.unmatched import matches, unmatched
from stockade.pipeline.wired import MIDDLEWARE
from stockade.policy.proof import level_named, levels_of
from stockade.policy.rules import scheme_names
from stockade.webhooks.policy import Signed, without_middleware


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
    packaged: dict[str, list[str]] = {}
    seen: set[Any] = set()
    known = {scheme.name for scheme in registry.engine.schemes}
    known |= {scheme.name for scheme in registry.engine.others.schemes}
    for route, match in matches():
        view = match.func
        if registry.exempt(match) or view in seen:
            continue
        seen.add(view)
        try:
            declared = registry.declared(view)
            preset = next(iter(sorted(registry.names_of(match) & PRESETS.keys())), None)
            if preset is not None and undeclared(declared):
                packaged.setdefault(preset, []).append(route)
            else:
                found.extend(_judge(route, declared))
            found.extend(scheme_findings(route, declared, known))
            found.extend(level_findings(route, declared))
            found.extend(source_findings(route, declared))
        except ConfigurationError as error:
            found.append(Finding.of(error))
    return [*found, *map(_of_a_package, packaged.items())]


def _of_a_package(named: tuple[str, list[str]]) -> Finding:
    """The views of a package that guards itself: told at once, for one word in the settings is the answer to all."""
    preset, routes = named
    return Finding(
        "stockade.W010",
        f"{len(routes)} views of {preset} ({routes[0]} and so on) declare no policy: refused to everybody.",
        f'They guard themselves: write {preset!r} into EXEMPT, "EXEMPT": ["{preset}"].',
        stops=False,
    )


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


def level_findings(route: str, declared: Declared) -> Iterator[Finding]:
    """An `Assurance` of a level that nobody has declared: whoever calls would be told that the server is broken."""
    rules = [
        rule for leaf in declared.leaves.values() for rule in (leaf.rule, leaf.visible) if rule is not None
    ]
    for name in sorted({name for rule in rules for name in levels_of(rule)}):
        try:
            level_named(name)
        except ConfigurationError as error:
            yield Finding(error.id, f"{declared.name} ({route}): {error.message}", error.hint)


def source_findings(route: str, declared: Declared) -> Iterator[Finding]:
    """A `Signed` of a source that nobody has declared, whose URL does not name one, or without the middleware."""
    for rule in {leaf.proven for leaf in declared.leaves.values()}:
        if isinstance(rule, Signed):
            if MIDDLEWARE not in settings.MIDDLEWARE:
                yield Finding.of(without_middleware(f"{declared.name} ({route}): {rule!r}"))
            try:
                rule.judge(route)
            except ConfigurationError as error:
                yield Finding(error.id, f"{declared.name} ({route}): {error.message}", error.hint)


def undeclared(declared: Declared) -> list[str]:
    """The methods that are refused to everybody, because nothing is said of them."""
    return [
        method
        for method, leaf in declared.leaves.items()
        if leaf.rule is None and not leaf.open and method not in ("HEAD", "OPTIONS", "TRACE")
    ]


def _judge(route: str, declared: Declared) -> Iterator[Finding]:
    bare = undeclared(declared)
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
