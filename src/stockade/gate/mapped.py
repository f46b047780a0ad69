"""A state in a mapped file: opening, transactions, room, forks and closing; `lmdb` adds the hot path."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import lmdb

from stockade.core.errors import ConfigurationError, Unavailable
from stockade.gate import forks, places
from stockade.gate.base import LocalGate, Txn
from stockade.gate.life import OPENING, Stay
from stockade.gate.turn import Turn

T = TypeVar("T")
MAP_SIZE = 256 << 20  # about a million limit keys
MIN_MAP_SIZE = 1 << 20
TIMEOUT = 1.0
_READERS = 1024
_TEND = 256  # writes of this process between two looks at the room that is left
_SWEEP_AT = 0.8  # of the map: then what has expired is swept
_CROWDED_AT = 0.9  # then no new limit key is taken: the rest is for revocations, and for lmdb to delete with
_BATCH = 2048  # records looked at in one sweep
_CHUNK = 1000  # records read in one snapshot

# Environments of a parent process that a child could not close; they are kept, because lmdb must not forget them.
_inherited: list[lmdb.Environment] = []


class MappedGate(LocalGate):
    """Everything of an lmdb state but its hot path.

    Args:
        directory: is created if missing; see `places.make` for what it must be like.
        map_size: bytes of the file, reserved on disk.
        timeout: seconds that a write waits for its turn before it is refused (Unavailable).
        opening: seconds to wait while another process opens the state.
        url: as configured, for messages.

    Raises:
        ConfigurationError: on first use (or `open`), if the place or those who use it are not as they must be.
    """

    kind = "lmdb"

    def __init__(
        self,
        directory: Path,
        *,
        map_size: int = MAP_SIZE,
        timeout: float = TIMEOUT,
        opening: float = OPENING,
        url: str = "",
        **rest: Any,
    ) -> None:
        super().__init__(**rest)
        self.url = url or f"lmdb://{directory}"
        self.directory = directory
        self._map_size = map_size
        self._turn = Turn(directory / "turn", timeout)
        self._stay = Stay(directory, opening)
        self._opening = threading.Lock()
        # One reading thread at a time: a transaction is a microsecond, and before a fork there must be none.
        self._reads = threading.Lock()
        self._frozen = self._frozen_reads = False
        self._env: lmdb.Environment | None = None
        self._begin: Callable[..., lmdb.Transaction[bytes]] | None = None
        self._countdown = 0  # look at the first write
        self._crowded = False
        self._swept_to = b""
        # Limit keys that this process was refused lately: the next try looks before it takes a turn to write.
        self._refused: dict[bytes, None] = {}
        forks.watch(self)

    # -- transactions ------------------------------------------------------------------------------------------------

    def _write(self, work: Callable[[Txn], T]) -> T:
        for last in (False, True):
            begin = self._begin or self._opened()
            self._turn.take()
            try:
                with begin(write=True) as txn:
                    return work(txn)
            except lmdb.MapFullError as error:
                failure = self._failed(error)
                if last:
                    raise failure from error
            except lmdb.Error as error:
                raise self._failed(error) from error
            finally:
                self._turn.give()
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def _read(self, work: Callable[[Txn], T]) -> T:
        begin = self._begin or self._opened()
        try:
            with self._reads, begin() as txn:
                return work(txn)
        except lmdb.Error as error:
            raise self._failed(error) from error

    def _scan(self, prefix: bytes, start: bytes = b"", most: int = 0) -> Iterator[tuple[bytes, bytes]]:
        at = max(prefix, start)
        step = most or _CHUNK
        while True:
            begin = self._begin or self._opened()
            chunk: list[tuple[bytes, bytes]] = []
            try:
                with self._reads, begin() as txn, txn.cursor() as cursor:
                    more = cursor.set_range(at) if at else cursor.first()
                    while more and len(chunk) < step:
                        key, value = cursor.item()
                        if not key.startswith(prefix):
                            break
                        chunk.append((key, value))
                        more = cursor.next()
            except lmdb.Error as error:
                raise self._failed(error) from error
            yield from chunk
            if len(chunk) < step or most:
                return
            at = chunk[-1][0] + b"\0"

    def _failed(self, error: lmdb.Error) -> Unavailable:
        """What to raise for an error of lmdb. A full map also gets rid of what dead readers pin."""
        if isinstance(error, lmdb.BadValsizeError):  # only an empty key: others are looked at before
            raise ValueError("A key is not empty.") from error
        if isinstance(error, lmdb.MapFullError) and self._env is not None:
            self._crowded = True
            self._env.reader_check()
        return Unavailable(reason=f"state: {type(error).__name__}")

    @contextmanager
    def loading(self) -> Iterator[bool]:
        """Whether the caller may fill the state. A file lock, because the kernel frees it when its holder is killed."""
        self.open()
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.directory / "loading", flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(descriptor)

    # -- room --------------------------------------------------------------------------------------------------------

    def _tend(self) -> None:
        """Look at the room that is left, and sweep a little if there is less than a fifth."""
        self._countdown = _TEND
        # The request that comes by has been answered: that this is not to be had now does not refuse it.
        with suppress(Unavailable):
            share = self.fill()
            self._crowded = share >= _CROWDED_AT
            if share >= _SWEEP_AT:
                self._sweep_some()
                self._crowded = self.fill() >= _CROWDED_AT

    def _relieve(self) -> None:
        """Sweep for a new limit key, or refuse it: a revocation must still find room."""
        self._tend()
        if self._crowded:
            raise Unavailable(reason="state: the map is full of what has not expired; raise STATE_SIZE")

    def _sweep_some(self) -> None:
        now = self._ticks()
        found = list(self._scan(b"", self._swept_to, _BATCH))
        self._swept_to = found[-1][0] + b"\0" if len(found) == _BATCH else b""
        gone = [key for key, value in found if self._expired(key, value, now)]
        if gone:
            self._write(lambda txn: self._sweep(txn, gone, now))

    def fill(self) -> float:
        """How much of the map is in use, from 0 to 1."""
        self.open()
        with self._reads:
            env = self._env
            if env is None:
                raise Unavailable(reason="state: closed by another thread")
            found, size = env.stat(), env.info()["map_size"]
        pages = found["branch_pages"] + found["leaf_pages"] + found["overflow_pages"]
        return pages * found["psize"] / size

    def _room(self) -> tuple[int, int]:
        return round(self.fill() * self._map_size), self._map_size

    # -- life --------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open now instead of on first use, so that what is wrong stops the start."""
        if self._begin is None:
            self._opened()

    def _environment(self) -> lmdb.Environment:
        self._opened()
        return cast("lmdb.Environment", self._env)

    def _opened(self) -> Callable[..., lmdb.Transaction[bytes]]:
        with self._opening:
            if self._begin is None:
                places.make(self.directory)
                fresh, size = self._stay.enter(self._map_size)
                try:
                    self._env = self._open_env(fresh, size)
                    self._turn.open()
                except BaseException:
                    self._stay.leave()
                    raise
                self._stay.entered()
                self._begin = self._env.begin
            return self._begin

    def _open_env(self, fresh: bool, size: int) -> lmdb.Environment:
        path = self.directory / "state.mdb"
        lock = self.directory / "state.mdb-lock"
        for file in (path, lock, self.directory / "turn"):
            places.check_file(file)
            if fresh and file != self.directory / "turn":
                file.unlink(missing_ok=True)
        new = not path.exists()
        through_map = places.keeps_blocks(self.directory)
        try:
            env = lmdb.open(
                os.fspath(path),
                map_size=size,
                subdir=False,
                mode=0o600,
                sync=False,
                metasync=False,
                writemap=through_map,
                readahead=False,
                meminit=False,
                max_readers=_READERS,
                max_spare_txns=0,  # a kept reader would be a place of the parent's that a child gives up
            )
        except lmdb.Error as error:
            raise ConfigurationError(
                "stockade.E028",
                f"The state in {self.directory} cannot be opened: {error}.",
                f"Stop all processes that use it and remove {path.name} and {lock.name}: they are made again.",
            ) from error
        try:
            if through_map:
                places.reserve(path, size)
            env.reader_check()
        except OSError as error:
            env.close()
            if new:
                path.unlink(missing_ok=True)
            raise ConfigurationError(
                "stockade.E029",
                f"There is no room for the state's {size >> 20} MiB in {self.directory}: {error.strerror}.",
                "Free some, or lower STATE_SIZE.",
            ) from error
        return env

    def reset(self) -> None:
        """Forget everything, birth marker included."""
        main = self._environment().open_db()

        def work(txn: Txn) -> None:
            cast("lmdb.Transaction[bytes]", txn).drop(main, delete=False)

        self._write(work)
        self._refused.clear()

    def close(self) -> None:
        """Let go of files; the gate opens again by itself when asked."""
        with self._opening:
            self.before_fork()  # let transactions of other threads end
            try:
                env, self._env, self._begin = self._env, None, None
                if env is not None:
                    env.close()
                self._turn.close()
                self._stay.leave()
            finally:
                self.after_fork_parent()

    def before_fork(self) -> None:
        """Let the threads of this process finish their transactions, so that the child inherits none."""
        self._frozen = self._turn.freeze()
        self._frozen_reads = self._reads.acquire(timeout=1)

    def after_fork_parent(self) -> None:
        """Go on."""
        if self._frozen_reads:
            self._reads.release()
        if self._frozen:
            self._turn.thaw()
        self._frozen = self._frozen_reads = False

    def after_fork_child(self) -> None:
        """In a child: everything here is the parent's. Drop it; the next call opens anew.

        Closing is safe only without a transaction under way: it would wait for a writer that does not exist here, and
        give up the parent's place among the readers. Then the environment is left as it is, and the gate cannot be
        used in this child.
        """
        writing = self._turn.busy and not self._frozen
        reading = self._reads.locked() and not self._frozen_reads
        if self._env is not None:
            if writing or reading:
                _inherited.append(self._env)
            else:
                self._env.close()
        self._env, self._begin = None, None
        self._opening, self._reads = threading.Lock(), threading.Lock()
        self._frozen = self._frozen_reads = False
        self._turn.after_fork_child()
        self._stay.leave()
