"""Which life of a machine and of a set of processes a state belongs to, and who is using it now."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stockade.core.errors import ConfigurationError, Unavailable
from stockade.gate.host import boot_id, namespaces
from stockade.gate.places import check_file

VERSION = 2  # of the records: a state of another one is made anew
OPENING = 10.0


@dataclass(frozen=True, slots=True)
class About:
    """What is written down beside a state.

    Args:
        version: of the records.
        boot: the kernel's boot id: ticks and pids mean nothing in another boot, and unsynced pages may be lost.
        namespaces: of pids and of clocks: pids and ticks of another one are another's.
        map_size: bytes, the same for every process that has it open.
    """

    version: int
    boot: str
    namespaces: tuple[str, ...]
    map_size: int


class Stay:
    """This process's use of a directory: taken before the state is opened, kept until it is closed.

    Every user holds a shared lock on ``users``; who gets it alone is the only one, and may start the state anew.

    Args:
        directory: of the state.
        opening: seconds to wait while another process opens it.
    """

    def __init__(self, directory: Path, opening: float = OPENING) -> None:
        self._directory, self._opening = directory, opening
        self._users = -1
        self._door = -1

    def enter(self, map_size: int) -> tuple[bool, int]:
        """Register as a user. The door stays shut for others until `entered`.

        Returns:
            Whether the state must be made anew, and its map size.

        Raises:
            ConfigurationError: stockade.E026, processes of another life use it now.
            Unavailable: someone else is opening it and does not finish.
        """
        for name in ("door", "users", "about"):
            check_file(self._directory / name)
        self._door = _open(self._directory / "door")
        try:
            _lock(self._door, self._opening)
            self._users = _open(self._directory / "users")
            alone = _try(self._users, fcntl.LOCK_EX)
            mine = About(VERSION, boot_id(), namespaces(), map_size)
            found = self._read()
            fresh = found is None or (found.version, found.boot, found.namespaces) != (
                mine.version,
                mine.boot,
                mine.namespaces,
            )
            if fresh and not alone:
                self._refuse(found, mine)
            if alone:
                self._write(mine)
            # Whoever is not alone has read, in `found`, what the others use.
            size = map_size if alone or found is None else found.map_size
            fcntl.flock(self._users, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return fresh, size
        except BaseException:
            self.leave()
            raise

    def entered(self) -> None:
        """Let others in."""
        if self._door >= 0:
            os.close(self._door)
            self._door = -1

    def leave(self) -> None:
        """Stop being a user. In a forked child this closes copies only: the parent stays one."""
        self.entered()
        if self._users >= 0:
            os.close(self._users)
            self._users = -1

    def _read(self) -> About | None:
        try:
            raw: dict[str, Any] = json.loads((self._directory / "about").read_bytes())
            return About(
                int(raw["version"]), str(raw["boot"]), tuple(raw["namespaces"]), int(raw["map_size"])
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write(self, about: About) -> None:
        path = self._directory / "about"
        new = self._directory / "about.new"
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(about), file)
        new.replace(path)

    def _refuse(self, found: About | None, mine: About) -> None:
        if found is None:
            what = "what it belongs to cannot be read"
        elif found.boot != mine.boot:
            what = "they run in another boot or on another machine"
        elif found.namespaces != mine.namespaces:
            what = "they run in another PID namespace (another container)"
        else:
            what = "they run another version of Stockade's records"
        raise ConfigurationError(
            "stockade.E026",
            f"Other processes use the state in {self._directory}, and {what}.",
            "Stop them first, or give each its own directory in STATE; several containers want redis://.",
        )


def claim(directory: Path) -> int:
    """Become the only serving process over `directory`; returns the descriptor that holds the claim.

    Raises:
        ConfigurationError: stockade.E027, another one is.
    """
    path = directory / "serving"
    check_file(path)
    descriptor = _open(path)
    if not _try(descriptor, fcntl.LOCK_EX):
        os.close(descriptor)
        raise ConfigurationError(
            "stockade.E027",
            'A second process serves this project with "STATE": "memory://": each would count and revoke for itself.',
            'Write "STATE": "lmdb://" (all processes of a host), or serve with one process.',
        )
    return descriptor


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _try(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock(descriptor: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not _try(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > end:
            raise Unavailable(reason="state: another process is opening it and does not finish")
        time.sleep(0.001)
