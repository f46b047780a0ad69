"""The secrets of one key: a JWK to sign with and 32 bytes to make MACs with, and how they become bytes and back."""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from stockade.core.errors import ConfigurationError

Key: TypeAlias = ECKey | OKPKey | RSAKey | OctKey

SYMMETRIC: Final = frozenset({"HS256"})
_TYPES: Final[dict[str, type[Key]]] = {"ES256": ECKey, "EdDSA": OKPKey, "RS256": RSAKey, "HS256": OctKey}
_RSA_BITS = 3072  # as strong as the others: 128 bits (NIST SP 800-57 part 1, table 2)
_BYTES = 32


@dataclass(frozen=True, slots=True)
class Material:
    """What a row holds, ready for use. Its repr shows nothing of it.

    Args:
        private: signs. public: verifies; the same object for a symmetric key.
        public_jwk: as it stands in the JWKS; empty for a symmetric key.
        mac: the MAC secret.
    """

    private: Key = field(repr=False)
    public: Key = field(repr=False)
    public_jwk: dict[str, Any] = field(repr=False)
    mac: bytes = field(repr=False)


def generate(algorithm: str) -> tuple[str, Material]:
    """A new key and its id: the RFC 7638 thumbprint; random where a thumbprint would tell of the secret."""
    match algorithm:
        case "ES256":
            private: Key = ECKey.generate_key("P-256")
        case "EdDSA":
            private = OKPKey.generate_key("Ed25519")
        case "RS256":
            private = RSAKey.generate_key(_RSA_BITS)
        case "HS256":
            private = OctKey.generate_key(8 * _BYTES)
        case _:
            raise ValueError(f"{algorithm!r} is no algorithm of the key ring.")
    kid = secrets.token_urlsafe(_BYTES) if algorithm in SYMMETRIC else private.thumbprint()
    if kid.startswith("-"):  # one of 64: to `stockade keyring retire KID` it would be an option
        return generate(algorithm)
    return kid, _ready(private, kid, algorithm, secrets.token_bytes(_BYTES))


def pack(material: Material) -> bytes:
    """The bytes that are wrapped."""
    jwk = material.private.as_dict(private=True)
    return json.dumps({"jwk": jwk, "mac": urlsafe_b64encode(material.mac).decode()}).encode()


def unpack(plain: bytes, kid: str, algorithm: str) -> Material:
    """The material in unwrapped bytes; the public key is taken from them, never from the row's open columns.

    Raises:
        ConfigurationError: E074, it is not the key that the row's id names.
    """
    found = _parse(plain, algorithm)
    del plain
    if found is None or (algorithm not in SYMMETRIC and found[0].thumbprint() != kid):
        raise ConfigurationError(
            "stockade.E074",
            f"The row of the signing key {kid} does not hold that key.",
            f"Restore it from a backup, or `stockade keyring retire {kid} --compromised`.",
        )
    return _ready(found[0], kid, algorithm, found[1])


def _parse(plain: bytes, algorithm: str) -> tuple[Key, bytes] | None:
    """None if malformed: an exception from in here would carry what it choked on."""
    try:
        held = json.loads(plain)
        key = _TYPES[algorithm].import_key(held["jwk"])
        mac = urlsafe_b64decode(held["mac"])
    except Exception:  # noqa: BLE001 - whatever is wrong with it, the answer is the same
        return None
    return (key, mac) if len(mac) == _BYTES and key.is_private else None


def _ready(private: Key, kid: str, algorithm: str, mac: bytes) -> Material:
    if algorithm in SYMMETRIC:
        # joserfc's `as_dict(private=False)` of an OctKey holds the secret: a symmetric key has no public form at all.
        return Material(private, private, {}, mac)
    public: dict[str, Any] = {**private.as_dict(private=False), "kid": kid, "use": "sig", "alg": algorithm}
    return Material(private, _TYPES[algorithm].import_key(public), public, mac)
