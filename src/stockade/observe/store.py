"""The counts of all processes of a host: one lmdb file that is written about once a second, and never waited for.

It is opened without lmdb's own locks: a turn by flock(2) covers readers as well, so that a process that is stopped or
killed holds nobody in C and leaves no reader behind. Nothing is synced while requests are served, and a crash of the
kernel may leave the file torn: a boot begins with the last copy that was synced, by a thread or at a process's end.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import lmdb

from stockade.core.errors import Unavailable
from stockade.gate import host, places
from stockade.gate.turn import Turn
from stockade.observe.rows import OTHERS, Key, Tally, hour_of, pack, since_hour, tally, unpack

MAP_SIZE = 64 << 20
MAX_STORED = 50_000  # tallies: 15 MB or so
KEEP = 30 * 24  # hours
PATIENCE = 0.002
_FUTURE = 24  # hours: what lies further ahead was written while the clock was wrong
_BATCH = 2000  # deleted in one transaction
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TORN = (lmdb.CorruptedError, lmdb.InvalidError, lmdb.PageNotFoundError, lmdb.VersionMismatchError)

# Environments of a parent process that a child could not close; they are kept, because lmdb must not forget them.
_inherited: list[lmdb.Environment] = []


class Store:
    """The file in one directory.

    Args:
        directory: made if it is missing; see `places.make` for what it must be like.
        patience: seconds to wait for the turn.
        map_size: bytes that the file may grow to.
        most: tallies at most; beyond, the oldest go.
    """

    def __init__(
        self,
        directory: Path,
        *,
        patience: float = PATIENCE,
        map_size: int = MAP_SIZE,
        most: int = MAX_STORED,
    ) -> None:
        self.directory = directory
        self._file = directory / "counts.mdb"
        self._kept = directory / "kept.mdb"
        self._turn = Turn(directory / "turn", patience)
        self._map_size, self._most = map_size, most
        self._env: lmdb.Environment | None = None
        self._inode: tuple[int, int] | None = None

    # -- what it is for ----------------------------------------------------------------------------------------------

    def add(self, pending: Mapping[Key, Tally], hour: int) -> None:
        """Add these tallies to what is there, all or none.

        Args:
            hour: the present one; what is older than KEEP hours is forgotten.

        Raises:
            Unavailable: another process has the turn, or there is no room.
            ConfigurationError, OSError: the place cannot be used.
        """
        with self._turned(), self._failures():
            env = self._opened()
            with env.begin(write=True) as txn:
                self._sweep(txn, hour, len(pending))
                left = self._most - txn.stat()["entries"]
                for key, more in pending.items():
                    raw = pack(key)
                    value = txn.get(raw)
                    if value is None and left <= 0:  # all of this hour: nothing older is left to go
                        raw = pack(Key(OTHERS, OTHERS, key.kind, OTHERS, key.hour))
                        value = txn.get(raw)
                    if value is None:
                        left -= 1
                        txn.put(raw, more.pack())
                    else:
                        kept = tally(value)
                        kept.add(more.count, more.first, more.last)
                        txn.put(raw, kept.pack())

    def tallies(self, since: float | None) -> list[tuple[Key, Tally]]:
        """What was counted in the hours that reach beyond `since` (seconds since 1970); all for None.

        Raises:
            Unavailable: another process has the turn. ConfigurationError, OSError: the place cannot be used.
        """
        if not self._file.exists():
            return []
        found = []
        with self._turned(), self._failures(), self._opened().begin() as txn, txn.cursor() as cursor:
            if cursor.set_range(since_hour(0 if since is None else int(since) // 3600)):
                for raw, value in cursor:
                    counted = tally(value)
                    if since is None or counted.last >= since:
                        found.append((unpack(raw), counted))
        return found

    def clear(self) -> None:
        """Forget everything.

        Raises:
            Unavailable: another process has the turn. ConfigurationError, OSError: the place cannot be used.
        """
        if not self._file.exists():
            return
        with self._turned(), self._failures():
            env = self._opened()
            with env.begin(write=True) as txn:
                txn.drop(env.open_db(txn=txn), delete=False)
            self._kept.unlink(missing_ok=True)

    def _sweep(self, txn: lmdb.Transaction[bytes], hour: int, coming: int) -> None:
        """Delete what is too old, of a day to come, or too much; a part of it, if it is a lot.

        Args:
            coming: tallies that want room.
        """
        wanted = txn.stat()["entries"] + coming
        excess = wanted - self._most * 9 // 10 if wanted > self._most else 0
        with txn.cursor() as cursor:
            cursor.first()
            for _ in range(_BATCH):
                raw = cursor.key()
                if not raw or not (hour_of(raw) < hour - KEEP or (excess > 0 and hour_of(raw) < hour)):
                    break
                cursor.delete()  # and move to the next one
                excess -= 1
            for _ in range(_BATCH):
                if not cursor.last() or hour_of(cursor.key()) <= hour + _FUTURE:
                    break
                cursor.delete()

    # -- life --------------------------------------------------------------------------------------------------------

    @contextmanager
    def _turned(self) -> Iterator[None]:
        """The turn: in the file that lies there now, not in one that somebody has removed with the directory."""
        for last in (False, True):
            if self._turn.fd < 0:
                places.make(self.directory)
                places.check_file(self.directory / "turn")
                self._turn.open()
            self._turn.take()
            if _there(self.directory / "turn") == _inode(os.fstat(self._turn.fd)):
                break
            self._turn.give()
            self.close()
            if last:
                raise Unavailable(reason="report: its directory is being removed")
        try:
            yield
        finally:
            self._turn.give()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Errors of lmdb as ours. A torn file is removed: it is made again, and counts are all that it held."""
        try:
            yield
        except lmdb.Error as error:
            if isinstance(error, _TORN):
                self._shut()
                self._file.unlink(missing_ok=True)
            raise Unavailable(reason=f"report: {type(error).__name__}") from error

    def _opened(self) -> lmdb.Environment:
        """The environment, with the turn held."""
        if self._env is not None:
            if _there(self._file) == self._inode:
                return self._env
            self._shut()
        for path in (self._file, self._kept, self.directory / "boot"):
            places.check_file(path)
        self._begin_boot()
        env = lmdb.open(
            os.fspath(self._file),
            map_size=self._map_size,
            subdir=False,
            mode=0o600,
            lock=False,
            sync=False,
            metasync=False,
            readahead=False,
            meminit=False,
            max_spare_txns=0,
        )
        self._env, self._inode = env, _there(self._file)
        return env

    def _begin_boot(self) -> None:
        """Go on with what this boot has written, or with the copy that an earlier one has synced."""
        boot = self.directory / "boot"
        now = host.boot_id()
        if boot.exists() and boot.read_text() == now:
            return
        self._file.unlink(missing_ok=True)
        if self._kept.exists():
            with self._kept.open("rb") as kept, os.fdopen(os.open(self._file, _NEW, 0o600), "wb") as file:
                shutil.copyfileobj(kept, file)
        new = self.directory / "boot.new"
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, _NEW, 0o600), "w") as file:
            file.write(now)
        new.replace(boot)

    @contextmanager
    def patient(self, seconds: float) -> Iterator[None]:
        """Wait longer for the turn: where no request is served."""
        before, self._turn.timeout = self._turn.timeout, seconds
        self._turn.afresh()
        try:
            yield
        finally:
            self._turn.timeout = before

    def keep(self, older: float = 0.0) -> None:
        """Sync a copy to disk, which the next boot begins with. It takes milliseconds: not while a request waits.

        Args:
            older: seconds that the last copy must be old; else nothing is done.

        Raises:
            Unavailable: another process has the turn. ConfigurationError, OSError: the place cannot be used.
        """
        if self._env is None or (self._kept.exists() and time.time() - self._kept.stat().st_mtime < older):
            return
        new = self.directory / "kept.new"
        with self._turned(), self._failures():
            env = self._opened()
            new.unlink(missing_ok=True)
            descriptor = os.open(new, _NEW, 0o600)
            try:
                env.copyfd(descriptor, compact=True)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            new.replace(self._kept)

    def _shut(self) -> None:
        env, self._env = self._env, None
        if env is not None:
            env.close()

    def close(self) -> None:
        """Let go of files; they are opened again when needed."""
        self._shut()
        self._turn.close()

    def after_fork_child(self, *, busy: bool) -> None:
        """In a child: everything here is the parent's. Drop it; the next use opens anew.

        Args:
            busy: whether a thread of the parent may have been in a transaction.
        """
        if busy and self._env is not None:
            _inherited.append(self._env)
            self._env = None
        self._turn.after_fork_child()
        self.close()


def _inode(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _there(path: Path) -> tuple[int, int] | None:
    """Which file lies there now; None for none."""
    try:
        return _inode(path.lstat())
    except FileNotFoundError:
        return None
