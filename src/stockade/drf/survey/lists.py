"""Facts about lists: `unbounded-list`, `order-by-anything`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from stockade.drf.survey import probe, source
from stockade.drf.survey.access import labels
from stockade.drf.survey.asked import lineage
from stockade.drf.survey.data import HASHES
from stockade.drf.survey.facts import Fact
from stockade.drf.survey.narrowing import backends
from stockade.drf.survey.views import Handler, View

_ORDERING = "rest_framework.filters.OrderingFilter"
_FILTERING = "django_filters.rest_framework.backends.DjangoFilterBackend"
_SEARCHING = "rest_framework.filters.SearchFilter"
_LISTED = "stockade.drf.filters.ListedOrderingFilter"
_ALL, _EVERY = "__all__", '"__all__"'
SECRETS = frozenset({*HASHES, "auth_token"})


def is_list(handler: Handler) -> bool:
    """Whether a handler is a generic view's list."""
    if not handler.view.generic or handler.method != "GET":
        return False
    return handler.action == "list" or (
        not handler.action and "list" in {f.__name__ for f, _ in handler.code}
    )


def unbounded(view: View) -> Iterator[Fact]:
    """Lists that give out everything at once."""
    found = [handler for handler in view.handlers if is_list(handler) and _is_unbounded(handler)]
    if found:
        yield Fact(
            "unbounded-list",
            view.name,
            found[0].route.path,
            "The list has no pages, or a client says how long they are: one request may ask for every row.",
            "from stockade.drf.pagination import BoundedPageNumberPagination\n\n"
            "class Pages(BoundedPageNumberPagination):\n    page_size = 100\n    max_page_size = 500\n\n"
            "# in the view:\npagination_class = Pages",
            labels(found),
        )


def _is_unbounded(handler: Handler) -> bool:
    if "paginate_queryset" not in handler.calls:
        return not _cut(handler)
    if source.overridden(handler.view.cls, "paginate_queryset") or source.overridden(
        handler.view.cls, "paginator"
    ):
        return False
    paginator = probe.ask(lambda: probe.view_of(handler, probe.ordinary()).paginator)
    if paginator is probe.UNKNOWN:
        return False
    return paginator is None or _endless(paginator)


def _endless(paginator: Any) -> bool:
    """Whether a paginator of DRF's kinds has no size: then it gives out everything."""
    names = ("get_page_size", "get_limit", "paginate_queryset")
    if any(source.overridden(type(paginator), name) for name in names):
        return False
    sizes = [getattr(paginator, name) for name in ("page_size", "default_limit") if hasattr(paginator, name)]
    return (bool(sizes) and all(size is None for size in sizes)) or _said_by_the_client(paginator)


def _said_by_the_client(paginator: Any) -> bool:
    """Whether a client says how long a page is, without an upper bound; DRF's `max_limit` is None by itself."""
    for name, most in (("page_size_query_param", "max_page_size"), ("limit_query_param", "max_limit")):
        if getattr(paginator, name, None) and hasattr(paginator, most) and getattr(paginator, most) is None:
            return True
    return False


def _cut(handler: Handler) -> bool:
    """Whether a list of the project's own takes a slice."""
    import ast

    return any(isinstance(each, ast.Slice) for _, node in handler.code for each in ast.walk(node))


def by_anything(view: View) -> Iterator[Fact]:
    """Lists that may be ordered, searched or filtered by every column, or by what nobody may learn."""
    found: list[Handler] = []
    names: dict[str, None] = {}
    for handler in view.handlers:
        if is_list(handler):
            seen = list(_open(handler))
            if seen:
                found.append(handler)
                names.update(dict.fromkeys(seen))
    if found:
        said = " and ".join(names)
        yield Fact(
            "order-by-anything",
            view.name,
            found[0].route.path,
            f"{said}: a client orders or filters by columns that no answer shows, and so learns them.",
            "\n".join(
                f'{name} = ["created"]  # the columns that clients need'
                for name in dict.fromkeys(one.partition(" ")[0].rpartition(".")[2] for one in names)
            ),
            labels(found),
        )


def _open(handler: Handler) -> Iterator[str]:
    for backend in backends(handler):
        kinds = lineage(backend)
        if _ORDERING in kinds:
            listed = handler.attribute("ordering_fields") or getattr(backend, "ordering_fields", None)
            if listed == _ALL and _LISTED not in kinds:  # ours then lists nothing
                yield f"ordering_fields is {_EVERY}"
            yield from _telling("ordering_fields", listed)
        if _SEARCHING in kinds:
            yield from _telling("search_fields", handler.attribute("search_fields"))
        if _FILTERING in kinds:
            yield from _open_filters(handler)


def _open_filters(handler: Handler) -> Iterator[str]:
    filterset = handler.attribute("filterset_class")
    if filterset is None:
        listed = handler.attribute("filterset_fields")
        if listed == _ALL:
            yield f"filterset_fields is {_EVERY}"
        yield from _telling("filterset_fields", listed)
        return
    meta = getattr(filterset, "Meta", None)
    fields = getattr(meta, "fields", None)
    if fields == _ALL:
        yield f"{filterset.__name__}.Meta.fields is {_EVERY}"
    elif fields is None and getattr(meta, "exclude", None) is not None:
        yield f"{filterset.__name__}.Meta.fields is every column but those of `exclude`"
    filters = getattr(filterset, "base_filters", None) or {}
    yield from _telling(
        f"{filterset.__name__}.Meta.fields",
        [getattr(one, "field_name", None) or name for name, one in filters.items()],
    )


def _telling(name: str, listed: Any) -> Iterator[str]:
    """What leads to a password's hash, or to the key of a token: ``author__password``."""
    if isinstance(listed, str) or not isinstance(listed, Iterable):
        return
    for each in listed:
        term = str(each[0] if isinstance(each, list | tuple) and each else each).lstrip("-^=@$")
        if not SECRETS.isdisjoint(term.split("__")):
            yield f"{name} has {term}"
