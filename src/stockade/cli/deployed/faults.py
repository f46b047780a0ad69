"""What a check of a deployment says: how bad it is, what it is, what it risks, what to write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from stockade.cli.deployed.facts import Facts


class Level(Enum):
    """Notes are worth knowing; warnings and errors are findings, and make the command exit with 1."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as it should be.

    Args:
        level: how bad it is.
        what: what was found, in one sentence. Never a secret.
        risk: what may come of it.
        remedy: what to write or to run instead.
    """

    level: Level
    what: str
    risk: str = ""
    remedy: str = ""


class Check(NamedTuple):
    """One entry of the closed list: its id, and the function that looks. The function's docstring says at what."""

    id: str
    look: Callable[[Facts], Iterator[Fault]]


def error(what: str, risk: str, remedy: str) -> Fault:
    """What must be mended before anybody depends on this deployment."""
    return Fault(Level.ERROR, what, risk, remedy)


def warning(what: str, risk: str, remedy: str) -> Fault:
    """What holds today, and not under every load or fault."""
    return Fault(Level.WARNING, what, risk, remedy)


def note(what: str, risk: str = "", remedy: str = "") -> Fault:
    """What is worth knowing."""
    return Fault(Level.NOTE, what, risk, remedy)
