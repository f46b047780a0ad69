"""What a worker answers to the driver."""

from __future__ import annotations

from typing import NamedTuple


class Counts(NamedTuple):
    """What `requests` requests did.

    Args:
        sql: queries.
        trips: round trips to the Redis.
        commands: what the Redis ran, by name.
    """

    requests: int
    sql: int
    trips: int
    commands: dict[str, int]


class Answer(NamedTuple):
    """One response."""

    status: int
    headers: dict[str, str]
    body: bytes
