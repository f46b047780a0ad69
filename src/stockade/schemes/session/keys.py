"""Keys of sessions: random, with a mark that we made them; a table holds their digests only."""

from __future__ import annotations

import hmac
import re

from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.utils.crypto import get_random_string

from stockade.core import tenant
from stockade.schemes.opaque.keys import DigestKey, digest_keys

_RANDOM = 32  # characters as of Django's own keys, 165 bits
_MARK = 16  # hex digits
_SHAPE = re.compile(rf"[a-z0-9]{{{_RANDOM}}}[0-9a-f]{{{_MARK}}}", re.ASCII)


def new_key() -> str:
    """A key that nobody has."""
    random = get_random_string(_RANDOM, VALID_KEY_CHARS)
    return random + _mark(digest_keys()[0], random)


def is_ours(value: str) -> bool:
    """Whether we have made a key, under SECRET_KEY or a fallback; no I/O.

    So made-up cookies cost no SQL, and nobody's address has to answer for them.
    """
    if not _SHAPE.fullmatch(value):
        return False
    random, mark = value[:_RANDOM], value[_RANDOM:]
    return any(hmac.compare_digest(mark, _mark(key, random)) for key in digest_keys())


def digest(key: DigestKey, value: str) -> str:
    """What the table holds in a key's place. Another for each tenant: a key of one opens nothing at another."""
    return key.mac(b"session", f"{tenant.here()}\0{value}")


def _mark(key: DigestKey, random: str) -> str:
    return key.mac(b"session mark", random)[:_MARK]
