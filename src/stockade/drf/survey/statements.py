"""Goes through the statements of a function in order, and keeps what its names hold."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Final

Taint = frozenset[str]
NONE: Final[Taint] = frozenset()


class Statements(ABC):
    """One function under way.

    Args:
        env: what its names hold at the beginning.
    """

    def __init__(self, env: dict[str, Taint]) -> None:
        self.env = env
        self.returned: Taint = NONE

    @abstractmethod
    def value(self, node: ast.AST | None) -> Taint:
        """What an expression holds."""

    @abstractmethod
    def judged(self, taint: Taint) -> None:
        """Something is decided by what holds this."""

    @abstractmethod
    def tested(self, test: ast.expr) -> AbstractContextManager[None]:
        """The branches of a test."""

    def body(self, statements: list[ast.stmt]) -> None:
        """Run statements in order, each branch in its turn."""
        for statement in statements:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        """Run one."""
        if isinstance(node, ast.Assign):
            taint = self.value(node.value)
            for target in node.targets:
                self.bind(target, taint)
        elif isinstance(node, ast.AnnAssign):
            if node.value is not None:
                self.bind(node.target, self.value(node.value))
        elif isinstance(node, ast.AugAssign):
            self.bind(node.target, self.value(node.value) | self.value(node.target))
        elif isinstance(node, ast.Return):
            if node.value is not None:
                self.returned |= self.value(node.value)
        elif isinstance(node, ast.If | ast.While):
            with self.tested(node.test):
                self.body(node.body)
                self.body(node.orelse)
        elif isinstance(node, ast.Assert):
            self.judged(self.value(node.test))
        elif isinstance(node, ast.For | ast.AsyncFor):
            self.bind(node.target, self.value(node.iter))
            self.body(node.body)
            self.body(node.orelse)
        elif isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                taint = self.value(item.context_expr)
                if item.optional_vars is not None:
                    self.bind(item.optional_vars, taint)
            self.body(node.body)
        elif isinstance(node, ast.Try | ast.TryStar):
            self.body(node.body)
            for handler in node.handlers:
                self.body(handler.body)
            self.body(node.orelse)
            self.body(node.finalbody)
        elif isinstance(node, ast.Match):
            self.judged(self.value(node.subject))
            for case in node.cases:
                self.body(case.body)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            before, self.returned = self.returned, NONE
            self.body(node.body)  # it sees the names around it
            self.env[node.name], self.returned = self.returned, before
        elif isinstance(node, ast.Expr):
            self.value(node.value)
        elif isinstance(node, ast.Raise) and node.exc is not None:
            self.value(node.exc)

    def bind(self, target: ast.AST, taint: Taint) -> None:
        """Give a name, or several, what they hold from now on."""
        if isinstance(target, ast.Name):
            self.env[target.id] = taint
        elif isinstance(target, ast.Attribute):
            name = self_name(target)
            if name:
                self.env[name] = taint
        elif isinstance(target, ast.Tuple | ast.List):
            for each in target.elts:
                self.bind(each, taint)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, taint)


def self_name(node: ast.Attribute) -> str:
    """``self.name``; "" of an attribute of anything else."""
    return f"self.{node.attr}" if isinstance(node.value, ast.Name) and node.value.id == "self" else ""
