"""Secrets in files: the path in NAME_FILE, or a folder such as /run/secrets; read again when a file changes."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from stockade.core.errors import ConfigurationError
from stockade.vault.providers import cleaned
from stockade.vault.text import Secret

MOUNTED = "/run/secrets"  # where Docker, Podman and their composers mount secrets
MAX_SIZE = 64 * 1024
IN_THE_OPEN = "lies in a folder that everybody can write"
_Identity = tuple[int, ...]


def objection(found: os.stat_result, folder: os.stat_result | None, uid: int, mounted: bool) -> str | None:
    """Why a file with this mode and owner is not to be believed as a secret's, or None.

    Who can write it can choose the secret; who can read it has it. Under /run/secrets the container's runtime sets
    owner and mode (0444 by default), and the container is the fence.

    Args:
        found: of the file.
        folder: of the folder it is in; None where unknown.
        uid: of this process.
        mounted: whether the file lies in the container runtime's own folder.
    """
    mode = stat.S_IMODE(found.st_mode)
    if mode & stat.S_IWOTH:
        return f"can be written by everybody (mode {mode:04o})"
    if mounted:
        return None
    if folder is not None and folder.st_mode & stat.S_IWOTH and not folder.st_mode & stat.S_ISVTX:
        return IN_THE_OPEN
    if mode & stat.S_IWGRP:
        return f"can be written by its group (mode {mode:04o})"
    if found.st_uid not in (0, uid):
        return "belongs to another user"
    closed = folder is not None and not folder.st_mode & stat.S_IXOTH
    if mode & stat.S_IROTH and not closed:
        return f"can be read by everybody (mode {mode:04o})"
    return None


def _identity(found: os.stat_result) -> _Identity:
    """What changes when a file is written, replaced, or its mode changed."""
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class Files:
    """Files that hold one secret each.

    Args:
        folders: where to look for a file named NAME, then name; by default what STOCKADE_SECRETS_DIR names, then
            systemd's CREDENTIALS_DIRECTORY, then /run/secrets. NAME_FILE in the environment goes first.
    """

    name = "files"

    def __init__(self, folders: Sequence[str | Path] | None = None) -> None:
        self._folders = None if folders is None else [Path(folder) for folder in folders]
        self._cache: dict[str, tuple[_Identity, Secret | None]] = {}

    def __repr__(self) -> str:
        return f"Files({self._folders!r})"

    def find(self, name: str) -> Secret | None:
        for path, what, within in self._places(name):
            # What a test with Path.exists() would hide: a file that is there and may not be read is an error.
            found = self._read(path, what, within=within)
            if found:
                return found
        return None

    def path(self, name: str) -> Path | None:
        """The file that holds a secret; None where there is none, or it is empty."""
        places = self._places(name)
        return next((path for path, what, within in places if self._read(path, what, within=within)), None)

    def beside(self, name: str) -> Path | None:
        """The file in which the fallbacks of a secret are found, or would be; None where the secret is in no file."""
        others = f"{name}_FALLBACKS"
        told = os.environ.get(f"{others}_FILE")
        if told:
            return Path(told)
        path, known = self.path(name), self.path(others)
        if path is None or known is not None:
            return known
        small = path.name == name.lower() != name
        return path.with_name(f"{path.name}{'_fallbacks' if small else '_FALLBACKS'}")

    def _places(self, name: str) -> list[tuple[Path, str, Path | None]]:
        """Where to look, in which words to speak of it, and the folder that a link there may not leave.

        None for that: the file was named, and has to be there.
        """
        told = os.environ.get(f"{name}_FILE")
        if told:
            return [(Path(told), f"The file that {name}_FILE names", None)]
        found = [folder / one for folder in self._where() for one in (name, name.lower())]
        own = os.environ.get(f"{name.removesuffix('_FALLBACKS')}_FILE")
        if own and name.endswith("_FALLBACKS"):
            # The fallbacks of a secret whose file is named lie beside it.
            found.insert(0, Path(f"{own}_FALLBACKS"))
        return [(path, f"The file {path}", path.parent) for path in found]

    def remedy(self, name: str) -> str:
        folders = " or ".join(str(folder) for folder in self._where())
        return f"{name}_FILE to the path of a file that holds it, or put a file {name} into {folders}"

    def made(self, name: str) -> float | None:
        """When the file of a secret was written, in seconds since the epoch; None where there is none."""
        paths = (path for path, _, _ in self._places(name))
        return next((path.stat().st_mtime for path in paths if path.is_file()), None)

    def _where(self) -> list[Path]:
        if self._folders is not None:
            return self._folders
        named = [
            os.environ.get("STOCKADE_SECRETS_DIR", ""),
            os.environ.get("CREDENTIALS_DIRECTORY", ""),
            MOUNTED,
        ]
        if named[0] and not Path(named[0]).is_dir():
            raise ConfigurationError(
                "stockade.E062", "STOCKADE_SECRETS_DIR names no folder.", "Make it, or unset the variable."
            )
        return [Path(folder) for folder in named if folder]

    def _read(self, path: Path, what: str, *, within: Path | None) -> Secret | None:
        try:
            try:
                return self._now(path, what, within)
            except FileNotFoundError:
                if str(path) not in self._cache:
                    raise
                # It was there. Kubernetes turns a link and takes the old folder away: what was being opened is gone,
                # and the new one is there.
                return self._now(path, what, within)
        except OSError as error:
            if within is not None and isinstance(error, FileNotFoundError | NotADirectoryError):
                return None
            raise ConfigurationError(
                "stockade.E062", f"{what} cannot be read: {error.strerror}.", "Check its path and its mode."
            ) from None

    def _now(self, path: Path, what: str, within: Path | None) -> Secret | None:
        identity = _identity(path.stat())
        # Links within the folder are how Kubernetes changes it; one that leaves it lets whoever may write there
        # choose any file that this process can read.
        if within is not None and not path.resolve().is_relative_to(within.resolve()):
            raise ConfigurationError(
                "stockade.E062", f"{what} is a link out of its folder.", "Put the file itself there."
            )
        cached = self._cache.get(str(path))
        if cached is not None and cached[0] == identity:
            return cached[1]
        # O_NONBLOCK: a FIFO put in its place must not hang the start.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            identity = _judge(fd, path, what)
            with open(fd, "rb", closefd=False) as file:  # what is checked is what is read
                text = _text(file)
        finally:
            os.close(fd)
        if text is None:
            raise ConfigurationError(
                "stockade.E062",
                f"{what} is not UTF-8, or larger than {MAX_SIZE} bytes.",
                "Is it the right file?",
            )
        secret = cleaned(text, what)
        self._cache[str(path)] = (identity, secret)
        return secret


def _judge(fd: int, path: Path, what: str) -> _Identity:
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        raise ConfigurationError(
            "stockade.E062",
            f"{what} is not a regular file.",
            "Write the path of a file that holds the secret.",
        )
    folder = path.resolve().parent
    why = objection(found, folder.stat(), os.geteuid(), folder.is_relative_to(MOUNTED))
    if why is not None:
        raise ConfigurationError(
            "stockade.E062",
            f"{what} {why}.",
            "Run chmod o-w on the folder: who can write it can put one file in another's place."
            if why is IN_THE_OPEN
            else "Run chmod 0400 on it, owned by this process's user or root (Kubernetes: defaultMode: 0440).",
        )
    return _identity(found)


def _text(file: BinaryIO) -> Secret | None:
    """The file's text, None if it has none; the bytes stay in this frame, which no exception of ours ever shows."""
    content = file.read(MAX_SIZE + 1)
    try:
        return Secret(content.decode()) if len(content) <= MAX_SIZE else None
    except UnicodeDecodeError:
        return None
