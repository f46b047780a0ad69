"""What an attack measured on one target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from stockade.demo.attacks.client import Target


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one attack on one target.

    Args:
        stopped: whether the attacker got nothing.
        result: what happened, in a few words that fit into a table.
        numbers: what was counted.
    """

    stopped: bool
    result: str
    numbers: dict[str, int | list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack.

    Args:
        id: its name in JSON.
        title: its name in the table.
        run: carries it out; may raise AttackError.
    """

    id: str
    title: str
    run: Callable[[Target], Outcome]


def of(part: int, whole: int) -> str:
    """``3 of 8``; ``all 8``; ``none of 8``."""
    if part == whole:
        return f"all {whole}"
    return f"{part or 'none'} of {whole}"
