"""Whose turn it is to write: a lock between threads and processes that nobody waits for without end.

lmdb's own writer lock is a mutex inside C: one writer that is stopped (SIGSTOP, a debugger, a frozen cgroup) holds
every other process in it, and no signal gets them out. So a turn is taken first, by flock(2), which can be tried: it
is given back by the kernel however its holder dies, and costs two system calls, 0.8 microseconds here.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path

from stockade.core.errors import Unavailable

TAKE = fcntl.LOCK_EX | fcntl.LOCK_NB
GIVE = fcntl.LOCK_UN
_flock = fcntl.flock
_YIELDS = 64  # a turn is some microseconds long: yielding the processor is enough unless its holder lost it
_NAP = 0.00005
_LONGEST_NAP = 0.0004
_STUCK_PATIENCE = 0.02


class Turn:
    """The turn to write in one directory.

    Args:
        path: the file to lock; created if missing.
        timeout: seconds after which waiting ends with Unavailable. Once that has happened, others wait 20 ms only
            until a turn is had again, so a stopped writer does not tie up every worker for the whole time.

    Attributes:
        lock, fd: what `take` takes: the threads' lock, then flock on the descriptor. The hot path does it by itself.
    """

    __slots__ = ("_path", "_stuck", "fd", "lock", "timeout")

    def __init__(self, path: Path, timeout: float) -> None:
        self._path, self.timeout = path, timeout
        self.lock = threading.Lock()
        self.fd = -1
        self._stuck = False

    def open(self) -> None:
        """Open the file; without effect if it is open."""
        if self.fd < 0:
            self.fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        """Close the file."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def freeze(self) -> bool:
        """Keep the threads of this process from writing, for a fork; False if one does not finish."""
        return self.lock.acquire(timeout=self.timeout)

    def thaw(self) -> None:
        """Undo `freeze`."""
        self.lock.release()

    @property
    def busy(self) -> bool:
        """Whether a thread of this process has the turn or waits for it."""
        return self.lock.locked()

    def after_fork_child(self) -> None:
        """In a child: the parent's turn is not ours. Closing our copy of its descriptor does not end its turn."""
        self.close()
        self.lock = threading.Lock()
        self._stuck = False

    def take(self) -> None:
        """Wait for the turn, at most `timeout`.

        Raises:
            Unavailable: it was not to be had in time; some process holds it and does not go on.
        """
        if not self.lock.acquire(False):
            self.wait_for_threads()
        try:
            try:
                _flock(self.fd, TAKE)
            except BlockingIOError:
                self.wait_for_processes()
            except (OSError, ValueError):
                raise Unavailable(reason="state: closed by another thread") from None
        except BaseException:
            self.lock.release()
            raise

    def give(self) -> None:
        """End the turn."""
        try:
            _flock(self.fd, GIVE)
        finally:
            self.lock.release()

    def afresh(self) -> None:
        """Wait the whole time again, whatever was before: where losing what is written is worse than waiting."""
        self._stuck = False

    def _patience(self) -> float:
        return min(self.timeout, _STUCK_PATIENCE) if self._stuck else self.timeout

    def wait_for_threads(self) -> None:
        """Take `lock`, which another thread has."""
        if not self.lock.acquire(timeout=self._patience()):
            raise Unavailable(reason="state: no turn to write, a thread of this process waits for one too")

    def wait_for_processes(self) -> None:
        """Lock `fd`, which another process has locked; `lock` is held, and stays held if this raises."""
        end = time.monotonic() + self._patience()
        tries, nap = 0, _NAP
        while True:
            if tries < _YIELDS:
                tries += 1
                os.sched_yield()
            else:
                time.sleep(nap)
                nap = min(nap * 2, _LONGEST_NAP)
            try:
                _flock(self.fd, TAKE)
            except BlockingIOError:
                if time.monotonic() > end:
                    self._stuck = True
                    raise Unavailable(reason="state: no turn to write, a writer is stopped") from None
            else:
                self._stuck = False
                return
