"""What a view callable is: its name, the methods and actions that it answers, whose callers it asks for by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from stockade.pipeline.leaf import METHODS


def name_of(of: Any) -> str:
    """The dotted name by which a view's limits are counted apart from another's."""
    name = str(getattr(of, "__qualname__", type(of).__name__))
    if isinstance(of, type) and of.__name__ != name.rpartition(".")[2]:
        name = of.__name__  # DRF's @api_view names its classes after the function, but by __name__ alone
    return f"{getattr(of, '__module__', '?')}.{name}"


def methods_of(cls: Any) -> Iterable[str]:
    """The methods that a class-based view answers; all for a function."""
    if cls is None:
        return METHODS
    return [method for method in METHODS if hasattr(cls, method.lower())]


def is_detail(cls: Any, initkwargs: Mapping[str, Any]) -> bool:
    """DRF's routers say `detail`; a generic view for one object has a `get_object` and no `list`."""
    detail = initkwargs.get("detail", getattr(cls, "detail", None))
    if detail is not None:
        return bool(detail)
    return hasattr(cls, "get_object") and not hasattr(cls, "list")


def known_actions(cls: Any, actions: Mapping[str, str]) -> tuple[str, ...]:
    """A viewset's actions: the standard ones, those of this route, its own @action methods and what they map to."""
    standard = ("list", "create", "retrieve", "update", "partial_update", "destroy", "metadata")
    get_extra: Callable[[], Iterable[Any]] = getattr(cls, "get_extra_actions", tuple)
    extra = [name for action in get_extra() for name in (action.__name__, *action.mapping.values())]
    # A route of `as_view({"get": "own_method"})` elsewhere names methods that nothing marks as actions.
    declared = [getattr(cls, name, None) for name in ("policy", "limits", "cost")]
    named = [key for table in declared if isinstance(table, Mapping) for key in keys_of(table)]
    elsewhere = [
        key
        for key in named
        if key.isidentifier() and callable(getattr(cls, key, None)) and key not in cls.http_method_names
    ]
    return tuple(dict.fromkeys([*standard, *actions.values(), *extra, *elsewhere]))


def keys_of(table: Mapping[Any, Any]) -> set[str]:
    """The keys of a table, which may stand several in one: ``"list, retrieve"``."""
    return {key.strip() for keys in table for key in str(keys).split(",")}


# Of a view that picks its authenticators for each request: no scheme is listed there, because nobody else knows.
_ITS_OWN: frozenset[Any] = frozenset({"get_authenticators"})


def authenticators_of(cls: Any, initkwargs: Mapping[str, Any]) -> frozenset[Any] | None:
    """A DRF view's authentication_classes, if they are other than the default that its base has frozen."""
    name = "authentication_classes"
    bases = [base for base in getattr(cls, "__mro__", ()) if name in vars(base)]
    if not bases:
        return None
    if getattr(cls, "get_authenticators", None) is not vars(bases[-1]).get("get_authenticators"):
        return _ITS_OWN
    listed = initkwargs.get(name, getattr(cls, name))
    return None if listed is vars(bases[-1])[name] else frozenset(listed)
