"""What an attacker can make: tokens with any header, any claims, signed with anything or nothing."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from joserfc.jws import JWSRegistry

from stockade import keyring


def encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def dumps(value: Any) -> str:
    return encode(value if isinstance(value, bytes) else json.dumps(value).encode())


def header_of(token: str) -> dict[str, Any]:
    return _part(token, 0)


def claims_of(token: str) -> dict[str, Any]:
    return _part(token, 1)


def _part(token: str, index: int) -> dict[str, Any]:
    part = token.split(".")[index]
    found: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def sign(header: Any, claims: Any, key: Any = None, algorithm: str = "") -> str:
    """Sign honestly, by default with the ring's own key: what is wrong is then only what the test put in."""
    signer = keyring.ring().signer()
    signing = f"{dumps(header)}.{dumps(claims)}"
    model = JWSRegistry.algorithms[algorithm or signer.algorithm]
    return f"{signing}.{encode(model.sign(signing.encode(), key or signer.key))}"


def sign_hmac(header: Any, claims: Any, secret: bytes) -> str:
    """HS256 with any bytes as the secret."""
    signing = f"{dumps(header)}.{dumps(claims)}"
    return f"{signing}.{encode(hmac.digest(secret, signing.encode(), 'sha256'))}"


def changed(token: str, *, header: dict[str, Any] | None = None, claims: dict[str, Any] | None = None) -> str:
    """`token` with other members (None takes one away), signed again with the ring's key."""
    return sign(_merged(header_of(token), header), _merged(claims_of(token), claims))


def _merged(old: dict[str, Any], new: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in {**old, **(new or {})}.items() if value is not None}
