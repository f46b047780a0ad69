"""Puts the changed bodies of functions into a process that has their module imported already."""

from __future__ import annotations

import gc
from pathlib import Path
from types import CodeType, FunctionType

_FUNCTION = 0x2  # CO_NEWLOCALS: the code of a function, and not of a module or a class


class NotAmendableError(ValueError):
    """More than the bodies of functions is changed: only an import of the module shows it."""


def live(source: Path) -> dict[str, list[FunctionType]]:
    """Every function of this process that was made by a file below `source`, by that file."""
    gc.unfreeze()
    found: dict[str, list[FunctionType]] = {}
    for one in gc.get_objects():
        if type(one) is FunctionType and one.__code__.co_filename.startswith(f"{source}/"):
            found.setdefault(one.__code__.co_filename, []).append(one)
    gc.freeze()
    return found


def amend(path: Path, before: str, after: str, functions: dict[str, list[FunctionType]]) -> None:
    """Have the functions of `path`, as they are, do what `after` says.

    Args:
        path: a file of Python, imported or not.
        before: what it said when it was imported.
        after: what it says now.
        functions: what `live` has found.

    Raises:
        NotAmendableError: it was imported, and something else is changed too.
    """
    mine = functions.get(str(path), [])
    if not mine:
        return  # whoever imports it reads what it says now
    bodies = dict[CodeType, CodeType]()
    was, is_now = (compile(source, str(path), "exec", dont_inherit=True) for source in (before, after))
    _compare(was, is_now, bodies)
    for function in mine:
        body = bodies.get(function.__code__)
        if body is not None:
            if body.co_freevars != function.__code__.co_freevars:
                raise NotAmendableError(f"{function.__qualname__} closes over other names")
            function.__code__ = body


def _compare(before: CodeType, after: CodeType, bodies: dict[CodeType, CodeType]) -> None:
    function = bool(before.co_flags & _FUNCTION)
    if function:
        bodies[before] = after
    elif _own(before) != _own(after):
        raise NotAmendableError(f"{before.co_qualname} itself is changed")
    inner = [[one for one in code.co_consts if isinstance(one, CodeType)] for code in (before, after)]
    if [one.co_name for one in inner[0]] != [one.co_name for one in inner[1]]:
        if function:
            return  # what it makes, it makes anew
        raise NotAmendableError(f"{before.co_qualname} has other members")
    for one, other in zip(*inner, strict=True):
        _compare(one, other, bodies)


def _own(code: CodeType) -> tuple[object, ...]:
    """What code does itself, whatever the functions do that it makes, and wherever it stands."""
    constants = tuple(None if isinstance(one, CodeType) else repr(one) for one in code.co_consts)
    return code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, constants
