"""What the user asked `stockade demo` for, checked before anything is started."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stockade.demo.config import UsageError

LIMITS = ("anon", "user", "credential", "login", "login_address", "failed_auth")
MAX_WORKERS = 64


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one call.

    Args:
        host: address to listen on.
        port: TCP port; 0 for any free one.
        state: URL of the shared state; "" for lmdb in the demo's folder.
        database: URL; "" for SQLite in the demo's folder.
        workers: number of worker processes; 0 for the default.
        limits: by name.
        credentials: file to write base URL and passwords to.
        quiet: print nothing but errors.
    """

    host: str
    port: int
    state: str
    database: str = field(repr=False)
    workers: int
    limits: dict[str, str]
    credentials: Path | None
    quiet: bool

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the demo."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def check(options: Options) -> None:
    """Refuse what cannot work, with what to write instead.

    Raises:
        UsageError: the first thing that is wrong.
    """
    if not 0 <= options.port <= 65535:
        raise UsageError(
            f"--port {options.port} is no TCP port: write a number from 0 (any free one) to 65535."
        )
    if not 0 <= options.workers <= MAX_WORKERS:
        raise UsageError(f"--workers {options.workers}: write a number from 1 to {MAX_WORKERS}.")
    _check_state(options)
    if options.credentials is not None:
        folder = options.credentials.absolute().parent
        if options.credentials.is_dir() or not os.access(folder, os.W_OK):
            raise UsageError(f"--credentials {options.credentials}: no file can be written there.")


def _check_state(options: Options) -> None:
    from stockade.gate.conf import state

    if not options.state:
        return
    try:
        state(options.state)
    except ValueError as error:
        raise UsageError(f"--state: {error}") from None
    if options.state.startswith("memory:") and options.workers != 1:
        raise UsageError("--state memory:// is the memory of one process: add --workers 1, or use lmdb://.")


def read_limits(given: Sequence[str]) -> dict[str, str]:
    """`--limit NAME=RATE`, each checked.

    Raises:
        UsageError: no such name, or no such rate.
    """
    from stockade.gate.rates import parse

    found: dict[str, str] = {}
    for text in given:
        name, separator, rate = text.partition("=")
        if not separator:
            raise UsageError(f"--limit {text!r}: write NAME=RATE, such as login=3/min.")
        if name not in LIMITS and not name.startswith(("role:", "scheme:")):
            raise UsageError(f"--limit {text!r}: the demo has no limit {name!r}. It has {', '.join(LIMITS)}.")
        try:
            parse(name, rate)
        except ValueError as error:
            raise UsageError(f"--limit {text!r}: {error}") from None
        found[name] = rate
    return found


def require(*modules: str) -> None:
    """Refuse to start without the libraries of the `demo` extra.

    Raises:
        UsageError: one of them is missing.
    """
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise UsageError(f"{', '.join(missing)} is missing: install django-stockade[demo].")


def twin_is_possible() -> bool:
    """Whether the stock parts that the twin is made of are installed."""
    return all(
        importlib.util.find_spec(name) is not None for name in ("rest_framework_simplejwt", "corsheaders")
    )
