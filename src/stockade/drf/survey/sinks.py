"""Facts about text that becomes code, and rows that leave whole: `raw-sql`, `raw-html`, `raw-output`, `all-fields`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

from rest_framework import serializers

from stockade.drf.survey import probe, source
from stockade.drf.survey.access import labels
from stockade.drf.survey.facts import Fact
from stockade.drf.survey.using import given, taken
from stockade.drf.survey.views import Handler, View

_DEEP = 4  # functions of the project's that call each other
_MOST = 200
_QUERIES = {"raw": 0, "execute": 0, "executemany": 0, "RawSQL": 0}  # which argument is the SQL
_MARKS = {"mark_safe": 0, "SafeString": 0, "format_html": 0, "format_html_join": 1}
_ESCAPING = {
    "escape",
    "conditional_escape",
    "format_html",
    "format_html_join",
    "json_script",
    "render_to_string",
}
_OF_ROWS = {
    "all",
    "annotate",
    "distinct",
    "exclude",
    "filter",
    "get_queryset",
    "order_by",
    "select_related",
    "using",
}
_MANAGERS = ("objects", "_set")

Code = tuple[FunctionType, source.FunctionNode]


def raw_sql(view: View) -> Iterator[Fact]:
    """SQL that is put together from text."""
    yield from _found(
        view,
        "raw-sql",
        _is_raw_sql,
        "SQL is put together from text here: what a client sends can become part of it.",
        "# The ORM, or constant SQL with its values apart:\n"
        'Model.objects.raw("SELECT * FROM shop_order WHERE city = %s", [city])\n'
        'cursor.execute("SELECT count(*) FROM shop_order WHERE city = %s", [city])\n'
        "# instead of .extra(): annotate() with expressions",
    )


def raw_html(view: View) -> Iterator[Fact]:
    """Text that is marked as HTML without having been escaped."""
    yield from _found(
        view,
        "raw-html",
        _is_raw_html,
        "Text is marked as safe HTML here that may have come from a client: it becomes script.",
        "from django.utils.html import format_html\n\n"
        'format_html("<b>{}</b>", name)  # the pattern constant, the rest apart',
    )


def raw_output(view: View) -> Iterator[Fact]:
    """Rows that are given out with all of their columns."""
    yield from _found(
        view,
        "raw-output",
        _is_raw_output,
        "Whole rows are made into an answer here: every column leaves, also one that is added later.",
        "# A serializer that names its fields, or the columns themselves:\n"
        'queryset.values("id", "title")  # model_to_dict(row, fields=["id", "title"])',
    )


def all_fields(view: View) -> Iterator[Fact]:
    """Serializers that give out, or take, every column that a model has or will have."""
    found: list[Handler] = []
    classes: dict[str, type[Any]] = {}
    for handler in view.handlers:
        for serializer in [*given(handler), *taken(handler)]:
            inner = getattr(serializer, "child", serializer)
            if getattr(getattr(inner, "Meta", None), "fields", None) == serializers.ALL_FIELDS:
                found.append(handler)
                classes[type(inner).__name__] = type(inner)
    if not found:
        return
    cls = next(iter(classes.values()))
    made = probe.ask(lambda: list(cls().fields))
    names = [] if made is probe.UNKNOWN else made
    yield Fact(
        "all-fields",
        view.name,
        source.place_of_class(cls),
        f'{", ".join(classes)} has fields = "__all__": a column that is added to the model leaves by itself.',
        f"# in Meta of {cls.__name__}:\nfields = [\n" + "".join(f'    "{name}",\n' for name in names) + "]",
        labels(found),
    )


def _found(
    view: View, kind: str, test: Callable[[ast.Call, Code], bool], meaning: str, write: str
) -> Iterator[Fact]:
    handlers: list[Handler] = []
    places: dict[str, None] = {}
    for handler in view.handlers:
        here = [
            source.place(function, node)
            for function, tree in _code(handler)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and test(node, (function, tree))
        ]
        if here:
            handlers.append(handler)
            places.update(dict.fromkeys(here))
    if handlers:
        first, *more = places
        also = f" (Also {', '.join(more)}.)" if more else ""
        yield Fact(kind, view.name, first, meaning + also, write, labels(handlers))


def _code(handler: Handler) -> Iterator[Code]:
    """The project's own functions that run for a handler: its methods, what they call by name, its serializers'."""
    todo: list[tuple[Any, int]] = [(function, 0) for function, _ in handler.code]
    for serializer in [*given(handler), *taken(handler)]:
        cls = type(getattr(serializer, "child", serializer))
        todo += [(each, 0) for each in vars(cls).values() if isinstance(each, FunctionType)]
    seen: set[FunctionType] = set()
    while todo and len(seen) < _MOST:
        function, depth = todo.pop(0)
        own, tree = source.own_function(function), source.tree(function)
        if own is None or tree is None or own in seen:
            continue
        seen.add(own)
        yield own, tree
        if depth < _DEEP:
            calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
            todo += [(found, depth + 1) for call in calls if (found := _called(call, own)) is not None]


def _called(call: ast.Call, function: FunctionType) -> Any:
    names = function.__globals__
    if isinstance(call.func, ast.Name):
        return names.get(call.func.id)
    if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
        return getattr(names.get(call.func.value.id), call.func.attr, None)
    return None


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _is_raw_sql(call: ast.Call, code: Code) -> bool:
    name = _name(call)
    if name == "extra" and isinstance(call.func, ast.Attribute) and _is_of_rows(call.func.value):
        return True
    if name not in _QUERIES or (name != "RawSQL" and not isinstance(call.func, ast.Attribute)):
        return False
    if name == "raw" and isinstance(call.func, ast.Attribute) and not _is_of_rows(call.func.value):
        return False
    return not _is_constant(_argument(call, 0, ("sql", "raw_query")), code)


def _is_raw_html(call: ast.Call, code: Code) -> bool:
    name = _name(call)
    if name not in _MARKS:
        return False
    given = _argument(call, _MARKS[name], ("s", "format_string"))
    if isinstance(given, ast.Call) and _name(given) in _ESCAPING:
        return False
    return given is not None and not _is_constant(given, code)


def _is_raw_output(call: ast.Call, code: Code) -> bool:
    name, bare = _name(call), not call.args and not call.keywords
    if name in ("values", "values_list"):
        return bare and isinstance(call.func, ast.Attribute) and _is_of_rows(call.func.value)
    if name == "model_to_dict":
        return len(call.args) == 1 and not any(
            keyword.arg in ("fields", "exclude") for keyword in call.keywords
        )
    target = _called(call, code[0])
    return (
        name == "serialize"
        and getattr(target, "__module__", "") == "django.core.serializers"
        and not any(keyword.arg == "fields" for keyword in call.keywords)
    )


def _is_of_rows(node: ast.AST) -> bool:
    """Whether it is a manager or a queryset, by what it is called or made of."""
    if isinstance(node, ast.Attribute):
        return node.attr.endswith(_MANAGERS) or node.attr == "queryset"
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and (
            node.func.attr in _OF_ROWS or _is_of_rows(node.func.value)
        )
    return isinstance(node, ast.Name) and node.id in ("qs", "queryset")


def _argument(call: ast.Call, at: int, names: tuple[str, ...]) -> ast.expr | None:
    if len(call.args) > at:
        return call.args[at]
    return next((keyword.value for keyword in call.keywords if keyword.arg in names), None)


def _is_constant(node: ast.expr | None, code: Code, depth: int = 0) -> bool:
    """Whether a text is written in the source: itself, by a name that is given only such, or put together of such."""
    function, tree = code
    if node is None or isinstance(node, ast.Constant):
        return True
    if depth > _DEEP:
        return False
    if isinstance(node, ast.JoinedStr):
        return all(
            isinstance(part, ast.Constant)
            or (isinstance(part, ast.FormattedValue) and _is_constant(part.value, code, depth + 1))
            for part in node.values
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _is_constant(node.left, code, depth + 1) and _is_constant(node.right, code, depth + 1)
    if isinstance(node, ast.Name):
        given = [
            each.value
            for each in ast.walk(tree)
            if isinstance(each, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == node.id for target in each.targets)
        ]
        if given:
            return all(_is_constant(value, code, depth + 1) for value in given) and not _grows(node.id, tree)
        arguments = {
            argument.arg for argument in (*tree.args.posonlyargs, *tree.args.args, *tree.args.kwonlyargs)
        }
        return node.id not in arguments and isinstance(function.__globals__.get(node.id), str)
    return False


def _grows(name: str, tree: source.FunctionNode) -> bool:
    return any(
        isinstance(each, ast.AugAssign) and isinstance(each.target, ast.Name) and each.target.id == name
        for each in ast.walk(tree)
    )
