"""Which keys of an issuer's JWKS verify its tokens (RFC 7517): only what is safe to use, and nothing ambiguous."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from stockade.schemes.external.conf import Issuer

MAX_KEYS = 100
MAX_KID = 256
_RSA_LEAST, _RSA_MOST = (
    2048,
    8192,
)  # RFC 7518 section 3.3; more costs a worker milliseconds for each forged token
_EXPONENT_LEAST, _EXPONENT_MOST = 65_537, 2**32
_CURVES: Final = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}
_TENANT = "{tenantid}"
NO_KEY = "no_usable_key"  # reason of a document that is a JWKS
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class Unusable(Exception):
    """A document without one key to use.

    Args:
        reason: in one word, for the log.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Key:
    """One public key.

    Args:
        kid: its name at the issuer.
        algorithms: what it verifies: those of its own type that the issuer's entry allows.
        thumbprint: RFC 7638; what it is, whatever it is called.
    """

    kid: str
    algorithms: frozenset[str]
    thumbprint: str
    key: Any = field(repr=False, compare=False)


def parse(document: Mapping[str, Any], issuer: Issuer) -> dict[str, Key]:
    """The keys by their kid. One that is not understood or not safe is left out, as RFC 7517 section 5 has it.

    Args:
        document: as it was fetched.
        issuer: whose.

    Raises:
        Unusable: it is no JWKS, has too many keys, or none is left.
    """
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise Unusable("no_jwks")
    if len(listed) > MAX_KEYS:
        raise Unusable("too_many_keys")
    found: dict[str, Key] = {}
    ambiguous: set[str] = set()
    for jwk in listed:
        key = _key(jwk, issuer)
        if key is None:
            continue
        # Two keys of one name: which of them signed would be for the attacker to say. Neither is used.
        if key.kid in found and found[key.kid].thumbprint != key.thumbprint:
            ambiguous.add(key.kid)
        found[key.kid] = key
    for kid in ambiguous:
        del found[kid]
    if not found:
        raise Unusable(NO_KEY)
    return found


def _key(jwk: Any, issuer: Issuer) -> Key | None:
    if not isinstance(jwk, dict):
        return None
    kid = jwk.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID:
        return None
    if jwk.get("use", "sig") != "sig" or "verify" not in _operations(jwk):
        return None
    # A private key that is public, or a symmetric one, which "verifies" what anyone signs.
    if not _PRIVATE.isdisjoint(jwk):
        return None
    if not _is_of(jwk.get("issuer"), issuer.issuer):
        return None
    algorithms = _algorithms(jwk, issuer)
    if not algorithms:
        return None
    try:
        made = _made(jwk)
        thumbprint = made.thumbprint() if made is not None else ""
    except (JoseError, ValueError, TypeError, KeyError, OverflowError):  # RFC 7517: ignore what is malformed
        return None
    return Key(kid, algorithms, thumbprint, made) if made is not None else None


def _is_of(said: Any, issuer: str) -> bool:
    """Whether a key signs this issuer's tokens, where it stands beside the key, as in Entra's one document for many.

    Args:
        said: an issuer, or a pattern of one for each tenant.
        issuer: as configured.
    """
    if said is None:
        return True
    before, placeholder, after = str(said).partition(_TENANT)
    if not placeholder:
        return bool(said == issuer)
    middle = issuer.removeprefix(before).removesuffix(after)
    return issuer == before + middle + after and bool(middle) and "/" not in middle


def _operations(jwk: Mapping[str, Any]) -> Any:
    found = jwk.get("key_ops", ["verify"])
    return found if isinstance(found, list) else []


def _algorithms(jwk: Mapping[str, Any], issuer: Issuer) -> frozenset[str]:
    """What a key may verify: of its type and curve, allowed for the issuer, and as it says itself where it does."""
    kind, curve = jwk.get("kty"), jwk.get("crv")
    if kind == "RSA":
        fits = {name for name in issuer.algorithms if name[:2] in ("RS", "PS")}
    elif kind in ("EC", "OKP"):
        fits = {name for name in issuer.algorithms if _CURVES.get(name) == curve}
        fits = {name for name in fits if (name == "EdDSA") == (kind == "OKP")}
    else:
        return frozenset()
    said = jwk.get("alg")
    return frozenset(fits if said is None else fits & {said} if isinstance(said, str) else ())


def _made(jwk: Mapping[str, Any]) -> Any:
    # Its numbers alone: nothing else of a stranger's document reaches the library.
    if jwk["kty"] == "RSA":
        # Measured before the library sees it, which would warn of a short one and take its time for a long one.
        modulus, exponent = _number(jwk["n"]), _number(jwk["e"])
        if not _RSA_LEAST <= modulus.bit_length() <= _RSA_MOST:
            return None
        if not _EXPONENT_LEAST <= exponent <= _EXPONENT_MOST:
            return None
        return RSAKey.import_key({"kty": "RSA", "n": jwk["n"], "e": jwk["e"]})
    if jwk["kty"] == "EC":
        return ECKey.import_key({"kty": "EC", "crv": jwk["crv"], "x": jwk["x"], "y": jwk["y"]})
    return OKPKey.import_key({"kty": "OKP", "crv": jwk["crv"], "x": jwk["x"]})


def _number(text: str) -> int:
    """A Base64urlUInt (RFC 7518 section 2)."""
    if len(text) > 2 * _RSA_MOST // 8:
        raise ValueError
    return int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
