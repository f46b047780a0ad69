"""Ed25519 for `v1a` of Standard Webhooks: the one module of the room that imports cryptography."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SEED: Final = 32  # bytes
_P: Final = 2**255 - 19
_Y8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826  # of a point of order 8
# The y of all points whose order divides 8. Under one of them as a key there are signatures for every message that
# nobody needs a key to make, and OpenSSL verifies them (RFC 8032 section 5.1.7 has no check of the key).
_SMALL: Final = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})


class PublicKey:
    """A key that verifies.

    Raises:
        ValueError: the bytes are none.
    """

    __slots__ = ("_key", "raw")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != SEED:
            raise ValueError(f"A whpk_ key holds {SEED} bytes.")
        if (int.from_bytes(raw, "little") & (2**255 - 1)) % _P in _SMALL:
            raise ValueError("A whpk_ key is of small order: everybody could sign.")
        self.raw = raw
        self._key = Ed25519PublicKey.from_public_bytes(raw)

    def holds(self, signature: bytes, signed: bytes | bytearray) -> bool:
        """Whether the signature is this key's over `signed`."""
        try:
            self._key.verify(signature, signed)
        except InvalidSignature:
            return False
        return True


class PrivateKey:
    """A key that signs: 32 bytes, or 64 where the public key is written behind them, as libsodium does.

    Raises:
        ValueError: the bytes are none.
    """

    __slots__ = ("_key", "public")

    def __init__(self, raw: bytes) -> None:
        if len(raw) not in (SEED, 2 * SEED):
            raise ValueError(f"A whsk_ key holds {SEED} or {2 * SEED} bytes.")
        self._key = Ed25519PrivateKey.from_private_bytes(raw[:SEED])
        public = self._key.public_key().public_bytes_raw()
        if raw[SEED:] and raw[SEED:] != public:
            raise ValueError("The two halves of a whsk_ key do not belong together.")
        self.public = PublicKey(public)

    def sign(self, signed: bytes | bytearray) -> bytes:
        """The signature over `signed`."""
        return self._key.sign(bytes(signed))
