"""What a worker answers to the driver."""

from __future__ import annotations

from typing import NamedTuple


class Counts(NamedTuple):
    """What `requests` requests did."""

    requests: int
    sql: int
    trips: int


class Answer(NamedTuple):
    """One response."""

    status: int
    headers: dict[str, str]
    body: bytes
