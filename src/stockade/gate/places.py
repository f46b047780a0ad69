"""Where the shared state of a host lies, and what that place must be like before anything is trusted to it."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import stat
from pathlib import Path

from stockade.core.errors import ConfigurationError

# A write into a full one ends the process with SIGBUS.
_IN_MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs", "hugetlbfs"})
# Neither shared maps nor locks hold between the machines that mount them.
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "afs", "lustre", "fuse.sshfs"})
# A block that was reserved is written elsewhere: a full disk cannot be ruled out beforehand.
_COPY_ON_WRITE = frozenset({"btrfs", "zfs", "bcachefs"})
_SYSTEM = Path("/var/lib/stockade")


def default_directory(project: str) -> Path:
    """The directory of a project's state: ``stockade/<project>`` in the first place that will do.

    That is XDG_STATE_HOME if set, else ``~/.local/state``, else ``/var/lib``. The home is the password database's and
    not HOME, so that a service and a shell of one user find the same state.

    Raises:
        ConfigurationError: stockade.E022, none of them can be used.
    """
    tried = []
    for base in _bases():
        try:
            base.mkdir(parents=True, exist_ok=True, mode=0o700)
            directory = base / project
            directory.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            tried.append(f"{base}: {error.strerror}")
            continue
        return directory
    raise ConfigurationError(
        "stockade.E022",
        f"There is no place for the shared state ({'; '.join(tried)}).",
        f'Create {_SYSTEM} for the user that serves (mode 0700), or write "STATE": "lmdb:///a/directory/of/its/own".',
    )


def _bases() -> list[Path]:
    xdg = os.environ.get("XDG_STATE_HOME", "")
    if Path(xdg).is_absolute():  # the specification has relative ones ignored
        return [Path(xdg) / "stockade"]
    try:
        home = Path(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError:  # a container's user may have no entry
        return [_SYSTEM]
    # Some services have a home that is not theirs, or "/nonexistent".
    own = home.is_absolute() and home.is_dir() and home.stat().st_uid == os.geteuid()
    return [home / ".local/state/stockade", _SYSTEM] if own else [_SYSTEM]


def project_hash(*parts: str) -> str:
    """The name of a project's directory: 16 hex digits over what tells it from others."""
    return hashlib.sha256("".join([f"{len(part)}:{part}" for part in parts]).encode()).hexdigest()[:16]


def make(directory: Path) -> None:
    """Create `directory` (mode 0700) if it is missing, and refuse it unless nobody else can get at it.

    Raises:
        ConfigurationError: stockade.E023 to E025.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = directory.lstat()
    except OSError as error:
        raise ConfigurationError(
            "stockade.E022",
            f"{directory} cannot be used for the shared state: {error.strerror}.",
            "Name another one.",
        ) from None
    if not stat.S_ISDIR(found.st_mode):
        raise ConfigurationError(
            "stockade.E023",
            f"{directory} is a symbolic link or no directory.",
            "Name the directory itself in STATE.",
        )
    me = os.geteuid()
    if found.st_uid != me:
        raise ConfigurationError(
            "stockade.E023",
            f"{directory} belongs to {user_name(found.st_uid)}, and this process runs as {user_name(me)}.",
            f"Run every process of the project, commands too, as {user_name(found.st_uid)}.",
        )
    if found.st_mode & 0o077:
        raise ConfigurationError(
            "stockade.E024",
            f"Others may enter {directory} (mode {found.st_mode & 0o777:04o}).",
            f"chmod 0700 {directory}",
        )
    _check_parents(directory, me)
    kind = filesystem(directory)
    if kind in _IN_MEMORY or kind in _REMOTE:
        why = (
            "a full one ends the process" if kind in _IN_MEMORY else "its locks do not hold between machines"
        )
        raise ConfigurationError(
            "stockade.E025",
            f"{directory} lies on {kind}: {why}.",
            'Write "STATE": "lmdb:///a/directory/on/a/local/disk".',
        )


def _check_parents(directory: Path, me: int) -> None:
    """Whoever can rename a parent can put another directory in our place (as sshd's StrictModes has it)."""
    for parent in directory.resolve().parents:
        found = parent.stat()
        if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
            who = "is open to all"
        elif found.st_uid not in (0, me):
            who = f"belongs to {user_name(found.st_uid)}"
        else:
            continue
        raise ConfigurationError(
            "stockade.E024",
            f"Others may replace {directory}: {parent} {who}.",
            "Name a directory whose parents belong to root or to the user that serves.",
        )


def check_file(path: Path) -> None:
    """Refuse a file of ours that is a link, someone else's, or open to others; a missing one is fine.

    Raises:
        ConfigurationError: stockade.E023 or E024.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        raise ConfigurationError(
            "stockade.E023",
            f"{path} is no file of {user_name(os.geteuid())}.",
            "Remove it; it is made again.",
        )
    if found.st_mode & 0o077:
        raise ConfigurationError(
            "stockade.E024",
            f"Others may read {path} (mode {found.st_mode & 0o777:04o}).",
            f"chmod 0600 {path}",
        )


def filesystem(path: Path) -> str:
    """The type of the filesystem that `path` lies on, as in /proc/self/mountinfo (proc(5)); "" where unknown."""
    wanted = str(path.resolve())
    best, kind = "", ""
    try:
        lines = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    for line in lines:
        before, _, after = line.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), before.split()[4])
        inside = wanted == point or wanted.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):  # of equal ones the later mount covers the earlier
            best, kind = point, after.split()[0]
    return kind


def suits(path: Path) -> bool:
    """Whether the state may lie below `path` as far as its filesystem goes; for choosing a temporary directory."""
    return filesystem(path) not in _IN_MEMORY | _REMOTE


def keeps_blocks(path: Path) -> bool:
    """Whether reserved blocks are the ones that are written, so that a map can be written to without fear."""
    return filesystem(path) not in _COPY_ON_WRITE


def reserve(path: Path, size: int) -> None:
    """Have the disk keep `size` bytes for a file; OSError if it has not."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.posix_fallocate(descriptor, 0, size)
    finally:
        os.close(descriptor)


def user_name(uid: int) -> str:
    """A user's name, or its number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
