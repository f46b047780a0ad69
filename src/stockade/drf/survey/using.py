"""Which serializers a handler reads by, and which it answers with."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from rest_framework import serializers

from stockade.drf.survey import probe, source
from stockade.drf.survey.views import Handler


def taken(handler: Handler) -> list[Any]:
    """The serializers that read what the client sends."""
    found = _of_view(handler) if _through_view(handler, data=True) else []
    return [*found, *_named(handler, data=True)]


def given(handler: Handler) -> list[Any]:
    """The serializers whose output is the answer."""
    found = _of_view(handler) if _through_view(handler, data=False) else []
    return [*found, *_named(handler, data=False)]


def _through_view(handler: Handler, *, data: bool) -> bool:
    """Whether the handler calls `get_serializer` to read (with `data=`), or reads the `.data` of one."""
    if not handler.view.generic:
        return False
    if data:
        return any(
            _called(call) == "get_serializer" and _has_data(call)
            for _, node in handler.code
            for call in _calls(node)
        )
    return any(
        "get_serializer" in {_called(call) for call in _calls(node)} and _gives_data(node)
        for _, node in handler.code
    )


def _gives_data(node: ast.AST) -> bool:
    return any(
        isinstance(each, ast.Attribute) and each.attr == "data" and not _is_request(each.value)
        for each in ast.walk(node)
    )


def _is_request(node: ast.AST) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in {"request", "_request"}


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (each for each in ast.walk(node) if isinstance(each, ast.Call))


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _has_data(call: ast.Call) -> bool:
    return any(keyword.arg == "data" for keyword in call.keywords)


def _of_view(handler: Handler) -> list[Any]:
    """The view's serializer for this method, as an ordinary caller gets it; by the source where that asks for more."""
    found = probe.ask(lambda: probe.view_of(handler, probe.ordinary()).get_serializer())
    if found is not probe.UNKNOWN:
        return [found]
    method = getattr(handler.view.cls, "get_serializer_class", None)
    own, node = source.own_function(method), source.tree(method)
    if own is None or node is None:
        return _made([handler.attribute("serializer_class")])
    returned = [
        each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value is not None
    ]
    return _made([own.__globals__.get(value.id) for value in returned if isinstance(value, ast.Name)])


def _named(handler: Handler, *, data: bool) -> list[Any]:
    """Serializers that the handler's own code makes by name: ``OrderSerializer(data=request.data)``."""
    found: list[Any] = []
    for function, node in handler.code:
        own = source.own_function(function)
        if own is None or (not data and not _gives_data(node)):
            continue
        for call in _calls(node):
            cls = _class_of(call.func, own.__globals__)
            if cls is None:
                continue
            if (data and _has_data(call)) or (not data and _shown(call, node)):
                found.append(cls)
    return _made(found)


def _shown(call: ast.Call, node: ast.AST) -> bool:
    """Whether `.data` is read of this call, directly or by the name that it was given."""
    names = {
        target.id
        for each in ast.walk(node)
        if isinstance(each, ast.Assign) and each.value is call
        for target in each.targets
        if isinstance(target, ast.Name)
    }
    for each in ast.walk(node):
        if not (isinstance(each, ast.Attribute) and each.attr == "data"):
            continue
        if each.value is call or (isinstance(each.value, ast.Name) and each.value.id in names):
            return True
    return False


def _class_of(node: ast.AST, names: dict[str, Any]) -> Any:
    found = names.get(node.id) if isinstance(node, ast.Name) else None
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        found = getattr(names.get(node.value.id), node.attr, None)
    return found if isinstance(found, type) and issubclass(found, serializers.BaseSerializer) else None


def _made(classes: list[Any]) -> list[Any]:
    made = []
    for cls in dict.fromkeys(each for each in classes if isinstance(each, type)):
        found = probe.ask(cls)
        if found is not probe.UNKNOWN:
            made.append(found)
    return made
