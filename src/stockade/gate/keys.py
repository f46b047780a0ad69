"""The key bytes of limits and epochs: injective, of bounded length, and readable again for listings.

A limit's key is ``l name 0 whom 0 shape``; an epoch's ``s subject`` or ``t session``. In what users may choose, the
bytes 0, 1 and 2 are escaped, so that a part can end no sooner than it does, and what is long is replaced by the byte
2 and its SHA-256: two callers never share a key, and nobody can make one that a state refuses.
"""

from __future__ import annotations

import hashlib

from stockade.gate.protocol import LISTS, MAX_KEY, WORLD, Limit

LIMIT = b"l"
SUBJECT = b"s"
SESSION = b"t"
_LONG = 180  # bytes of one identity; two letters, a name of 100, and the shape then stay far below MAX_KEY


def limit_key(limit: Limit, whom: str) -> bytes:
    """The key under which `limit` counts `whom` (an address, a principal, an endpoint; see `join` for several)."""
    # Printable text has none of the bytes that need an escape, and no lone surrogate.
    if whom.isprintable():
        raw = whom.encode()
        if len(raw) <= _LONG:
            return limit.head + raw + limit.tail
    return limit.head + _encode(whom) + limit.tail


def limit_prefix(name: str = "", whom: str | None = None) -> bytes:
    """What the keys of a limit, or of one whom it counts, start with; for `Gate.usage` and `Gate.clear`."""
    if not name:
        return LIMIT
    prefix = LIMIT + name.encode() + b"\0"
    return prefix if whom is None else prefix + _encode(whom) + b"\0"


def parse_limit_key(key: bytes) -> tuple[str, str]:
    """Name and whom of a limit's key; a whom that was too long is shown as ``sha256:...``."""
    name, whom, _ = key[1:].split(b"\0")
    return name.decode(), _decode(whom)


def subject_key(subject: str) -> bytes:
    """The key of a subject's epoch."""
    return SUBJECT + _encode(subject)


def session_key(session: str) -> bytes:
    """The key of a session's epoch."""
    return SESSION + _encode(session)


def join(*parts: str) -> str:
    """One identity from several, such as scheme and subject: no two different lists give the same."""
    return "".join([f"{len(part)}:{part}" for part in parts])


def check_limit_key(key: bytes) -> None:
    """ValueError unless `key` may name a limit."""
    if key[:1] != LIMIT or len(key) > MAX_KEY:
        raise ValueError("This is no key of a limit. Use `limit_key`.")


def check_epoch_key(key: bytes) -> None:
    """ValueError unless `key` may name an epoch."""
    if key not in (WORLD, LISTS) and (key[:1] not in (SUBJECT, SESSION) or len(key) > MAX_KEY):
        raise ValueError("This is no key of an epoch. Use `subject_key` or `session_key`.")


def _encode(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogatepass")  # JSON and headers can carry lone surrogates
    if not text.isprintable():
        raw = raw.replace(b"\1", b"\1b").replace(b"\0", b"\1a").replace(b"\2", b"\1c")
    if len(raw) > _LONG:
        return b"\2" + hashlib.sha256(raw).hexdigest().encode()
    return raw


def _decode(raw: bytes) -> str:
    if raw.startswith(b"\2"):
        return "sha256:" + raw[1:].decode()
    raw = raw.replace(b"\1c", b"\2").replace(b"\1a", b"\0").replace(b"\1b", b"\1")
    return raw.decode("utf-8", "surrogatepass")
