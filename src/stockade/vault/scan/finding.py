"""One secret that was found, without the secret."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A secret, or what has the shape of one.

    Args:
        path: of the file; for a message of a commit or tag what it is.
        line: where in it, from 1; 0 where it is the file's name, or all of it.
        kind: see `kinds`.
        fingerprint: of the value: 12 hex digits of its SHA-256, for the list of what is none.
        commit: where it came into git's history; empty for a file as it is now.
    """

    path: str
    line: int
    kind: str
    fingerprint: str
    commit: str = ""
