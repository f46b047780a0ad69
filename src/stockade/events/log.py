"""The structured log: one line of JSON an event, one write a line, from any number of processes into one file."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson

from stockade.core import clock
from stockade.events.conf import STREAMS
from stockade.events.ecs import document
from stockade.events.record import Record

# A write to a pipe is whole, whoever else writes, only up to PIPE_BUF (POSIX write(2)); on Linux that is 4096. An
# append to a file is whole at any length.
LINE_MAX = 4096
_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
_LOOK_EVERY = 1_000_000  # microseconds between two looks at whether the file was rotated
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY


def encode(record: Record) -> bytes:
    """The record as one line of JSON with its newline, at most LINE_MAX bytes long."""
    line = orjson.dumps(document(record), option=_OPTIONS)
    if len(line) > LINE_MAX:
        short = document(record)
        short["stockade.details"] = {"truncated": len(line)}
        short.pop("user_agent.original", None)
        line = orjson.dumps(short, option=_OPTIONS)
    return line


class LogSink:
    """Writes each record with one `os.write` to a stream or to a file opened for appending.

    The file is opened again when it was renamed or removed (logrotate), noticed within a second, or at once after
    `reopen`. What cannot be written (a full disk, a closed pipe, a reader that does not keep up on a non-blocking
    stream) is dropped and counted in `dropped`; nothing is raised and nothing waits.

    Args:
        target: ``"stderr"``, ``"stdout"`` or an absolute path; created with mode 0600 (it holds personal data).
        report: makes the record that tells, once lines are taken again, how many were lost; at most one a minute.
    """

    def __init__(self, target: str, report: Callable[[int], Record]) -> None:
        self.target = target
        self._make_report = report
        self.dropped = 0
        self._reported = 0
        self._report_at = 0
        self._fd = STREAMS.get(target, -1)
        self._own = target not in STREAMS
        self._inode: tuple[int, int] | None = None
        self._look_at = 0
        self._torn = False
        self._lock = threading.Lock()

    def write(self, records: Sequence[Record], /) -> None:
        """Write each record; never raises."""
        for record in records:
            self._write(encode(record))

    def _write(self, line: bytes) -> None:
        if self._own and clock.ticks() >= self._look_at:
            self._look()
        if self._torn:  # the last line ended half-way: do not let this one be read as its rest
            line = b"\n" + line
        try:
            written = os.write(self._fd, line)
        except OSError:
            # EAGAIN, EPIPE, ENOSPC, EBADF: the log must not decide whether the request is answered.
            self.dropped += 1
            return
        self._torn = False
        if written != len(line):
            self._finish(line[written:])
        elif self.dropped != self._reported and clock.ticks() >= self._report_at:
            lost = self.dropped - self._reported
            self._reported = self.dropped
            self._report_at = clock.ticks() + 60_000_000
            self._write(encode(self._make_report(lost)))

    def _finish(self, rest: bytes) -> None:
        # A signal, a full pipe or a full disk cut the line: one more try, then it counts as lost.
        written = 0
        with contextlib.suppress(OSError):
            written = os.write(self._fd, rest)
        if written != len(rest):
            self.dropped += 1
            self._torn = True

    def _look(self) -> None:
        with self._lock:
            if clock.ticks() < self._look_at:
                return
            try:
                status = Path(self.target).stat()
                there: tuple[int, int] | None = (status.st_dev, status.st_ino)
            except OSError:
                there = None
            if self._fd < 0 or there is None or there != self._inode:
                self._open()
            self._look_at = clock.ticks() + _LOOK_EVERY

    def _open(self) -> None:
        try:
            fresh = os.open(self.target, _FLAGS, 0o600)
        except OSError:
            return  # keep writing into the old file: better there than nowhere
        if self._fd >= 0:
            # Another thread may be about to write to this number: put the new file under it instead of closing it.
            os.dup2(fresh, self._fd, inheritable=False)
            os.close(fresh)
        else:
            self._fd = fresh
        status = os.fstat(self._fd)
        self._inode = (status.st_dev, status.st_ino)
        self._torn = False

    def after_fork(self) -> None:
        """In a forked child: a lock that another thread of the parent held would stay held."""
        self._lock = threading.Lock()

    def reopen(self) -> None:
        """Look for a rotated file at the next write."""
        self._look_at = 0

    def problem(self) -> str:
        """Why nothing can be written to the file, or "" if something can; for the check at start."""
        if not self._own:
            return ""
        self._look()
        if self._fd >= 0:
            return ""
        folder = Path(self.target).parent
        return f"{self.target} cannot be opened for appending" + (
            "" if folder.is_dir() else f": there is no {folder}"
        )

    def __del__(self) -> None:
        # Closed when nobody holds the sink any more, not before: a thread in `_write` would else write the line into
        # whatever file or socket got the number next.
        if self._own and self._fd >= 0:
            os.close(self._fd)
