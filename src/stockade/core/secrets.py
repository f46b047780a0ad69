"""Strings that hold a secret: they redact themselves, carry a checksum, and are stored as keyed digests."""

from __future__ import annotations

import hashlib
import hmac
import secrets as _random
import zlib
from typing import NoReturn

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BODY_LENGTH = 43  # 62**43 > 2**256
CHECK_LENGTH = 6  # 62**6 > 2**32, a CRC-32


class SecretStr:
    """A string that shows itself only when asked: repr, str, format, pickle and comparison do not leak it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself."""
        return self._value

    def __repr__(self) -> str:
        return "SecretStr('**********')"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SecretStr):
            return hmac.compare_digest(self._value.encode(), other._value.encode())
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a SecretStr is not pickled: it would land in a cache or a queue in clear text")


def base62(number: int, width: int) -> str:
    """`number` in base 62, left-padded with zeros to `width` characters."""
    digits = []
    while number:
        number, rest = divmod(number, 62)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits)).rjust(width, "0")


def generate(prefix: str) -> SecretStr:
    """A new opaque secret: `prefix`, 256 random bits, and a CRC-32 so that a scanner can tell ours from noise."""
    body = prefix + base62(int.from_bytes(_random.token_bytes(32), "big"), BODY_LENGTH)
    return SecretStr(body + checksum(body))


def checksum(body: str) -> str:
    """The check characters of an opaque secret's body (not a security control: it spares a database look-up)."""
    return base62(zlib.crc32(body.encode("ascii")), CHECK_LENGTH)


def has_shape(value: str, prefix: str) -> bool:
    """Whether `value` looks like a secret made by `generate(prefix)`, checksum included."""
    if (
        len(value) != len(prefix) + BODY_LENGTH + CHECK_LENGTH
        or not value.startswith(prefix)
        or not value.isascii()
    ):
        return False
    return checksum(value[:-CHECK_LENGTH]) == value[-CHECK_LENGTH:]


def keyed_digest(secret: str, key: bytes) -> str:
    """HMAC-SHA256 of a secret, in hex: what a database may hold of it."""
    return hmac.new(key, secret.encode(), hashlib.sha256).hexdigest()


def fingerprint(value: str) -> str:
    """A short public name for a secret in logs: the first 12 hex digits of its SHA-256."""
    return hashlib.sha256(value.encode()).hexdigest()[:12]
