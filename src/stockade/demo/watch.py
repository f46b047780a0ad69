"""Shows the security log in the terminal while it grows: one short line for each entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

_FIELDS = (
    "event.action",
    "event.reason",
    "http.response.status_code",
    "user.name",
    "http.request.method",
    "http.route",
)


class Watch:
    """Follows a file of JSON lines.

    Args:
        path: the file; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._rest = ""

    def lines(self) -> list[str]:
        """What was written since the last call, made short."""
        if self._file is None:
            if not self._path.is_file():
                return []
            self._file = self._path.open(encoding="utf-8", errors="replace")
        text = self._rest + self._file.read()
        complete, _, self._rest = text.rpartition("\n")
        return [short(line) for line in complete.split("\n") if line]

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()


def short(line: str) -> str:
    """One entry as a person reads it. What a client wrote may stand in it, and a terminal obeys escapes."""
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        return "?"
    time = str(entry.get("@timestamp", ""))[11:19]
    level = str(entry.get("log.level", "")).upper()
    words = " ".join(str(entry[field]) for field in _FIELDS if entry.get(field) not in (None, ""))
    return f"{time} {level:<8} {''.join(c if c.isprintable() else '?' for c in words)}"
