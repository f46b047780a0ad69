"""What a view's rows are narrowed by: its own get_queryset, and its filter backends."""

from __future__ import annotations

from typing import Any

from stockade.drf.survey import source
from stockade.drf.survey.asked import dotted, lineage
from stockade.drf.survey.blind import is_blind
from stockade.drf.survey.views import Handler

_FILTERSETS = "django_filters.rest_framework.backends.DjangoFilterBackend"
# They choose among rows by what the client asks for, whoever it is.
_BLIND = {_FILTERSETS, "rest_framework.filters.SearchFilter", "rest_framework.filters.OrderingFilter"}
_HOOKS = ("filter_queryset", "get_queryset", "get_filterset_kwargs", "get_filterset")


def backends(handler: Handler) -> list[type[Any]]:
    """The filter backends of a generic view."""
    return list(handler.attribute("filter_backends") or ())


def filters_narrow(handler: Handler) -> bool:
    """Whether a filter backend narrows by the caller, or may do so."""
    return any(not _is_blind(backend, handler) for backend in backends(handler))


def _is_blind(backend: Any, handler: Handler) -> bool:
    cls = backend if isinstance(backend, type) else type(backend)
    if not lineage(cls) & _BLIND:
        return False
    if dotted(cls) not in _BLIND and any(source.overridden(cls, name) for name in _HOOKS):
        return False
    return not (_FILTERSETS in lineage(cls) and filterset_looks_at_caller(handler))


def filterset_looks_at_caller(handler: Handler) -> bool:
    """Whether the view's own FilterSet reads the request, as one that narrows its `qs` does."""
    filterset = handler.attribute("filterset_class")
    if not isinstance(filterset, type):
        return False
    for base in filterset.__mro__:
        if not source.is_own(base.__module__):
            continue
        for value in vars(base).values():
            function = getattr(value, "fget", value)
            node = source.tree(function) if source.own_function(function) is not None else None
            if node is not None and "request" in source.words(node):
                return True
    return False


def queryset_overridden(handler: Handler) -> bool:
    """Whether the view finds its rows by itself, and may look at the caller: by methods of its own.

    A get_queryset that joins tables, or follows what the URL and the query say, narrows by nobody.
    """
    cls = handler.view.cls
    if cls is None or any(source.overridden(cls, name) for name in ("filter_queryset", "get_object")):
        return True
    return source.overridden(cls, "get_queryset") and not is_blind(cls)
