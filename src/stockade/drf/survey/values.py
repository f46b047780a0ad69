"""What an expression holds that comes from the URL, from the caller, or from the database."""

from __future__ import annotations

import ast
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from django.db.models import Manager, Model

from stockade.drf.survey import source
from stockade.drf.survey.statements import NONE, Statements, Taint, self_name
from stockade.drf.survey.views import Handler

URL, USER, OBJECT, ROWS, PICKED = "url", "user", "object", "rows", "picked"
_MANAGERS = {"objects", "_default_manager", "_base_manager"}
_CALLERS = {"user", "auser", "auth"}
# What is fetched by such a thing is fetched by a secret: whoever has the link may.
_SECRETS = ("token", "secret", "signature", "hash", "nonce", "uidb64")
_SIGNED_IN = {"is_authenticated", "is_anonymous", "is_active"}  # tells nothing of whose an object is


@dataclass
class Found:
    """What was seen on the way.

    Args:
        fetches: where an object was fetched by a URL argument, and the caller played no part in it.
        by_url: where one was fetched by a URL argument at all.
        asked: whether `check_object_permissions` is called, or the object held against the caller.
        checks: whether `check_object_permissions` is called, or DRF's `get_object`, which does.
    """

    fetches: list[tuple[FunctionType, ast.AST]] = field(default_factory=list)
    by_url: list[tuple[FunctionType, ast.AST]] = field(default_factory=list)
    asked: bool = False
    checks: bool = False


@dataclass
class Walk:
    """The way through one handler, with all that it calls.

    Args:
        by_caller: how many tests of the caller are around.
    """

    handler: Handler
    found: Found
    running: list[FunctionType] = field(default_factory=list)
    by_caller: int = 0


class Values(Statements):
    """One function under way."""

    def __init__(self, walk: Walk, function: FunctionType, env: dict[str, Taint], depth: int) -> None:
        super().__init__(env)
        self.walk, self.function, self.depth = walk, function, depth

    @abstractmethod
    def call(self, node: ast.Call) -> Taint:
        """What a call yields."""

    def judged(self, taint: Taint) -> None:
        if USER in taint and OBJECT in taint:
            self.walk.found.asked = True

    def looked_up(self, what: Taint, among: Taint) -> None:
        """`pk in ids`: what the URL names, among what is the caller's."""
        if URL in what and USER in among:
            self.walk.found.asked = True

    @contextmanager
    def tested(self, test: ast.expr) -> Iterator[None]:
        taint = self.value(test)
        self.judged(taint)
        # What differs by who calls may be right for each of them: staff see all, others their own.
        by_caller = USER in taint and not source.words(test) & _SIGNED_IN
        self.walk.by_caller += by_caller
        yield
        self.walk.by_caller -= by_caller

    def value(self, node: ast.AST | None) -> Taint:
        if node is None or isinstance(node, ast.Constant):
            return NONE
        if isinstance(node, ast.Name):
            return self.env.get(node.id, NONE)
        if isinstance(node, ast.Attribute):
            return self.attribute(node)
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.Compare | ast.IfExp):
            parts = self.union(ast.iter_child_nodes(node))
            self.judged(parts if isinstance(node, ast.Compare) else self.value(node.test))
            if isinstance(node, ast.Compare) and any(isinstance(op, ast.In | ast.NotIn) for op in node.ops):
                self.looked_up(self.value(node.left), self.union(node.comparators))
            return parts
        if isinstance(node, ast.NamedExpr):
            taint = self.value(node.value)
            self.bind(node.target, taint)
            return taint
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            for generator in node.generators:
                self.bind(generator.target, self.value(generator.iter))
                for test in generator.ifs:
                    self.judged(self.value(test))
            elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            return self.union(elements)
        if isinstance(node, ast.Lambda):
            return self.value(node.body)
        return self.union(ast.iter_child_nodes(node))

    def union(self, nodes: Any) -> Taint:
        found: Taint = NONE
        for node in nodes:
            found |= self.value(node)
        return found

    def attribute(self, node: ast.Attribute) -> Taint:
        name = self_name(node)
        if name and name in self.env:
            return self.env[name]
        if name == "self.kwargs":
            return frozenset({URL}) if self.walk.handler.route.arguments else NONE
        if name == "self.queryset":
            return frozenset({ROWS})
        if node.attr in _CALLERS and is_request(node.value):
            return frozenset({USER})
        taint = self.value(node.value)
        return taint | {ROWS} if node.attr in _MANAGERS or node.attr.endswith("_set") else taint

    def is_manager(self, node: ast.AST) -> bool:
        """Whether it is a model's manager, under whatever name, or the model's class."""
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            return False
        model = self.resolve(node.value)
        if not (isinstance(model, type) and issubclass(model, Model)):
            return False
        return isinstance(getattr(model, node.attr, None), Manager)

    def resolve(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Name) and node.id not in self.env:
            return self.function.__globals__.get(node.id)
        if isinstance(node, ast.Attribute):
            return getattr(self.resolve(node.value), node.attr, None)
        return None


def is_request(node: ast.AST) -> bool:
    return (isinstance(node, ast.Name) and node.id == "request") or (
        isinstance(node, ast.Attribute) and node.attr in {"request", "_request"}
    )


def is_secret(name: str) -> bool:
    """Whether what has this name is a secret, by which whoever knows it may fetch."""
    return any(word in name.lower() for word in _SECRETS)
