"""The settings of the security log: which sinks keep it, how much of it, and for how long."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from stockade.conf import Section, boolean, choice, duration, integer, names, setting

SINKS = ("log", "database", "memory", "null")
STREAMS = {"stdout": 1, "stderr": 2}
_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def sinks(value: Any) -> tuple[str, ...]:
    """Names of sinks, each once: built-in ones or dotted paths."""
    listed = names(value) if value != [] else ()
    for name in listed:
        if name not in SINKS and not _PATH.fullmatch(name):
            raise ValueError(
                f'{name!r} is no sink. Write "log", "database", "memory", "null" or "module.Class".'
            )
    if len(set(listed)) != len(listed):
        raise ValueError("Name each sink once.")
    return listed


def target(value: Any) -> str:
    """``"stderr"``, ``"stdout"`` or an absolute path."""
    if isinstance(value, Path):
        value = str(value)
    if value in STREAMS:
        return str(value)
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        raise ValueError('Write "stderr", "stdout" or an absolute path such as "/var/log/app/security.log".')
    return value


@dataclass(frozen=True)
class EventSettings(Section):
    """``STOCKADE["EVENTS"]``."""

    NAME: ClassVar[str] = "EVENTS"

    sinks: tuple[str, ...] = setting(
        "SINKS",
        sinks,
        ["log", "database"],
        why="Where events are kept: the structured log, the database table, a class of your own (dotted path).",
        id="stockade.E140",
    )
    successes: bool = setting(
        "SUCCESSES",
        boolean,
        False,
        why="Also record each request that a credential opened; refusals and the life of credentials always are.",
        id="stockade.E141",
    )
    log: str = setting(
        "LOG",
        target,
        "stderr",
        why='Where the log sink writes: "stderr", "stdout" or an absolute path (opened for appending, mode 0600).',
        id="stockade.E142",
    )
    log_in_tests: bool = setting(
        "LOG_IN_TESTS",
        boolean,
        False,
        why="Also write to stderr or stdout under a test runner, among its own output. Subscribers, other sinks and "
        "captured events have everything either way.",
        id="stockade.E148",
    )
    queue: int = setting(
        "QUEUE",
        integer(100, 1_000_000),
        10_000,
        why="How many refusals may wait for the database in each process; more are dropped and counted.",
        id="stockade.E143",
    )
    flush: float = setting(
        "FLUSH",
        duration,
        "500ms",
        why="How long refusals gather before they are inserted together.",
        id="stockade.E144",
    )
    rows: int = setting(
        "ROWS_PER_MINUTE",
        integer(0, 10_000_000),
        6_000,
        why="How many refusals each process may add to the table in a minute, so that an attacker cannot fill the "
        "disk; more are counted, and stay in the log. 0 for no bound.",
        id="stockade.E145",
    )
    accounts: str = setting(
        "ACCOUNTS",
        choice("known", "all", "none"),
        "known",
        why="Which names tried at a login are written in clear: those of existing accounts, all, or none. People type "
        "their password into the wrong field; the others are written as a keyed digest.",
        id="stockade.E146",
    )
    keep: float = setting(
        "KEEP",
        duration,
        "90d",
        why="How old an event in the table grows before `stockade events prune` removes it.",
        id="stockade.E147",
    )
