"""Git, asked without letting the repository's own configuration run anything."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_QUIET = (
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.quotePath=false",
    "--no-pager",
)


def environment() -> dict[str, str]:
    """Ours without what would turn git to another repository, or ask somebody."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    return {**kept, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def command(folder: Path, *arguments: str) -> list[str]:
    """The command line."""
    return ["git", *_QUIET, "-C", str(folder), *arguments]


def ask(folder: Path, *arguments: str, seconds: float = 30) -> bytes | None:
    """What git prints; None where it fails, is not there or takes longer."""
    try:
        done = subprocess.run(
            command(folder, *arguments), env=environment(), stdin=subprocess.DEVNULL, capture_output=True,
            timeout=seconds, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def listed(folder: Path) -> list[str] | None:
    """The files that git tracks, from `folder`; None where it is in no repository."""
    found = ask(folder, "ls-files", "-z")
    if found is None:
        return None
    return [name.decode("utf-8", "surrogateescape") for name in found.split(b"\0") if name]
