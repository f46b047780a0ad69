"""Reads a permission class of the project: a method that is a few `if`s and `return`s, as a rule of ours."""

from __future__ import annotations

import ast
from types import FunctionType
from typing import Any

from django.db.models import Model

from stockade.core.errors import ConfigurationError
from stockade.drf.survey import source
from stockade.drf.survey.expressions import (
    EVERYONE,
    NOBODY,
    SIGNED_IN,
    Expression,
    both,
    either,
    negated,
    rule,
)
from stockade.drf.survey.views import Handler
from stockade.policy import Owner


class Unreadable(Exception):
    """The source says something that no rule of ours says."""


class Reader:
    """Reads one method that is a few `if`s and `return`s."""

    def __init__(self, method: Any, handler: Handler, model: type[Model] | None) -> None:
        own, node = source.own_function(method), source.tree(method)
        if own is None or node is None:
            raise Unreadable
        self.function: FunctionType = own
        self.node, self.handler, self.model = node, handler, model
        self.names: dict[str, ast.expr] = {}
        arguments = [argument.arg for argument in node.args.args]
        self.request = arguments[1] if len(arguments) > 1 else ""
        self.object = arguments[3] if len(arguments) > 3 else ""

    def read(self) -> Expression:
        """The rule.

        Raises:
            Unreadable: there is more in it.
        """
        return self.statements(self.node.body)

    def statements(self, body: list[ast.stmt]) -> Expression:
        for at, statement in enumerate(body):
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue  # a docstring
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                target = statement.targets[0]
                if isinstance(target, ast.Name):
                    self.names[target.id] = statement.value
                    continue
            if isinstance(statement, ast.Return) and statement.value is not None:
                return self.value(statement.value)
            if isinstance(statement, ast.If):
                test = self.value(statement.test)
                rest = body[at + 1 :]
                yes = self.statements([*statement.body, *rest])
                no = self.statements([*statement.orelse, *rest])
                if test == EVERYONE:
                    return yes
                if test == NOBODY:
                    return no
                if yes == EVERYONE:
                    return either(test, no)
                if no == NOBODY:
                    return both(test, yes)
                if yes == NOBODY:
                    return both(negated(test), no)
            raise Unreadable
        raise Unreadable

    def value(self, node: ast.expr) -> Expression:
        if isinstance(node, ast.Constant) and isinstance(node.value, bool):
            return EVERYONE if node.value else NOBODY
        if isinstance(node, ast.Name) and node.id in self.names:
            return self.value(self.names[node.id])
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "bool"
            and len(node.args) == 1
        ):
            return self.value(node.args[0])
        if isinstance(node, ast.BoolOp):
            compose = both if isinstance(node.op, ast.And) else either
            found = self.value(node.values[0])
            for each in node.values[1:]:
                found = compose(found, self.value(each))
            return found
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return negated(self.value(node.operand))
        if self.is_user(node):
            return EVERYONE  # `request.user and ...`: there always is one
        if isinstance(node, ast.Attribute) and self.is_user(node.value):
            if node.attr == "is_authenticated":
                return SIGNED_IN
            if node.attr == "is_anonymous":
                return negated(SIGNED_IN)
            if node.attr == "is_staff":
                return rule("Staff")
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self.compared(node.left, node.ops[0], node.comparators[0])
        group = self.group(node)
        if group:
            return rule("Role", group)
        permission = self.has_perm(node)
        if permission:
            return rule("Permission", permission)
        raise Unreadable

    def compared(self, left: ast.expr, how: ast.cmpop, right: ast.expr) -> Expression:
        if self.is_method(left):
            return self.by_method(how, right)
        if isinstance(how, ast.Is | ast.IsNot | ast.In | ast.NotIn | ast.Eq | ast.NotEq):
            if isinstance(how, ast.Eq | ast.Is):
                for mine, his in ((left, right), (right, left)):
                    path = self.owned(mine, his)
                    if path:
                        return self.owner(path)
            if isinstance(how, ast.In) and self.is_user(left):
                path = self.members(right)
                if path:
                    return self.owner(path)
        raise Unreadable

    def by_method(self, how: ast.cmpop, right: ast.expr) -> Expression:
        methods = self.constant(right)
        if isinstance(methods, str) and isinstance(how, ast.Eq | ast.NotEq):
            return EVERYONE if (self.handler.method == methods) == isinstance(how, ast.Eq) else NOBODY
        if isinstance(methods, list | tuple | set | frozenset) and isinstance(how, ast.In | ast.NotIn):
            return EVERYONE if (self.handler.method in methods) == isinstance(how, ast.In) else NOBODY
        raise Unreadable

    def constant(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name):
            return self.function.__globals__.get(node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return getattr(self.function.__globals__.get(node.value.id), node.attr, None)
        try:
            return ast.literal_eval(node)
        except ValueError:
            return None

    def owner(self, path: str) -> Expression:
        if self.model is None:
            raise Unreadable
        try:
            Owner(path).validate(self.model)
        except ConfigurationError:
            raise Unreadable from None
        return rule("Owner", path, objects=True)

    def owned(self, mine: ast.expr, his: ast.expr) -> str:
        """The path of ``obj.a.b`` where the other side is the caller, or of ``obj.a_id`` where it is his key."""
        path = self.path(mine)
        if not path:
            return ""
        if self.is_user(his):
            return "__".join(path)
        if isinstance(his, ast.Attribute) and self.is_user(his.value) and his.attr in {"pk", "id"}:
            if path[-1] in {"pk", "id"} and len(path) > 1:
                return "__".join(path[:-1])
            if path[-1].endswith("_id"):
                return "__".join([*path[:-1], path[-1].removesuffix("_id")])
        return ""

    def members(self, node: ast.expr) -> str:
        """The path of ``obj.members.all()``."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "all":
            return "__".join(self.path(node.func.value))
        return ""

    def path(self, node: ast.expr) -> list[str]:
        found: list[str] = []
        while isinstance(node, ast.Attribute):
            found.insert(0, node.attr)
            node = node.value
        return found if isinstance(node, ast.Name) and node.id == self.object and self.object else []

    def is_user(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name) and node.id in self.names:
            return self.is_user(self.names[node.id])
        return (
            isinstance(node, ast.Attribute)
            and node.attr == "user"
            and isinstance(node.value, ast.Name)
            and node.value.id == self.request
        )

    def is_method(self, node: ast.expr) -> bool:
        return (
            isinstance(node, ast.Attribute)
            and node.attr == "method"
            and isinstance(node.value, ast.Name)
            and node.value.id == self.request
        )

    def group(self, node: ast.expr) -> str:
        """The group of ``request.user.groups.filter(name=...).exists()``."""
        if not (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "exists"
        ):
            return ""
        inner = node.func.value
        if not (
            isinstance(inner, ast.Call)
            and isinstance(inner.func, ast.Attribute)
            and inner.func.attr == "filter"
        ):
            return ""
        groups = inner.func.value
        if not (isinstance(groups, ast.Attribute) and groups.attr == "groups" and self.is_user(groups.value)):
            return ""
        if inner.args or [keyword.arg for keyword in inner.keywords] != ["name"]:
            return ""
        name = self.constant(inner.keywords[0].value)
        return name if isinstance(name, str) else ""

    def has_perm(self, node: ast.expr) -> str:
        """The permission of ``request.user.has_perm("app.change_x")``."""
        if not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "has_perm"
        ):
            return ""
        if not self.is_user(node.func.value) or len(node.args) != 1 or node.keywords:
            return ""
        name = self.constant(node.args[0])
        return name if isinstance(name, str) and name.count(".") == 1 else ""
