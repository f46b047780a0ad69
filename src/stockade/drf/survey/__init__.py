"""The survey: what is true of a project's views and settings before, and while, it adopts Stockade."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from stockade.core.errors import ConfigurationError, Unavailable
from stockade.drf.survey import (
    access,
    credentials,
    data,
    deployment,
    lists,
    objects,
    passwords,
    sinks,
    throttles,
)
from stockade.drf.survey.adoption import next_step
from stockade.drf.survey.facts import KINDS, SETTINGS, Fact, in_order
from stockade.drf.survey.routes import routes
from stockade.drf.survey.stood import refused_anyway
from stockade.drf.survey.suggest import suggest
from stockade.drf.survey.views import View, collect

# What is refused anyway is not open: these are about views that declare no policy.
OF_AN_OPEN_VIEW: tuple[Callable[[View], Iterator[Fact]], ...] = (
    access.anyone,
)  # fmt: skip
OF_A_VIEW: tuple[Callable[[View], Iterator[Fact]], ...] = (
    access.undeclared, access.csrf_exempt, data.writable_privilege, data.password_out, lists.unbounded,
    lists.by_anything, credentials.login_unlimited, credentials.basic_auth, credentials.in_query,
    objects.unchecked, objects.by_hand, objects.list_leaks, objects.detached,
    sinks.raw_sql, sinks.raw_html, sinks.raw_output, sinks.all_fields,
    passwords.altered,
)  # fmt: skip
# What these tell, the policy that a view's classes amount to does not answer.
OF_OBJECTS = frozenset({"object-unchecked", "object-by-hand", "list-leaks"})
OF_A_PROJECT: tuple[Callable[[list[View]], Iterator[Fact]], ...] = (
    credentials.token_forever, credentials.in_schemes, throttles.per_process, deployment.simplejwt, deployment.cors,
    deployment.tenants, deployment.names_nothing,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found.

    Args:
        views: how many views were judged.
        others: how many routes lead to views of other packages, by package; those were not judged.
        facts: in the order of `KINDS`.
        next: what to write into the settings next.
        untold: views that could not be looked at whole, with what went wrong.
    """

    views: int
    others: dict[str, int]
    facts: list[Fact]
    next: str
    untold: list[str]


def survey(meant: Callable[[Fact], bool] = lambda fact: False) -> Survey:
    """Look at the whole project: its URL conf, its views and its settings. Asks no database and changes nothing.

    Args:
        meant: whether the project has accepted a fact: then its view's policy need not answer it.
    """
    views, others = collect(routes())
    exempt = _exempt()
    judged = [view for view in views if not all(exempt(route) for route in view.routes)]
    looks = OF_A_VIEW if refused_anyway() else (*OF_A_VIEW, *OF_AN_OPEN_VIEW)
    found: list[Fact] = []
    untold: list[str] = []
    for view in judged:
        told: list[Fact] = []
        for look in looks:
            # A view that no look was made for keeps neither its other facts nor those of other views back.
            try:
                told.extend(look(view))
            except Exception as error:  # noqa: BLE001 - it is the project's code that is asked
                untold.append(f"{view.name}: {look.__name__}: {type(error).__name__}")
        found.extend(_with_one_policy(view, told, meant))
    found.extend(fact for each in OF_A_PROJECT for fact in each(views))
    counted = Counter(package for package, _ in others)
    return Survey(
        len(judged), dict(sorted(counted.items())), in_order(found), next_step(views, others), untold
    )


def facts_of(look: Callable[[View], Iterable[Fact]]) -> list[Fact]:
    """What one look tells of the project's views, but for those that EXEMPT leaves alone."""
    views, _ = collect(routes())
    exempt = _exempt()
    found: list[Fact] = []
    for view in views:
        if not all(exempt(route) for route in view.routes):
            with suppress(Exception):  # of the project's code; the report names what it cannot tell
                found.extend(look(view))
    return found


def _with_one_policy(view: View, told: list[Fact], meant: Callable[[Fact], bool]) -> list[Fact]:
    """The facts of one view, with one policy: where nobody asks whose the objects are, the line to write does."""
    if not any(fact.kind in OF_OBJECTS and not meant(fact) for fact in told):
        return told
    text = suggest(view, owned=True).text
    return [replace(fact, write=text) if fact.kind == "undeclared" else fact for fact in told]


def _exempt() -> Callable[[object], bool]:
    """Whether EXEMPT leaves a route alone; nothing is exempt without a STOCKADE setting."""
    from django.urls import ResolverMatch

    from stockade.drf.survey.routes import Route
    from stockade.pipeline import registry as registries

    try:
        registry = registries.current()
    except (ConfigurationError, Unavailable):
        registry = None  # `stockade check` says what is wrong

    def exempt(route: object) -> bool:
        if registry is None or not isinstance(route, Route):
            return False
        spaces, _, name = route.name.rpartition(":")
        namespaces: list[str | None] = [*spaces.split(":")] if spaces else []
        match = ResolverMatch(
            route.callback, (), {}, name or None, list(route.apps), namespaces, route.path.removeprefix("/")
        )
        return registry.exempt(match)

    return exempt


__all__ = ["KINDS", "SETTINGS", "Fact", "Survey", "survey"]
