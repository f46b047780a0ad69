"""Which views verify passwords in code of the project's own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from django.contrib.auth import aauthenticate, authenticate
from django.contrib.auth.mixins import AccessMixin

from stockade.drf.survey import probe, source, using
from stockade.drf.survey.views import Handler

_VERIFIES = (authenticate, aauthenticate)


def verifies_passwords(handler: Handler) -> bool:
    """Whether it asks `authenticate()` about what somebody has sent who has proven nothing yet.

    In its own lines, in a method or function that it calls, or in a serializer that it reads by.
    """
    if handler.view.rest:
        if probe.admitted(handler, probe.anonymous()) is not True:
            return False  # somebody signed in, who confirms his password
    elif handler.view.cls is not None and issubclass(handler.view.cls, AccessMixin):
        return False
    return any(_asks(function, node) for function, node in _code(handler))


def _code(handler: Handler) -> Iterator[tuple[Any, Any]]:
    yield from handler.code
    for serializer in using.taken(handler) if handler.view.rest else ():
        for name in ("validate", "create", "save", "validate_password"):
            yield from source.reached(type(serializer), getattr(type(serializer), name, None))


def _asks(function: Any, node: ast.AST, below: int = 2) -> bool:
    own = source.own_function(function)
    if own is None:
        return False
    for each in ast.walk(node):
        if not isinstance(each, ast.Call):
            continue
        called = _resolved(each.func, own.__globals__)
        if called in _VERIFIES:
            return True
        inner = source.tree(called) if below and source.own_function(called) is not None else None
        if inner is not None and _asks(called, inner, below - 1):
            return True
    return False


def _resolved(node: ast.AST, names: dict[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return getattr(names.get(node.value.id), node.attr, None)
    return None
