"""Source as syntax trees: where a function stands, and what it and the methods behind it say."""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from types import FunctionType
from typing import Any

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_STANDARD = sysconfig.get_paths()["stdlib"]
# Packages whose views hand out or take credentials: part of how a project authenticates, so they are judged.
CREDENTIALS = ("rest_framework_simplejwt", "rest_framework.authtoken", "knox", "dj_rest_auth")
KNOWN = ("django.", "rest_framework.", "django_filters.", *(f"{package}." for package in CREDENTIALS))
_MOST = 40  # decorators around one view
_WRAPPED = {"view_func", "view", "func", "function", "fn", "f", "inner", "wrapped"}  # as decorators call it
_BELOW = 5  # how many calls deep a question follows


def plain(function: Any) -> FunctionType | None:
    """The function itself, without its wrappers; None where there is no Python source behind it."""
    for _ in range(20):
        if isinstance(function, partial):
            function = function.func
        elif isinstance(function, property):
            function = function.fget
        elif hasattr(function, "__func__"):
            function = function.__func__
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        else:
            break
    return function if isinstance(function, FunctionType) else None


def wrappers(function: Any) -> Iterator[FunctionType]:
    """What stands around a function, outermost first: every decorator that used `functools.wraps`.

    What such a decorator calls counts too, where that is not what it says to wrap: the admin's wrapper says so of two
    others around itself.
    """
    innermost = plain(function)
    seen: set[FunctionType] = set()
    todo = [function]
    while todo and len(seen) < _MOST:
        each = todo.pop(0)
        each = getattr(each, "__func__", each)
        inner = getattr(each, "__wrapped__", None)
        if isinstance(each, FunctionType):
            if each is innermost or each in seen:
                continue
            seen.add(each)
            yield each
            todo.extend(_called(each))
        if inner is not None:
            todo.append(inner)


def _called(wrapper: FunctionType) -> Iterator[Any]:
    for name, cell in zip(wrapper.__code__.co_freevars, wrapper.__closure__ or (), strict=False):
        if name in _WRAPPED:
            with suppress(ValueError):  # a cell that was not filled yet
                yield cell.cell_contents


@lru_cache(maxsize=2_000)
def _functions(path: str) -> dict[int, FunctionNode]:
    text = "".join(linecache.getlines(path))
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return {}
    found: dict[int, FunctionNode] = {}
    for node in ast.walk(tree):
        if isinstance(node, FunctionNode):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            found[first] = found[node.lineno] = node
    return found


def tree(function: Any) -> FunctionNode | None:
    """The syntax tree of a function; None where it has no source."""
    found = plain(function)
    if found is None:
        return None
    return _functions(found.__code__.co_filename).get(found.__code__.co_firstlineno)


def place(function: Any, node: ast.AST | None = None) -> str:
    """File and line of a function, or of a node in it; the file as seen from the working directory."""
    found = plain(function)
    if found is None:
        return "?"
    line = getattr(node, "lineno", None) or found.__code__.co_firstlineno
    return f"{shown(found.__code__.co_filename)}:{line}"


def shown(path: str) -> str:
    """A path as seen from the working directory, where it lies below that."""
    try:
        return str(Path(path).resolve().relative_to(Path.cwd()))
    except ValueError:
        return path


def place_of_class(cls: type[Any]) -> str:
    """File and line of a class."""
    try:
        path = inspect.getsourcefile(cls) or "?"
        return f"{shown(path)}:{inspect.getsourcelines(cls)[1]}"
    except (OSError, TypeError):
        return f"{cls.__module__}.{cls.__qualname__}"


@lru_cache(maxsize=5_000)
def is_own(module: str) -> bool:
    """Whether a module is the project's own: neither installed, nor of Python's library, nor of Stockade."""
    if module.partition(".")[0] in ("stockade", "builtins", "django", "rest_framework"):
        return False
    path = getattr(sys.modules.get(module), "__file__", None)
    if path is None:
        return False
    parts = Path(path).parts
    return "site-packages" not in parts and "dist-packages" not in parts and not path.startswith(_STANDARD)


def own_function(function: Any) -> FunctionType | None:
    """The function, where it is the project's own code."""
    found = plain(function)
    return found if found is not None and is_own(found.__module__ or "") else None


_OURS = "stockade.drf."


def overridden(cls: type[Any], name: str) -> bool:
    """Whether a method is another than the one of Django, DRF or a package that is known here."""
    found = plain(getattr(cls, name, None))
    if found is not None and (found.__module__ or "").startswith(
        _OURS
    ):  # what the class does else stands behind it
        bases = (base for base in cls.__mro__ if name in vars(base) and not base.__module__.startswith(_OURS))
        found = next((plain(vars(base)[name]) for base in bases), None)
    return found is not None and not (found.__module__ or "").startswith(KNOWN)


def words(node: ast.AST) -> set[str]:
    """Every name, attribute and keyword in a tree."""
    found: set[str] = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            found.add(each.id)
        elif isinstance(each, ast.Attribute):
            found.add(each.attr)
        elif isinstance(each, ast.keyword) and each.arg:
            found.add(each.arg)
    return found


def literals(node: ast.AST) -> set[str]:
    """Every string in a tree."""
    return {
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }


def reached(cls: type[Any], start: Any) -> Iterator[tuple[FunctionType, FunctionNode]]:
    """A method and the methods that it calls on `self` or by `super()`, some calls deep."""
    seen: set[FunctionType] = set()
    todo: list[tuple[Any, int]] = [(start, 0)]
    while todo:
        function, depth = todo.pop()
        found, node = plain(function), tree(function)
        if found is None or node is None or found in seen:
            continue
        seen.add(found)
        yield found, node
        if depth < _BELOW:
            for each in ast.walk(node):
                if isinstance(each, ast.Call):
                    todo.extend((method, depth + 1) for method in _methods(cls, found, each))


def _methods(cls: type[Any], function: FunctionType, call: ast.Call) -> Iterator[Any]:
    method = method_of(cls, function, call)
    if method is not None:
        yield method


def method_of(cls: type[Any], function: FunctionType, call: ast.Call) -> Callable[..., Any] | None:
    """The method behind ``self.name(...)`` or ``super().name(...)``."""
    target = call.func
    if not isinstance(target, ast.Attribute):
        return None
    if isinstance(target.value, ast.Name) and target.value.id == "self":
        return getattr(cls, target.attr, None)
    is_super = (
        isinstance(target.value, ast.Call)
        and isinstance(target.value.func, ast.Name)
        and target.value.func.id == "super"
    )
    if not is_super:
        return None
    past = False
    for base in cls.__mro__:
        if past and target.attr in vars(base):
            return getattr(base, target.attr, None)
        past = past or any(plain(value) is function for value in vars(base).values())
    return None
