"""Follows a URL's arguments through a handler: does it fetch an object by them, and is the caller asked about it?"""

from __future__ import annotations

import ast
from types import FunctionType
from typing import Any

from stockade.drf.survey import source
from stockade.drf.survey.narrowing import filters_narrow
from stockade.drf.survey.statements import NONE, Taint
from stockade.drf.survey.values import (
    OBJECT,
    PICKED,
    ROWS,
    URL,
    USER,
    Found,
    Values,
    Walk,
    is_request,
    is_secret,
)
from stockade.drf.survey.views import Handler

_SHORTCUTS = {"get_object_or_404", "aget_object_or_404", "get_object_or_none"}
_GETS = {"get", "aget"}
_TAKES = {"first", "afirst", "last", "alast", "update", "aupdate", "delete", "adelete", "get", "aget"}
_NARROWS = {"filter", "exclude"}
_QUERYSETS = {
    "all", "filter", "exclude", "select_related", "prefetch_related", "order_by", "only", "defer", "annotate",
    "select_for_update", "using", "distinct", "none", "get_queryset",
}  # fmt: skip
_JUDGES = (
    "check",
    "ensure",
    "require",
    "assert",
    "authorize",
    "verify",
    "allow",
    "can_",
    "may_",
    "has_perm",
    "permit",
)
_RANGES = ("__year", "__month", "__day", "__date", "__gte", "__gt", "__lte", "__lt", "__range", "__week")
_DEEP = 6


def follow(handler: Handler) -> Found:
    """Follow one handler."""
    found = Found()
    function, node = source.plain(handler.function), source.tree(handler.function)
    if function is None or node is None:
        return found
    env: dict[str, Taint] = {}
    names = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
    names = names[1 if names[:1] == ["self"] else 0 :]
    arguments = {*names[1:], *(arg.arg for arg in node.args.kwonlyargs)} - {"format"}
    captured = handler.route.arguments
    unnamed = any(name.isdigit() for name in captured)
    for name in arguments:
        if name in captured or unnamed:
            env[name] = frozenset({URL})
    for extra in (node.args.kwarg, node.args.vararg):
        if extra is not None and captured:
            env[extra.arg] = frozenset({URL})
    _run(Walk(handler, found), function, node, env, 0)
    return found


def _run(
    walk: Walk, function: FunctionType, node: source.FunctionNode, env: dict[str, Taint], depth: int
) -> Taint:
    if depth > _DEEP or function in walk.running:
        return NONE
    walk.running.append(function)
    try:
        frame = _Frame(walk, function, env, depth)
        frame.body(node.body)
        return frame.returned
    finally:
        walk.running.pop()


class _Frame(Values):
    def value(self, node: ast.AST | None) -> Taint:
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
            base = self.value(node.value)
            if ROWS in base and PICKED in base:  # filter(pk=pk)[0]
                return self.fetched(node, base - {PICKED}, frozenset({URL}), {})
        return super().value(node)

    def call(self, node: ast.Call) -> Taint:
        found = self.walk.found
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        arguments = [self.value(argument) for argument in node.args]
        named = {keyword.arg or "**": self.value(keyword.value) for keyword in node.keywords}
        given = frozenset().union(*arguments, *named.values())
        base = self.value(node.func.value) if isinstance(node.func, ast.Attribute) else self.value(node.func)
        if name == "auser" and isinstance(node.func, ast.Attribute) and is_request(node.func.value):
            return frozenset({USER})
        if name == "check_object_permissions":
            found.asked = found.checks = True
            return NONE
        if name in _SHORTCUTS and node.args:
            return self.fetched(node, arguments[0], frozenset().union(*arguments[1:], *named.values()), named)
        if isinstance(node.func, ast.Attribute):
            rows = ROWS in base or self.is_manager(node.func.value)
            looks_up = frozenset().union(*named.values(), *arguments)
            if rows and name in _GETS and (URL in looks_up):
                return self.fetched(node, base, looks_up, named)
            if rows and name in _TAKES and PICKED in base:
                return self.fetched(node, base - {PICKED}, frozenset({URL}), {})
            if rows and name in _NARROWS:
                picks = name == "filter" and any(
                    URL in taint and not key.endswith(_RANGES) for key, taint in named.items()
                )
                kept = base | (looks_up - {URL, ROWS}) | {ROWS}
                return kept | {PICKED} if picks and not _is_secret(named) else kept
        called = self.inside(node, arguments, named)
        if called is not None:
            return called
        taint = base | given
        if name.startswith(_JUDGES):
            self.judged(taint)
        if name in _QUERYSETS and (
            ROWS in base or (isinstance(node.func, ast.Attribute) and self.is_manager(node.func.value))
        ):
            taint |= {ROWS}
        return taint

    def fetched(self, node: ast.expr, base: Taint, lookups: Taint, named: dict[str, Taint]) -> Taint:
        """What a fetch yields; where the URL names the object and the caller plays no part, it is written down."""
        if URL not in lookups:
            return (base | lookups) - {ROWS, PICKED}
        self.walk.found.by_url.append((self.function, node))
        if USER in base or USER in lookups:
            return frozenset({USER})
        if _is_secret(named):
            return frozenset({USER})
        if not self.walk.by_caller:
            self.walk.found.fetches.append((self.function, node))
        return frozenset({OBJECT})

    def inside(self, node: ast.Call, arguments: list[Taint], named: dict[str, Taint]) -> Taint | None:
        """What a method of the view, or a function of the project, does with what it is given."""
        cls = self.walk.handler.view.cls
        method = source.method_of(cls, self.function, node) if cls is not None else None
        if method is not None:
            return self.method(node, method, arguments, named)
        target = source.own_function(self.resolve(node.func))
        tree = source.tree(target)
        if target is None or tree is None:
            return None
        env = _bound(tree, arguments, named, skip=0)
        return _run(self.walk, target, tree, env, self.depth + 1)

    def method(
        self, node: ast.Call, method: Any, arguments: list[Taint], named: dict[str, Taint]
    ) -> Taint | None:
        target, tree = source.plain(method), source.tree(method)
        if target is None or tree is None:
            return None
        rest = target.__module__.startswith("rest_framework.")
        name = target.__name__
        if rest and name == "get_object":
            self.walk.found.checks = True
            return frozenset({USER})  # found and asked about as DRF does it: `object-unchecked` judges that
        if rest and name == "get_queryset":
            return frozenset({ROWS})
        if rest and name == "filter_queryset":
            given = frozenset().union(*arguments, *named.values())
            return given | {ROWS} | ({USER} if filters_narrow(self.walk.handler) else NONE)
        if rest and name in {
            "get_serializer",
            "get_serializer_class",
            "paginate_queryset",
            "get_paginated_response",
        }:
            return frozenset().union(*arguments, *named.values())
        env = _bound(tree, arguments, named, skip=1)
        kept = {key: taint for key, taint in self.env.items() if key.startswith("self.")}
        return _run(self.walk, target, tree, {**kept, **env}, self.depth + 1)


def _bound(
    tree: source.FunctionNode, arguments: list[Taint], named: dict[str, Taint], skip: int
) -> dict[str, Taint]:
    names = [arg.arg for arg in (*tree.args.posonlyargs, *tree.args.args)][skip:]
    env: dict[str, Taint] = dict(zip(names, arguments, strict=False))
    if len(arguments) > len(names) and tree.args.vararg is not None:
        env[tree.args.vararg.arg] = frozenset().union(*arguments[len(names) :])
    known = {*names, *(arg.arg for arg in tree.args.kwonlyargs)}
    for key, taint in named.items():
        if key in known:
            env[key] = taint
        elif tree.args.kwarg is not None:
            env[tree.args.kwarg.arg] = env.get(tree.args.kwarg.arg, NONE) | taint
    return env


def _is_secret(named: dict[str, Taint]) -> bool:
    return any(is_secret(key) for key, taint in named.items() if URL in taint)
