"""How a row's secrets are kept: AES-256-GCM under a key derived from STOCKADE_KEY or SECRET_KEY.

Nothing here is invented: HKDF-SHA256 (RFC 5869) makes the key, AES-GCM (NIST SP 800-38D) with a random 96-bit nonce
seals. A wrapped value is ``version (1) | name of the wrapping key (8) | nonce (12) | ciphertext and tag``. The key id
and the algorithm are authenticated with it, so that no row's secret can be put under another row's name.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from stockade.core.errors import ConfigurationError
from stockade.keyring.conf import wrapping_keys

_VERSION = b"\x01"
_NAME = 8
_NONCE = 12  # bytes; random: collisions need 2**32 rows under one key (SP 800-38D section 8.3)
_HEAD = len(_VERSION) + _NAME + _NONCE


def derive(secret: bytes, purpose: bytes, length: int = 32) -> bytes:
    """A key for one purpose (RFC 5869); what one purpose's key does tells nothing of another's."""
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(secret)


class _Sealer:
    """One wrapping key."""

    __slots__ = ("_cipher", "name")

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(derive(secret, b"stockade.keyring.wrap.1"))
        self.name = derive(secret, b"stockade.keyring.wrap.1.name", _NAME)

    def seal(self, plain: bytes, bound: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return _VERSION + self.name + nonce + self._cipher.encrypt(nonce, plain, bound)

    def open(self, wrapped: bytes, bound: bytes) -> bytes | None:
        try:
            return self._cipher.decrypt(wrapped[_HEAD - _NONCE : _HEAD], wrapped[_HEAD:], bound)
        except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
            return None


class Wrapper:
    """Wraps with the current key, unwraps with every configured one.

    Args:
        keys: as the operator wrote them, the current one first.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        # SECRET_KEY may have any length and shape; HKDF takes it as it is.
        sealers = [_Sealer(key.encode("utf-8", "surrogateescape")) for key in keys]
        self._current = sealers[0]
        self._by_name = {sealer.name: sealer for sealer in reversed(sealers)}

    def wrap(self, plain: bytes, kid: str, algorithm: str) -> bytes:
        """Seal `plain` for the row of this key id and algorithm."""
        return self._current.seal(plain, _bound(kid, algorithm))

    def unwrap(self, wrapped: bytes, kid: str, algorithm: str) -> bytes:
        """What was sealed for this row.

        Raises:
            ConfigurationError: E070, the wrapping key is not configured any more; E074, the row was changed.
        """
        sealer = self._by_name.get(wrapped[1 : 1 + _NAME]) if wrapped[:1] == _VERSION else None
        if sealer is None:
            raise ConfigurationError(
                "stockade.E070",
                f"The signing key {kid} was wrapped with another STOCKADE_KEY or SECRET_KEY than is set now.",
                "Put the previous value into STOCKADE_KEY_FALLBACKS or SECRET_KEY_FALLBACKS, then run "
                "`stockade keyring rewrap`. If it is lost, give the key up, which ends its sessions: "
                f"`stockade keyring retire {kid} --compromised`.",
            )
        plain = sealer.open(wrapped, _bound(kid, algorithm))
        if plain is None:
            raise ConfigurationError(
                "stockade.E074",
                f"The row of the signing key {kid} was changed by someone without the wrapping key.",
                f"Find out by whom; then `stockade keyring retire {kid} --compromised`.",
            )
        return plain

    def is_current(self, wrapped: bytes) -> bool:
        """Whether `wrapped` was sealed with the key that `wrap` uses."""
        return wrapped[: 1 + _NAME] == _VERSION + self._current.name


_last: tuple[tuple[str, ...], Wrapper] | None = None


def configured_wrapper() -> Wrapper:
    """The wrapper as the settings have it now; the same one for as long as they stay the same.

    Raises:
        ConfigurationError: see `wrapping_keys`.
    """
    global _last
    keys = wrapping_keys().all
    found = _last
    if found is None or found[0] != keys:
        found = _last = (keys, Wrapper(keys))
    return found[1]


def _bound(kid: str, algorithm: str) -> bytes:
    return b"stockade.keyring.1\0" + kid.encode() + b"\0" + algorithm.encode()
