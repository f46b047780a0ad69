"""Git, asked without letting the repository's own configuration run anything."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_QUIET = (
    "--no-replace-objects",  # what was put in another's place does not hide it
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.quotePath=false",
    "-c",
    "log.showSignature=false",  # else `git log` runs gpg.program for a commit that has a signature
    "--no-pager",
)
# Nothing is fetched: for what a partial clone lacks git would ask the remote, by a program of the configuration.
# The first is understood from git 2.39.4 on; the second allows no protocol by any git.
_HERE = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}


def environment() -> dict[str, str]:
    """Ours without what would turn git to another repository, or ask somebody."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    return {**kept, **_HERE, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


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


def refused(folder: Path) -> bool:
    """Whether there is a repository, and git does not read it: it is another user's, or broken, or there is no git."""
    here = folder.resolve()
    return (
        any((one / ".git").exists() for one in (here, *here.parents))
        and ask(folder, "rev-parse", "--git-dir") is None
    )


def listed(folder: Path) -> list[str] | None:
    """The files that git tracks, from `folder`; None where it is in no repository."""
    found = ask(folder, "ls-files", "-z")
    if found is None:
        return None
    return [name.decode("utf-8", "surrogateescape") for name in found.split(b"\0") if name]
