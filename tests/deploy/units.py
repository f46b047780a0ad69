"""Reads systemd units, and the command that a unit starts."""

from __future__ import annotations

import shlex
from typing import NamedTuple


class Line(NamedTuple):
    """One assignment of a unit."""

    section: str
    key: str
    value: str


def read(text: str) -> list[Line]:
    """The assignments of a unit in order (systemd.syntax(7)): a backslash at the end goes on with the next line."""
    found, section = [], ""
    joined = text.replace("\\\n", " ")
    for raw in joined.splitlines():
        line = raw.strip()
        if not line or line.startswith(("#", ";")):
            continue
        if line.startswith("["):
            assert line.endswith("]"), line
            section = line[1:-1]
            continue
        key, separator, value = line.partition("=")
        assert separator, f"no assignment: {line!r}"
        found.append(Line(section, key, value))
    return found


def values(text: str, key: str) -> list[str]:
    """Every value of a key, in order."""
    return [line.value for line in read(text) if line.key == key]


def command(text: str) -> list[str]:
    """The words of the only ExecStart."""
    (line,) = values(text, "ExecStart")
    return shlex.split(line)
