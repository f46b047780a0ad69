"""Filters, orders and searches that lead on to other objects: they tell of none that the caller may not see."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Manager, Model, Q, QuerySet
from rest_framework.filters import SearchFilter

from stockade.core.principal import Principal
from stockade.drf.filters import asked_by, listed_order, term_of
from stockade.drf.related import sees_all, visible_rule
from stockade.pipeline.exchange import Exchange

_FILTERS = "django_filters.filters"
Way = tuple[str, type[Model]]


def close_crossing(view: Any, queryset: QuerySet[Any], principal: Principal) -> QuerySet[Any]:
    """What a list may be filtered from, where a client asks by what other objects say.

    Objects that refer to what the caller may not see are left out where a filter leads there, and are not searched by
    it; a list is not ordered by it. What is hidden would else be read from the answers, letter by letter.

    Args:
        view: an instance, which lives for one request.
        queryset: what the caller may see of the view's.
        principal: the caller.
    """
    narrow_choices()
    if not view.request.query_params:
        return queryset

    def beyond(lookup: str) -> list[Way]:
        return _hidden_ways(queryset.model, lookup, principal)

    listed = listed_order(view, queryset)
    if listed and any(beyond(term_of(term).lstrip("-")) for term in listed):
        view.ordering_fields = [term for term in listed if not beyond(term_of(term).lstrip("-"))]
    asked = [way for _, lookup in asked_by(view, queryset) for way in beyond(lookup)]
    return _searched(view, _apart(queryset, asked, principal), principal, beyond)


def _hidden_ways(model: type[Model], lookup: str, principal: Principal) -> list[Way]:
    """The objects that a lookup passes of which the caller may not see all: by which path, and of which model."""
    found: list[Way] = []
    path: list[str] = []
    for name in lookup.split("__"):
        try:
            field = model._meta.get_field(name)
        except FieldDoesNotExist:  # a lookup such as `contains`, or an annotation
            break
        if not isinstance(field.related_model, type):
            break
        model = field.related_model
        path.append(field.name)
        if not sees_all(model, principal):
            found.append(("__".join(path), model))
    return found


def _apart(queryset: QuerySet[Any], ways: Iterable[Way], principal: Principal) -> QuerySet[Any]:
    """Without the objects that refer to something hidden on one of these ways."""
    for path, model in dict.fromkeys(ways):
        every: QuerySet[Any] = QuerySet(model, using=queryset.db)  # whatever a manager leaves out
        rule = visible_rule(model)
        if rule is not None:
            seen = every.filter(rule.filter(principal)).values("pk")
            queryset = queryset.exclude(**{f"{path}__in": every.exclude(pk__in=seen)})
    return queryset


def _searched(
    view: Any, queryset: QuerySet[Any], principal: Principal, beyond: Callable[[str], list[Way]]
) -> QuerySet[Any]:
    """What DRF's search finds: by all that is listed where nothing is hidden, and elsewhere by the object's own."""
    for backend in getattr(view, "filter_backends", None) or ():
        if not (isinstance(backend, type) and issubclass(backend, SearchFilter)):
            continue
        listed = list(getattr(view, "search_fields", None) or ())
        ways = {term: beyond(term_of(term).lstrip("^=@$")) for term in listed}
        if not any(ways.values()) or not view.request.query_params.get(backend.search_param, "").strip():
            continue
        apart = _apart(queryset, [way for each in ways.values() for way in each], principal)
        found = Q(pk__in=backend().filter_queryset(view.request, apart, view).values("pk"))
        view.search_fields = [term for term in listed if not ways[term]]
        if view.search_fields:
            own = backend().filter_queryset(view.request, queryset, view)
            found |= Q(pk__in=own.values("pk"))
        view.search_fields = []  # it has been asked
        queryset = queryset.filter(found)
    return queryset


# -- django-filter -----------------------------------------------------------------------------------------------------


def narrow_choices() -> None:
    """Have the filters of django-filter's that offer objects, or values of them, offer what the caller may see.

    Its pages for people list them all, and its answer to a key tells whether there is such an object. Done where a view
    is PolicyMixin's; once more changes nothing.
    """
    filters: Any = sys.modules.get(_FILTERS)
    if filters is None or getattr(filters.QuerySetRequestMixin.get_queryset, "stockade", False):
        return
    stock = filters.QuerySetRequestMixin.get_queryset

    @wraps(stock)
    def get_queryset(self: Any, request: Any) -> Any:
        found = stock(self, request)
        principal = _caller(request)
        if isinstance(found, Manager):
            found = found.all()
        if principal is None or not isinstance(found, QuerySet):
            return found
        rule = visible_rule(found.model)
        return found if rule is None else found.filter(rule.filter(principal))

    get_queryset.stockade = True  # type: ignore[attr-defined]
    filters.QuerySetRequestMixin.get_queryset = get_queryset
    for cls in (filters.AllValuesFilter, filters.AllValuesMultipleFilter):
        cls.field = property(_with_seen_values(cls.field.fget))


def _with_seen_values(stock: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def field(self: Any) -> Any:
        found = stock(self)
        principal = _caller(getattr(getattr(self, "parent", None), "request", None))
        if principal is not None:
            model: type[Model] = self.model
            rows = model._default_manager.all()
            if (rule := visible_rule(model)) is not None:
                rows = rows.filter(rule.filter(principal))
            rows = _apart(rows, _hidden_ways(model, self.field_name, principal), principal)
            seen = {*rows.values_list(self.field_name, flat=True), ""}
            found.choices = [choice for choice in found.choices if choice[0] in seen]
        return found

    return field


def _caller(request: Any) -> Principal | None:
    """Who asks, where what he may see is asked of a view of PolicyMixin's."""
    exchange: Exchange | None = getattr(getattr(request, "_request", None), "stockade", None)
    view = (getattr(request, "parser_context", None) or {}).get("view")
    if exchange is None or exchange.open or not getattr(view, "stockade_guards_objects", False):
        return None
    return exchange.principal
