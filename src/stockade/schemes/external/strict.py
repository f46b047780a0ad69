"""JSON that means one thing to everybody: no name twice in an object, no NaN, UTF-8."""

from __future__ import annotations

import json
from typing import Any


class Twice(ValueError):
    """A member name that occurs twice."""


def loads(data: bytes) -> Any:
    """The value of a JSON text.

    Raises:
        Twice: a name stands twice in one object (RFC 7515 section 4, RFC 7519 section 4).
        ValueError, RecursionError: it is no JSON, not UTF-8, or nested too deeply.
    """
    return json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    # Another reader might take the other one.
    if len(found) != len(pairs):
        raise Twice
    return found


def _constant(_: str) -> Any:
    raise ValueError
