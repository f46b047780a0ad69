"""What somebody finds who has a copy of the database: every value, what in it looks like a credential, and decoded."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

# A JWT, one of ours or of a package, a dotted key, hex, base64 of either alphabet: each as long as it goes.
SHAPES = tuple(
    re.compile(pattern)
    for pattern in (
        r"[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]+)*",
        r"st[a-z]_\w{20,}",
        r"\w{1,8}\.\w{22,}",
        r"\b[0-9a-fA-F]{32,}\b",
        r"[A-Za-z0-9+/_-]{20,}={0,2}",
        r"[\w.$:-]{20,}",
    )
)
LEAST, MOST = 8, 20_000  # shorter ones could be guessed without a database


def values(rows: Iterable[Iterable[Any]]) -> set[str]:
    """Of every value of some rows what may be shown to a server: itself, its parts, its decodings."""
    found: set[str] = set()
    for row in rows:
        for value in row:
            for text in _texts(value):
                found.update(_candidates(text))
    return {one for one in found if LEAST <= len(one) <= MOST and one.isascii() and one.isprintable()}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, memoryview):
        value = bytes(value)
    if isinstance(value, bytes):
        yield value.decode("latin-1")
        yield value.hex()
        yield base64.b64encode(value).decode()
        yield base64.urlsafe_b64encode(value).rstrip(b"=").decode()
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
    elif value is not None:
        text = str(value)
        yield text
        if text[:1] in "{[":
            with contextlib.suppress(ValueError):
                yield from _texts(json.loads(text))


def _candidates(text: str) -> Iterator[str]:
    yield text.strip()
    for shape in SHAPES:
        for part in shape.findall(text):
            yield part
            yield from _decoded(part)


def _decoded(text: str) -> Iterator[str]:
    for decode in (_hex, _base64):
        try:
            found = decode(text)
        except (ValueError, binascii.Error):
            continue
        yield found.hex()
        yield base64.urlsafe_b64encode(found).rstrip(b"=").decode()
        with contextlib.suppress(UnicodeDecodeError):
            yield found.decode("ascii")


def _hex(text: str) -> bytes:
    return bytes.fromhex(text)


def _base64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4))
