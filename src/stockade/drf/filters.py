"""Order and filters by what is listed, and by nothing that the caller may not see."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from stockade.drf import visible

_NOT_LISTED = "Order by one of: {}."


class ListedOrderingFilter(OrderingFilter):
    """DRF's OrderingFilter, but 400 for what is not in the view's `ordering_fields`; ``"__all__"`` lists nothing."""

    def remove_invalid_fields(
        self, queryset: QuerySet[Any], fields: Iterable[str], view: Any, request: Request
    ) -> list[str]:
        """The terms that were asked for.

        Raises:
            ValidationError: one is not listed.
        """
        asked = list(fields)
        taken = super().remove_invalid_fields(queryset, asked, view, request)
        if len(taken) < len(asked):
            listed = ", ".join(
                str(name) for name, _ in self.get_valid_fields(queryset, view, {"request": request})
            )
            raise ValidationError({str(self.ordering_param): [_NOT_LISTED.format(listed)]})
        return taken

    def get_valid_fields(self, queryset: QuerySet[Any], view: Any, context: Any = None) -> Any:
        """What is listed, as far as the caller may see it."""
        if getattr(view, "ordering_fields", self.ordering_fields) == "__all__":
            return []
        found = super().get_valid_fields(queryset, view, context or {})
        hidden = hidden_of(view)
        return [pair for pair in found if not _is_hidden(str(pair[0]), hidden)] if hidden else found

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """For the OpenAPI document: which terms are listed."""
        found: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        listed = getattr(view, "ordering_fields", self.ordering_fields)
        if isinstance(listed, list | tuple):
            term = f"-?({'|'.join(re.escape(term_of(one)) for one in listed)})"
            for parameter in found:
                parameter["schema"]["pattern"] = f"^({term}(,{term})*)?$"
        return found


def hidden_of(view: Any) -> frozenset[str]:
    """The sources of fields that the view's caller may not see."""
    cls = view.get_serializer_class() if _has_serializer(view) else None
    return visible.hidden_sources(cls, visible.caller_of({"request": view.request})) if cls else frozenset()


def _has_serializer(view: Any) -> bool:
    """Whether the view has one to ask for: one that only fetches its object needs none, and DRF asserts that it has."""
    method = getattr(type(view), "get_serializer_class", None)
    if method is None or method is GenericAPIView.get_serializer_class:
        return method is not None and view.serializer_class is not None
    return True


def _is_hidden(term: str, hidden: frozenset[str]) -> bool:
    bare = term.lstrip("-^=@$")
    return any(bare in (name, f"{name}_id") or bare.startswith(f"{name}__") for name in hidden)


def close_hidden(view: Any, queryset: QuerySet[Any]) -> None:
    """Have a list neither ordered nor searched nor filtered by what its caller may not see: the answer would tell it.

    Args:
        view: an instance, which lives for one request.
        queryset: of the view.

    Raises:
        ValidationError: a parameter filters by such a field; as if there were none of that name.
    """
    hidden = hidden_of(view)
    if not hidden:
        return
    if isinstance(listed := getattr(view, "search_fields", None), Iterable) and not isinstance(listed, str):
        view.search_fields = _seen(listed, hidden)
    _close_order(view, queryset, hidden)
    for name, lookup in asked_by(view, queryset):
        if _is_hidden(lookup, hidden):
            raise ValidationError({name: ["This parameter is not known here."]})


def asked_by(view: Any, queryset: QuerySet[Any]) -> Iterator[tuple[str, str]]:
    """What a request asks by filters of: each parameter, and a lookup that its filter goes by, or its own name."""
    query = view.request.query_params
    filters = _filters(view, queryset) if query else {}
    for name in map(str, query):
        known = _filter_of(name, filters)
        # django-filter's OrderingFilter: fields by what they are called.
        ordered = getattr(known, "param_map", None)
        if isinstance(ordered, Mapping):
            terms = {term.strip().lstrip("-") for term in query[name].split(",")}
            yield from ((name, str(field)) for called, field in ordered.items() if called in terms)
        else:
            yield name, str(getattr(known, "field_name", None) or name).replace(".", "__")


def _close_order(view: Any, queryset: QuerySet[Any], hidden: frozenset[str]) -> None:
    listed = listed_order(view, queryset)
    if listed is not None:
        view.ordering_fields = _seen(listed, hidden)
    # A cursor holds the value that the next page begins with, and filters by the one that a client writes into it.
    paginator = getattr(view, "paginator", None)
    if isinstance(paginator, CursorPagination):
        paginator.get_ordering = _seen_order(paginator.get_ordering, hidden)  # type: ignore[method-assign]


def listed_order(view: Any, queryset: QuerySet[Any]) -> list[Any] | None:
    """What DRF orders this request by; None where it does not, and DRF's own every field for ``"__all__"``.

    What the view lists goes before what its filter lists, and before what DRF finds in the serializer.
    """
    backends = getattr(view, "filter_backends", None) or ()
    orders = next(
        (one for one in backends if isinstance(one, type) and issubclass(one, OrderingFilter)), None
    )
    listed = getattr(view, "ordering_fields", getattr(orders, "ordering_fields", None))
    if listed == "__all__":
        if orders is None or issubclass(orders, ListedOrderingFilter):
            return []
        return [field.name for field in queryset.model._meta.fields]
    if listed is None and orders is not None and orders.ordering_param in view.request.query_params:
        # Dear, as it looks through the model: DRF asks only then, too.
        listed = orders().get_default_valid_fields(queryset, view, {"request": view.request})
    return None if listed is None else list(listed)


def _seen_order(stock: Callable[..., Any], hidden: frozenset[str]) -> Callable[..., tuple[str, ...]]:
    def get_ordering(request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        return tuple(_seen(stock(request, queryset, view), hidden)) or ("pk",)

    return get_ordering


def _seen(listed: Iterable[Any], hidden: frozenset[str]) -> list[Any]:
    return [term for term in listed if not _is_hidden(term_of(term), hidden)]


def term_of(listed: Any) -> str:
    """The term of what is listed, which may be a pair of it and what it is called."""
    return str(listed[0] if isinstance(listed, list | tuple) else listed)


def _filters(view: Any, queryset: QuerySet[Any]) -> Mapping[str, Any]:
    """The filters of the FilterSets of django-filter's, by parameter."""
    found: dict[str, Any] = {}
    for backend in getattr(view, "filter_backends", None) or ():
        ask = getattr(backend, "get_filterset_class", None)
        if ask is not None:
            found.update(getattr(backend().get_filterset_class(view, queryset), "base_filters", {}))
    return found


def _filter_of(name: str, filters: Mapping[str, Any]) -> Any:
    """Which filter reads a parameter: a range has two, ``wage_min`` and ``wage_max``."""
    stems = [name[:at] for at, sign in enumerate(name) if sign == "_"]
    return next((filters[one] for one in (name, *reversed(stems)) if one in filters), None)
