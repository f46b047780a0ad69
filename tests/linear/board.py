"""What all clients know of all sessions: a file to which each appends what it got, so that copies of tokens spread."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Known:
    """What has been published of one session.

    Args:
        user: its owner's number.
        session: its id.
        since: nanoseconds of CLOCK_MONOTONIC when its login was answered.
        refresh, access: its tokens, as they came; of refresh tokens each once.
        made: when the last refresh token was first published.
    """

    user: int
    session: str
    since: int
    refresh: list[str] = field(default_factory=list)
    access: list[str] = field(default_factory=list)
    made: int = 0


class Board:
    """One process's view of the file; call `read` to see what the others have added."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._at = 0
        self._rest = b""
        self.sessions: dict[int, Known] = {}
        self.kids: list[str] = []

    def add(self, **entry: Any) -> None:
        """Publish one entry; with O_APPEND one write is one line, whoever else writes."""
        os.write(self._file, json.dumps(entry).encode() + b"\n")

    def read(self) -> None:
        """Take in what is new."""
        while chunk := os.pread(self._file, 1 << 20, self._at):
            self._at += len(chunk)
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                self._take(json.loads(line))

    def _take(self, entry: dict[str, Any]) -> None:
        if "kid" in entry:
            self.kids.append(entry["kid"])
            return
        number = entry["number"]
        if "session" in entry:
            self.sessions[number] = Known(entry["user"], entry["session"], entry["since"])
        known = self.sessions[number]
        known.access.append(entry["access"])
        if entry["refresh"] not in known.refresh:
            known.refresh.append(entry["refresh"])
            known.made = time.monotonic_ns()

    def close(self) -> None:
        os.close(self._file)
