"""Facts about objects: `object-unchecked`, `object-by-hand`, `list-leaks`, `detached-permission`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import FunctionType

from stockade.core.principal import ANONYMOUS, Kind, Principal
from stockade.drf.survey import flow, probe, source
from stockade.drf.survey.access import answered, labels
from stockade.drf.survey.asked import (
    any_signed_in,
    checks_objects,
    has_own_object_check,
    hooks_of_its_own,
    leaves,
    looks_at_the_url,
)
from stockade.drf.survey.byhand import decorated, judges_the_url, passes_over
from stockade.drf.survey.facts import Fact
from stockade.drf.survey.few import few_pass
from stockade.drf.survey.narrowing import filters_narrow, queryset_overridden
from stockade.drf.survey.stood import ours_decide, refused_anyway
from stockade.drf.survey.suggest import suggest
from stockade.drf.survey.views import Handler, View
from stockade.policy import as_policy

_ASKS = "check_object_permissions"


def unchecked(view: View) -> Iterator[Fact]:
    """Detail routes on which every signed-in caller reaches every object."""
    if not view.generic or queryset_overridden_in(view):
        return
    found = [handler for handler in view.handlers if not _spoken_for(handler) and _is_unchecked(handler)]
    if found:
        yield Fact(
            "object-unchecked",
            view.name,
            view.where,
            f"{', '.join(labels(found))} reaches every object for every signed-in caller: no permission looks at the "
            "object, and nothing narrows the queryset.",
            suggest(view, owned=True).text,
            labels(found),
        )


def _is_unchecked(handler: Handler) -> bool:
    if not handler.detail or not _takes_by_drf(handler) or filters_narrow(handler):
        return False
    if hooks_of_its_own(handler) or decorated(handler) or not _lets_any_signed_in(handler):
        return False
    user = probe.ordinary()
    permissions = probe.permissions(handler, user)
    passed = source.overridden(handler.view.cls, _ASKS)
    if passed and not passes_over(handler.view.cls, _ASKS, _ASKS):
        return False  # it may look at the object itself
    return permissions is not probe.UNKNOWN and not any(
        (checks_objects(permission, handler, user) and not passed) or looks_at_the_url(permission)
        for permission in permissions
    )


def _lets_any_signed_in(handler: Handler) -> bool:
    """Whether being signed in is enough: by its classes, or by its policy where that is asked and they add nothing."""
    if any_signed_in(handler, to_object=True):
        return True
    if handler.view.policy(handler) is None or not ours_decide():
        return False
    user = probe.ordinary()
    permissions = probe.permissions(handler, user)
    return permissions is not probe.UNKNOWN and all(
        probe.one_admits(permission, handler, user) is True for permission in permissions
    )


def _takes_by_drf(handler: Handler) -> bool:
    return any(
        function.__name__ == "get_object" and function.__module__ == "rest_framework.generics"
        for function, _ in handler.code
    )


def queryset_overridden_in(view: View) -> bool:
    """Whether a view's rows are its own business."""
    return bool(view.handlers) and queryset_overridden(view.handlers[0])


def by_hand(view: View) -> Iterator[Fact]:
    """Handlers that fetch by a URL argument, and ask nobody whose it is."""
    found: list[Handler] = []
    at: tuple[FunctionType, ast.AST] | None = None
    for handler in view.handlers:
        if not answered(handler) or _spoken_for(handler) or not handler.route.arguments:
            continue
        seen = flow.follow(handler)
        if not seen.fetches or seen.asked or _judged_before(handler):
            continue
        found.append(handler)
        at = at or seen.fetches[0]
    if at is not None:
        function, node = at
        where = source.place(function, node) if source.own_function(function) else _place(view)
        yield Fact(
            "object-by-hand",
            view.name,
            where,
            f"{', '.join(labels(found))} fetches an object by a part of the URL, and nobody asks whose it is.",
            _ask_by_hand(view),
            labels(found),
        )


def _spoken_for(handler: Handler) -> bool:
    """Whether a policy answers whose the objects are: by themselves, to a few callers, or to everyone on purpose.

    That every signed-in caller is let in answers nothing of the kind: it is what one writes first.
    """
    policy = handler.view.policy(handler)
    if policy is None:
        return refused_anyway()
    ordinary = Principal(Kind.USER, "0", probe.ordinary())

    def admitted() -> bool:
        rule = as_policy(policy)
        return not rule.about_objects and bool(rule.admits(ordinary)) and not rule.admits(ANONYMOUS)

    return probe.ask(admitted) is not True


def _place(view: View) -> str:
    return source.place(view.function) if view.cls is None else source.place_of_class(view.cls)


def _judged_before(handler: Handler) -> bool:
    """Whether a decorator, mixin, hook or permission may have judged what the URL names, or lets in a few only."""
    if judges_the_url(handler) or few_pass(handler) or hooks_of_its_own(handler):
        return True
    if not handler.view.rest:
        return False
    permissions = probe.permissions(handler, probe.ordinary())
    if permissions is probe.UNKNOWN:
        return False
    return any(looks_at_the_url(permission) for permission in permissions)


def _ask_by_hand(view: View) -> str:
    if view.rest and view.function is None:
        return (
            "# after the fetch, in the view:\n"
            "#     self.check_object_permissions(request, obj)\n"
            "# or fetch among the caller's own: get_object_or_404(Model, pk=pk, owner=request.user)\n"
            + suggest(view, owned=True).text
        )
    return (
        "# fetch among the caller's own: get_object_or_404(Model, pk=pk, owner=request.user)\n"
        "# or declare a policy about objects, and ask it: request.stockade.authorize(obj)\n"
        + suggest(view, owned=True).text
    )


def list_leaks(view: View) -> Iterator[Fact]:
    """Viewsets whose detail route judges by the object, and whose list judges nothing."""
    if not view.generic or queryset_overridden_in(view):
        return
    lists = [handler for handler in view.handlers if handler.action == "list" and not _spoken_for(handler)]
    details = [handler for handler in view.handlers if handler.detail and _takes_by_drf(handler)]
    found = [handler for handler in lists if _leaks(handler, details)]
    if found:
        yield Fact(
            "list-leaks",
            view.name,
            found[0].route.path,
            "The detail route asks about the object; the list hands out the whole queryset to the same callers.",
            suggest(view, owned=True).text,
            labels(found),
        )


def _leaks(handler: Handler, details: list[Handler]) -> bool:
    if source.overridden(handler.view.cls, "list") or filters_narrow(handler) or not any_signed_in(handler):
        return False
    readers = [each for each in details if each.safe and each.action == "retrieve"]
    return any(judges_readers(each) for each in readers)


def judges_readers(handler: Handler) -> bool:
    """Whether reading one object depends on the object: what says yes to every reader leaks nothing by a list."""
    user = probe.ordinary()
    permissions = probe.permissions(handler, user)
    if permissions is probe.UNKNOWN:
        return False
    if not any(checks_objects(permission, handler, user) for permission in permissions):
        return False
    return probe.admitted(handler, user, to_object=True) is not True


def detached(view: View) -> Iterator[Fact]:
    """Permissions about objects on views that fetch by themselves and never ask them."""
    if not view.rest:
        return
    fetching: list[Handler] = []
    for handler in view.handlers:
        seen = flow.follow(handler)
        if seen.checks or "check_object_permissions" in handler.calls:
            return
        if seen.by_url:
            fetching.append(handler)
    names: dict[str, None] = {}
    found: list[Handler] = []
    for handler in fetching:
        permissions = probe.permissions(handler, probe.ordinary())
        if permissions is probe.UNKNOWN or _spoken_for(handler):
            continue
        own = [permission for permission in permissions if has_own_object_check(permission)]
        if own:
            found.append(handler)
            names.update(dict.fromkeys(_names(own)))
    if found:
        yield Fact(
            "detached-permission",
            view.name,
            _place(view),
            f"{', '.join(names)} would look at the object, and the view never calls check_object_permissions.",
            "# after the fetch, in the view:\n"
            "#     self.check_object_permissions(request, obj)\n"
            "# (a function view has none: fetch among what is the caller's, or make it a class)",
            labels(found),
        )


def _names(permissions: list[object]) -> list[str]:
    return [
        type(leaf).__name__
        for permission in permissions
        for leaf in leaves(permission)
        if has_own_object_check(leaf)
    ]
