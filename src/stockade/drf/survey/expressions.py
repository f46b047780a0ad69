"""Rules as text, composed as `stockade.policy` would: what is true of everyone falls away."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Expression:
    """A policy in Python.

    Args:
        text: the expression.
        binds: how tightly it binds: 3 an atom, 2 `&`, 1 `|`.
        objects: whether it is about objects.
        user: whether it admits none but signed-in callers.
        stubs: the classes that it needs, by name.
        imports: what else it needs.
    """

    text: str
    binds: int = 3
    objects: bool = False
    user: bool = False
    stubs: dict[str, str] = field(default_factory=dict)
    imports: frozenset[str] = frozenset()


EVERYONE: Final = Expression("Public()")
SIGNED_IN: Final = Expression("Authenticated()", user=True)
NOBODY: Final = Expression("Nobody()")


def rule(name: str, *arguments: str, objects: bool = False, user: bool = True) -> Expression:
    """A rule of ours with names as arguments."""
    quoted = ", ".join('"' + argument.replace('"', '\\"') + '"' for argument in arguments)
    return Expression(f"{name}({quoted})", objects=objects, user=user)


def both(left: Expression, right: Expression) -> Expression:
    """`left & right`."""
    for one, other in ((left, right), (right, left)):
        if one == NOBODY or other == EVERYONE:
            return one
        if one == SIGNED_IN and other.user:
            return other
    if left == right:
        return left
    return _joined("&", 2, left, right, left.user or right.user)


def either(left: Expression, right: Expression) -> Expression:
    """`left | right`."""
    for one, other in ((left, right), (right, left)):
        if one == EVERYONE or other == NOBODY:
            return one
        if one == SIGNED_IN and other.user:
            return one
    if left == right:
        return left
    return _joined("|", 1, left, right, left.user and right.user)


def negated(inner: Expression) -> Expression:
    """`~inner`."""
    if inner == EVERYONE:
        return NOBODY
    if inner == NOBODY:
        return EVERYONE
    text = f"~{inner.text}" if inner.binds == 3 else f"~({inner.text})"
    return Expression(text, 3, inner.objects, False, inner.stubs, inner.imports)


def _joined(sign: str, binds: int, left: Expression, right: Expression, user: bool) -> Expression:
    parts = [part.text if part.binds >= binds else f"({part.text})" for part in (left, right)]
    return Expression(
        f" {sign} ".join(parts), binds, left.objects or right.objects, user, {**left.stubs, **right.stubs},
        left.imports | right.imports,
    )  # fmt: skip
