"""Whether a view's own get_queryset knows nothing of who calls: then it narrows by nobody."""

from __future__ import annotations

import ast
import builtins
import enum
from types import FunctionType, ModuleType
from typing import Any

from django.db.models import Manager, Model, QuerySet

from stockade.drf.survey import source
from stockade.drf.survey.values import is_request, is_secret

# What a client asks for, whoever it is.
_ASKED_FOR = {"query_params", "GET", "method", "version"}
_OF_THE_VIEW = {
    "queryset", "model", "kwargs", "action", "detail", "basename", "lookup_field", "lookup_url_kwarg",
    "serializer_class", "swagger_fake_view",
}  # fmt: skip
_METHODS = {*dir(QuerySet), *dir(Manager), *dir(dict), *dir(list), *dir(str), "getlist"}
_NAMED_BY = ("django.", "rest_framework.", "datetime.", "operator.", "functools.")
_CONSTANTS = (str, bytes, int, float, tuple, frozenset)


def is_blind(cls: type[Any], name: str = "get_queryset") -> bool:
    """Whether nothing in a method, nor in the methods of the view that it calls, can tell callers apart.

    What is not understood may tell them apart: a method of a manager, a function, an attribute that `initial` has set,
    a manager with rows of its own, a secret in the URL.
    """
    return all(
        function.__module__.startswith(source.KNOWN)
        or (
            source.is_own(function.__module__)
            and not node.decorator_list
            and _Reader(cls, function, node).blind(node.body)
        )
        for function, node in source.reached(cls, getattr(cls, name, None))
    )


class _Reader:
    """Reads one method."""

    def __init__(self, cls: type[Any], function: FunctionType, node: source.FunctionNode) -> None:
        self.cls, self.function = cls, function
        stored = {
            each.id
            for each in ast.walk(node)
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
        }
        arguments = {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)}
        self.local = (stored | arguments) - {"self", "request"}

    def blind(self, nodes: Any) -> bool:
        return all(self.one(node) for node in nodes)

    def one(self, node: ast.AST) -> bool:
        if isinstance(node, source.FunctionNode | ast.Import | ast.ImportFrom):
            return False
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.Attribute):
            return self.attribute(node)
        if isinstance(node, ast.Name):
            return node.id in self.local or self.harmless(node)
        if isinstance(node, ast.Assign) and is_request(node.value):
            return all(isinstance(target, ast.Name) and target.id == "request" for target in node.targets)
        if isinstance(node, ast.AnnAssign):
            return node.value is None or self.one(node.value)
        if isinstance(node, ast.keyword) and is_secret(node.arg or ""):
            return False
        if isinstance(node, ast.Constant):
            return not (isinstance(node.value, str) and is_secret(node.value))  # self.kwargs["token"]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return True  # a docstring
        return self.blind(ast.iter_child_nodes(node))

    def call(self, node: ast.Call) -> bool:
        if not self.blind([*node.args, *node.keywords]):
            return False
        if source.method_of(self.cls, self.function, node) is not None:
            return True  # read by itself
        if isinstance(node.func, ast.Name) and node.func.id == "super":
            return True
        if not isinstance(node.func, ast.Attribute):
            return self.one(node.func)
        return (node.func.attr in _METHODS or self.harmless(node.func)) and self.one(node.func.value)

    def attribute(self, node: ast.Attribute) -> bool:
        if is_request(node):
            return False  # handed on as a whole
        if is_request(node.value):
            return node.attr in _ASKED_FOR
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            return node.attr in _OF_THE_VIEW
        found = self.resolved(node)
        if isinstance(found, Manager):
            return type(found).get_queryset is Manager.get_queryset
        return self.one(node.value)

    def harmless(self, node: ast.expr) -> bool:
        """Whether a name of the module is a model, a constant, or of a library that knows no caller."""
        found = self.resolved(node)
        if found is None:
            return False
        if isinstance(found, _CONSTANTS) or (
            isinstance(found, type) and issubclass(found, Model | enum.Enum)
        ):
            return True
        if isinstance(found, dict | list | set):  # in small letters it may be what a middleware fills
            return isinstance(node, ast.Name) and node.id.isupper()
        if isinstance(found, ModuleType):
            return f"{found.__name__}.".startswith(_NAMED_BY)
        module = (getattr(found, "__module__", None) or "") if callable(found) else ""
        return f"{module}.".startswith(("builtins.", *_NAMED_BY))

    def names(self) -> dict[str, Any]:
        return {**vars(builtins), **self.function.__globals__}

    def resolved(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name):
            return None if node.id in self.local else self.names().get(node.id)
        if isinstance(node, ast.Attribute):
            return getattr(self.resolved(node.value), node.attr, None)
        return None
