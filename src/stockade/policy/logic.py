"""Three-valued logic, as SQL has it, over sets of values that a rule may still take.

A rule is TRUE, FALSE or UNKNOWN (SQL:2016 part 2, 6.39; the strong logic of Kleene). Before the object is known a
rule may still become one of several: what it can become is a set of bits, and `&`, `|`, `~` act on sets. A caller is
admitted if and only if the rule is TRUE.
"""

from __future__ import annotations

from typing import TypeAlias

Bits: TypeAlias = int

TRUE: Bits = 1
FALSE: Bits = 2
UNKNOWN: Bits = 4
ANY: Bits = TRUE | FALSE | UNKNOWN

# UNKNOWN lies between the two others: `and` is the lesser, `or` the greater.
_ORDER = {FALSE: 0, UNKNOWN: 1, TRUE: 2}
_VALUES = (TRUE, FALSE, UNKNOWN)


def _and(a: Bits, b: Bits) -> Bits:
    return min(a, b, key=_ORDER.__getitem__)


def _or(a: Bits, b: Bits) -> Bits:
    return max(a, b, key=_ORDER.__getitem__)


def _not(a: Bits) -> Bits:
    return {TRUE: FALSE, FALSE: TRUE, UNKNOWN: UNKNOWN}[a]


def _members(bits: Bits) -> list[Bits]:
    return [value for value in _VALUES if bits & value]


def _union(values: list[Bits]) -> Bits:
    found = 0
    for value in values:
        found |= value
    return found


AND: tuple[tuple[Bits, ...], ...] = tuple(
    tuple(_union([_and(a, b) for a in _members(left) for b in _members(right)]) for right in range(8))
    for left in range(8)
)
"""What `left & right` can be: ``AND[left][right]``."""

OR: tuple[tuple[Bits, ...], ...] = tuple(
    tuple(_union([_or(a, b) for a in _members(left) for b in _members(right)]) for right in range(8))
    for left in range(8)
)
"""What `left | right` can be."""

NOT: tuple[Bits, ...] = tuple(_union([_not(a) for a in _members(bits)]) for bits in range(8))
"""What `~bits` can be."""

VERDICT: tuple[bool | None, ...] = tuple(
    True if bits == TRUE else None if bits & TRUE else False for bits in range(8)
)
"""Admitted, refused, or (None) not known yet, by what a rule can be."""
