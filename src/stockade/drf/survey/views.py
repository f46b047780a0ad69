"""The views to judge: each with its routes, and for each method what answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from stockade.drf.survey import source
from stockade.drf.survey.routes import Route, behind, name_of, package_of
from stockade.pipeline.declared import MARK

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_API_VIEW = "api_view.<locals>.decorator.<locals>.handler"


@dataclass
class Handler:
    """One method of one route of a view.

    Args:
        actions: of a viewset, its route's methods (in lower case) and actions.
        initkwargs: what the route or `@action` sets on the view.
        function: what answers.
    """

    view: View
    route: Route
    method: str
    action: str
    actions: Mapping[str, str]
    initkwargs: Mapping[str, Any]
    function: Any

    @property
    def label(self) -> str:
        """By what people know it: the action of a viewset, else the method."""
        return self.action or self.method

    @property
    def safe(self) -> bool:
        """Whether the method only reads."""
        return self.method in SAFE

    def attribute(self, name: str) -> Any:
        """An attribute of the view as this route sets it."""
        if name in self.initkwargs:
            return self.initkwargs[name]
        return getattr(self.view.cls, name, None)

    @cached_property
    def detail(self) -> bool:
        """Whether it is about one object that the URL names."""
        detail = self.initkwargs.get("detail")
        if detail is not None:
            return bool(detail)
        key = self.attribute("lookup_url_kwarg") or self.attribute("lookup_field") or "pk"
        return key in self.route.arguments

    @cached_property
    def code(self) -> list[tuple[Any, Any]]:
        """The functions that run for it, with their trees."""
        if self.view.cls is not None:
            return list(source.reached(self.view.cls, self.function))
        found, node = source.plain(self.function), source.tree(self.function)
        return [] if found is None or node is None else [(found, node)]

    @cached_property
    def calls(self) -> set[str]:
        """The names of everything that it calls."""
        import ast

        return {
            call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            for _, node in self.code
            for call in ast.walk(node)
            if isinstance(call, ast.Call)
        }


@dataclass
class View:
    """One view: a class of DRF's or Django's, or a function.

    Args:
        name: dotted.
        target: the class or the function.
        own: whether the project wrote it.
    """

    name: str
    target: Any
    own: bool
    routes: list[Route] = field(default_factory=list)

    @cached_property
    def cls(self) -> Any:
        """The class of a class-based view; None of a function, or of an object that is called."""
        from django.views import View as DjangoView

        is_view = isinstance(self.target, type) and issubclass(self.target, DjangoView)
        return self.target if is_view else None

    @cached_property
    def rest(self) -> bool:
        """Whether DRF runs it."""
        from rest_framework.views import APIView

        return self.cls is not None and issubclass(self.cls, APIView)

    @cached_property
    def generic(self) -> bool:
        """Whether it has DRF's `get_object` and `get_queryset`."""
        from rest_framework.generics import GenericAPIView

        return self.cls is not None and issubclass(self.cls, GenericAPIView)

    @property
    def function(self) -> Any:
        """The function of a plain view, or the one that `@api_view` wraps; None of a class."""
        if self.cls is None:
            return None if isinstance(self.target, type) else self.target
        for method in METHODS:
            inner = _wrapped_by_api_view(getattr(self.cls, method.lower(), None))
            if inner is not None:
                return inner
        return None

    @property
    def where(self) -> str:
        """Its first route."""
        return self.routes[0].path

    @cached_property
    def handlers(self) -> list[Handler]:
        """Every method of every route; once for routes that differ by a format suffix alone."""
        found: list[Handler] = []
        seen: set[tuple[str, str, bool]] = set()
        for route in self.routes:
            for handler in self._of(route):
                key = (handler.method, handler.action, handler.detail)
                if key not in seen:
                    seen.add(key)
                    found.append(handler)
        return found

    def _of(self, route: Route) -> Iterator[Handler]:
        callback: Any = route.callback
        initkwargs = getattr(callback, "initkwargs", None) or getattr(callback, "view_initkwargs", None) or {}
        actions: Mapping[str, str] = getattr(callback, "actions", None) or {}
        if self.cls is None:
            called = self.target.__call__ if isinstance(self.target, type) else callback
            for method in METHODS:
                yield Handler(self, route, method, "", {}, {}, called)
            return
        allowed = [name.lower() for name in getattr(self.cls, "http_method_names", [])]
        for method in METHODS:
            name = actions.get(method.lower()) if actions else method.lower()
            function = getattr(self.cls, name, None) if name else None
            if function is None or method.lower() not in allowed:
                continue
            inner = _wrapped_by_api_view(function)
            action = str(name) if actions else ""
            yield Handler(self, route, method, action, actions, initkwargs, inner or function)

    def declared(self, handler: Handler) -> bool:
        """Whether a policy is declared for one of its handlers."""
        return self.policy(handler) is not None

    def policy(self, handler: Handler) -> Any:
        """The policy that is declared for one of its handlers, as it is written; None if there is none."""
        marked: Mapping[str, Any] = getattr(handler.route.callback, MARK, {})
        for origin in (marked, handler.initkwargs):
            if origin.get("policy") is not None:
                return _entry(origin["policy"], handler)
        return _entry(getattr(self.cls, "policy", None), handler)


def _entry(policy: Any, handler: Handler) -> Any:
    if not isinstance(policy, Mapping):
        return policy
    entries = {key.strip(): rule for keys, rule in policy.items() for key in str(keys).split(",")}
    return next((entries[key] for key in (handler.action, handler.method, "*") if key in entries), None)


def _wrapped_by_api_view(function: Any) -> Callable[..., Any] | None:
    if getattr(function, "__qualname__", "") != _API_VIEW:
        return None
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
    found: Callable[..., Any] = cells["func"].cell_contents
    return found


def _owner(package: str, route: Route) -> str:
    """The package that brings a route: the admin has pages of others, too."""
    return "django.contrib.admin" if "admin" in route.apps else package


def collect(found: Iterator[Route]) -> tuple[list[View], list[tuple[str, Route]]]:
    """The views to judge, by name, and the routes of other packages with the package of each."""
    listed = [(route, behind(route.callback)) for route in found]
    others = [(_owner(package, route), route) for route, target in listed if (package := package_of(target))]
    theirs = {route.apps: package for package, route in others if route.apps}
    views: dict[str, View] = {}
    for route, target in listed:
        if package_of(target):
            continue
        own = source.is_own(str(target.__module__))
        name = name_of(target)
        if not own and name.startswith("django.") and route.apps in theirs:
            others.append((theirs[route.apps], route))  # a generic view among another package's
            continue
        if name not in views:
            views[name] = View(name, target, own)
        views[name].routes.append(route)
    return [views[name] for name in sorted(views)], others
