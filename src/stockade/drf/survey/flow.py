"""Follows a URL's arguments through a handler: does it fetch an object by them, and is the caller asked about it?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from django.db.models import Manager, Model

from stockade.drf.survey import source
from stockade.drf.survey.narrowing import filters_narrow
from stockade.drf.survey.statements import NONE, Statements, Taint, self_name
from stockade.drf.survey.views import Handler

URL, USER, OBJECT, ROWS, PICKED = "url", "user", "object", "rows", "picked"
_SHORTCUTS = {"get_object_or_404", "aget_object_or_404", "get_object_or_none"}
_GETS = {"get", "aget"}
_TAKES = {"first", "afirst", "last", "alast", "update", "aupdate", "delete", "adelete", "get", "aget"}
_NARROWS = {"filter", "exclude"}
_QUERYSETS = {
    "all", "filter", "exclude", "select_related", "prefetch_related", "order_by", "only", "defer", "annotate",
    "select_for_update", "using", "distinct", "none", "get_queryset",
}  # fmt: skip
_MANAGERS = {"objects", "_default_manager", "_base_manager"}
_CALLERS = {"user", "auser", "auth"}
# What is fetched by such a thing is fetched by a secret: whoever has the link may.
_SECRETS = ("token", "secret", "signature", "hash", "nonce", "uidb64")
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
_SIGNED_IN = {"is_authenticated", "is_anonymous", "is_active"}  # tells nothing of whose an object is
_DEEP = 6


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
    _Walk(handler, found).run(function, node, env, 0)
    return found


class _Walk:
    def __init__(self, handler: Handler, found: Found) -> None:
        self.handler, self.found = handler, found
        self.running: list[FunctionType] = []
        self.by_caller = 0  # how many tests of the caller are around

    def run(
        self, function: FunctionType, node: source.FunctionNode, env: dict[str, Taint], depth: int
    ) -> Taint:
        if depth > _DEEP or function in self.running:
            return NONE
        self.running.append(function)
        try:
            frame = _Frame(self, function, env, depth)
            frame.body(node.body)
            return frame.returned
        finally:
            self.running.pop()


class _Frame(Statements):
    """One function under way: what comes from the URL, from the caller, or from the database."""

    def __init__(self, walk: _Walk, function: FunctionType, env: dict[str, Taint], depth: int) -> None:
        super().__init__(env)
        self.walk, self.function, self.depth = walk, function, depth

    def judged(self, taint: Taint) -> None:
        if USER in taint and OBJECT in taint:
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
        if node.attr in _CALLERS and _is_request(node.value):
            return frozenset({USER})
        taint = self.value(node.value)
        return taint | {ROWS} if node.attr in _MANAGERS or node.attr.endswith("_set") else taint

    def call(self, node: ast.Call) -> Taint:
        found = self.walk.found
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        arguments = [self.value(argument) for argument in node.args]
        named = {keyword.arg or "**": self.value(keyword.value) for keyword in node.keywords}
        given = frozenset().union(*arguments, *named.values())
        base = self.value(node.func.value) if isinstance(node.func, ast.Attribute) else self.value(node.func)
        if name == "auser" and isinstance(node.func, ast.Attribute) and _is_request(node.func.value):
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

    def fetched(self, node: ast.Call, base: Taint, lookups: Taint, named: dict[str, Taint]) -> Taint:
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
        return self.walk.run(target, tree, env, self.depth + 1)

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
        return self.walk.run(target, tree, {**kept, **env}, self.depth + 1)


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
    return any(any(word in key.lower() for word in _SECRETS) for key, taint in named.items() if URL in taint)


def _is_request(node: ast.AST) -> bool:
    return (isinstance(node, ast.Name) and node.id == "request") or (
        isinstance(node, ast.Attribute) and node.attr in {"request", "_request"}
    )
