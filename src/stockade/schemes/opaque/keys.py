"""What a table may hold of an opaque token, or of a session's key: digests under a key that is not in the database."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from hashlib import sha256

from stockade.keyring.conf import wrapping_keys
from stockade.keyring.wrapping import derive

_PURPOSE = b"stockade.opaque.digest.1"


@dataclass(frozen=True, slots=True)
class DigestKey:
    """A key of digests, derived from STOCKADE_KEY or SECRET_KEY or one of their fallbacks (RFC 5869).

    Args:
        name: as rows name it; tells nothing of the key.
    """

    name: str
    _secret: bytes = field(repr=False)

    def digest(self, value: str) -> str:
        """Of a token, 64 hex digits."""
        return self.mac(b"token", value)

    def stamp(self, subject: str, password: str) -> str:
        """Of the hash of a user's password: a changed one is noticed by it.

        Args:
            subject: the user's, so that two users' equal hashes have two stamps.
            password: what the user's row holds; an encoded hash, never a password.
        """
        return self.mac(b"stamp", f"{subject}\0{password}")

    def mac(self, purpose: bytes, text: str) -> str:
        """Of `text` for one purpose, 64 hex digits; what it is for another purpose tells nothing of it."""
        return hmac.new(
            self._secret, purpose + b"\0" + text.encode("utf-8", "surrogatepass"), sha256
        ).hexdigest()


_last: tuple[tuple[str, ...], tuple[DigestKey, ...]] | None = None


def digest_keys() -> tuple[DigestKey, ...]:
    """The keys as the settings have them now: new digests are made with the first, and any may have made one.

    Raises:
        ConfigurationError: see `wrapping_keys`.
    """
    global _last
    wanted = wrapping_keys().all
    found = _last
    if found is None or found[0] != wanted:
        found = _last = (wanted, tuple(dict.fromkeys(map(_derived, wanted))))
    return found[1]


def standing(name: str) -> str:
    """What the key that a row names is to the settings: ``current``, ``older`` (a fallback) or ``lost``."""
    names = [key.name for key in digest_keys()]
    if name not in names:
        return "lost"
    return "current" if name == names[0] else "older"


def key_named(name: str) -> DigestKey | None:
    """The key that a row names; None if it is not configured any more."""
    return next((key for key in digest_keys() if key.name == name), None)


def _derived(text: str) -> DigestKey:
    secret = text.encode("utf-8", "surrogateescape")
    return DigestKey(derive(secret, _PURPOSE + b".name", 8).hex(), derive(secret, _PURPOSE))
