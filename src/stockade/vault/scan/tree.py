"""The files of a folder as they are now: those that git tracks, or all where there is no git."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from stockade.vault.scan.finding import Finding
from stockade.vault.scan.git import listed
from stockade.vault.scan.look import look

MOST = 1024 * 1024  # bytes; what is longer is data
_LEFT_OUT = frozenset(
    {".git", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".mypy_cache", ".ruff_cache"}
)
# Files that are secrets by their name, and that nobody has a reason to keep in git.
_NAMES = frozenset(
    {".env", ".pgpass", ".netrc", "id_rsa", "id_ed25519", "id_ecdsa", ".htpasswd", "credentials.json"}
)


def tree(folder: Path, allowed: Collection[str] = frozenset()) -> Iterator[Finding]:
    """Secrets in the files of a folder.

    Args:
        folder: of the project.
        allowed: fingerprints of what was judged to be none.
    """
    tracked = listed(folder)
    for name in tracked if tracked is not None else _walk(folder):
        text = read(folder / name)
        if text is None:
            continue
        if tracked is not None and Path(name).name in _NAMES and text.strip():
            yield Finding(name, 1, "tracked-secret-file", "")
        yield from look(text, name, allowed)


def read(path: Path) -> bytes | None:
    """A text that is not too long; None for anything else. Links are not followed: they may lead anywhere."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_size > MOST:
            return None
        text = file.read(MOST)
    return None if b"\0" in text[:8192] else text


def _walk(folder: Path) -> Iterator[str]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if one not in _LEFT_OUT)
        for name in sorted(names):
            yield os.path.relpath(Path(here) / name, folder)
