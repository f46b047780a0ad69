"""Asks the survey about a few URL patterns, as if they were a whole project."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any

from django.urls import clear_url_caches, path
from rest_framework.routers import SimpleRouter

from stockade.drf.survey import Fact, Survey, survey


def project(settings: Any, patterns: Iterable[Any]) -> Survey:
    """What the survey says of a project with these URL patterns."""
    conf = ModuleType("tests.drf.survey.urls")
    conf.__dict__["urlpatterns"] = list(patterns)
    settings.ROOT_URLCONF = conf
    clear_url_caches()
    return survey()


def facts(settings: Any, patterns: Iterable[Any]) -> dict[str, Fact]:
    """Its facts by kind: of one view, as most of these projects have."""
    asked = project(settings, patterns)
    assert asked.untold == []
    found = asked.facts
    assert len({(fact.kind, fact.view) for fact in found}) == len(found), "a view stands once for a kind"
    return {fact.kind: fact for fact in found}


def at(view: Any, route: str = "things/<int:pk>/") -> list[Any]:
    """A class or function under one route."""
    return [path(route, view.as_view() if isinstance(view, type) else view)]


def listed(view: Any) -> list[Any]:
    """The same without an argument."""
    return at(view, "things/")


def routed(viewset: Any) -> list[Any]:
    """A viewset as DRF's routers route it."""
    router = SimpleRouter()
    router.register("things", viewset, basename="thing")
    return list(router.urls)
