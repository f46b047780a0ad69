"""Which methods a plain Django view answers, and which of them it means to take."""

from __future__ import annotations

from stockade.drf.survey import source
from stockade.drf.survey.byhand import cells
from stockade.drf.survey.views import Handler


def answers(handler: Handler) -> bool:
    """Whether a plain view answers a method: a class by having it, a function unless `require_*` forbids it."""
    if handler.view.cls is not None:
        return True
    allowed = restricted(handler)
    return allowed is None or handler.method in allowed


def restricted(handler: Handler) -> set[str] | None:
    """The methods that `require_http_methods` and its kin leave; None where there is none."""
    found: set[str] | None = None
    for wrapper in source.wrappers(handler.route.callback):
        if wrapper.__globals__.get("__name__") != "django.views.decorators.http":
            continue
        cell = cells(wrapper).get("request_method_list")
        if cell is not None:
            methods = {str(method).upper() for method in cell.cell_contents}
            found = methods if found is None else found & methods
    return found


def writes(handler: Handler) -> bool:
    """Whether a plain view means to take an unsafe method: it says so, or reads what only those send."""
    if handler.safe or not answers(handler):
        return False
    if handler.view.cls is not None:
        return True
    if restricted(handler) is not None:
        return True
    node = source.tree(handler.route.callback)
    if node is None:
        return False
    said = source.words(node)
    if {"POST", "FILES", "body"} & said:
        return handler.method == "POST" or handler.method in source.literals(node)
    return handler.method in source.literals(node)
