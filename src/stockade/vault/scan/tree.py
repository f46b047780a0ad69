"""The files of a folder as they are now: those that git tracks, or all where there is no git."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from stockade.vault.scan.finding import Finding
from stockade.vault.scan.git import listed
from stockade.vault.scan.look import look, named
from stockade.vault.scan.names import by_name

MOST = 8 * 1024 * 1024  # bytes; what is longer is data, and counted
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LEFT_OUT = frozenset(
    {".git", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".mypy_cache", ".ruff_cache"}
)


def tree(
    folder: Path, allowed: Collection[str] = frozenset(), too_long: list[str] | None = None
) -> Iterator[Finding]:
    """Secrets in the files of a folder, and in their names.

    Args:
        folder: of the project.
        allowed: fingerprints of what was judged to be none.
        too_long: gets the paths of files that are longer than MOST.
    """
    tracked = listed(folder)
    names = tracked if tracked is not None else list(_walk(folder))
    # What is no UTF-8 in a name cannot be printed; and a name that is a secret must not be.
    yield from named((_shown(name) for name in names), allowed)
    for name in names:
        content = read(folder / name)
        path = _shown(name)
        if content is None:
            continue
        if len(content) > MOST:
            if too_long is not None:
                too_long.append(path)
            continue
        if tracked is not None:
            yield from by_name(content, path, allowed)
        yield from look(text_of(content), path, allowed)


def read(path: Path) -> bytes | None:
    """What a file holds, and one byte more than MOST of one that is longer; None where it is no file.

    Links are not followed: they may lead anywhere. A submodule is a folder, and a repository of its own.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        with open(fd, "rb", closefd=False) as file:
            return file.read(MOST + 1)
    except OSError:
        return None
    finally:
        os.close(fd)


def text_of(content: bytes) -> bytes:
    """The text, in UTF-8; nothing where it is none. Windows' shells write UTF-16, which is full of zeros."""
    if content.startswith(_WIDE):
        return content.decode("utf-16", "replace").encode()
    return b"" if b"\0" in content[:8192] else content


def _shown(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _walk(folder: Path) -> Iterator[str]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if one not in _LEFT_OUT)
        for name in sorted(names):
            yield os.path.relpath(Path(here) / name, folder)
