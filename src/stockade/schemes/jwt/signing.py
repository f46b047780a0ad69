"""Makes access tokens (RFC 9068) with the ring's signing key."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any

import orjson

from stockade import keyring
from stockade.conf import load
from stockade.core import clock
from stockade.core.tenant import audience
from stockade.schemes.conf import JWTSettings
from stockade.schemes.jwt import algorithms, compact, profile

# Ours to write. A caller's further claims may not replace one of them, nor claim what only a binding may (RFC 8705).
RESERVED = frozenset(
    {
        "iss",
        "aud",
        "sub",
        "client_id",
        "iat",
        "nbf",
        "exp",
        "jti",
        "auth_time",
        "amr",
        "acr",
        "sid",
        "scope",
        "cnf",
        "act",
        "may_act",
    }
)
MAX_CLAIMS = 4096


@dataclass(frozen=True, slots=True)
class Signed:
    """A new access token and what it says.

    Args:
        token: the compact JWS.
        id: its jti; safe to log.
        expires: seconds since the epoch.
    """

    token: str = field(repr=False)
    id: str
    expires: float


def checked(claims: Mapping[str, Any] | None) -> dict[str, Any]:
    """Further claims as they may stand in a token: JSON, small, and none of ours.

    Raises:
        ValueError: they may not.
    """
    found = dict(claims or {})
    for name in found:
        if not isinstance(name, str):
            raise ValueError("The names of claims are strings.")
        if name in RESERVED or name in profile.claims(""):
            raise ValueError(f"The claim {name!r} is written by Stockade; choose another name.")
    try:
        size = len(orjson.dumps(found))
    except TypeError as error:
        raise ValueError(f"Claims must be JSON: {error}.") from None
    if size > MAX_CLAIMS:
        raise ValueError(f"The claims take {size} bytes; at most {MAX_CLAIMS} fit into a header line.")
    return found


def sign(
    *,
    subject: str,
    tenant: str,
    session: uuid.UUID,
    client: str,
    scopes: str | None,
    auth_time: float,
    amr: str,
    acr: str,
    until: float,
    claims: Mapping[str, Any],
) -> Signed:
    """Make an access token.

    Args:
        subject: the user's, see `core.tenant`.
        tenant: whose user that is; "" where there are none. The token is for it alone.
        session: the session that it belongs to.
        client: the client it is issued to; "" for the setting's.
        scopes: space separated; None where the session has no scopes.
        auth_time: when the user last proved who they are, in seconds since the epoch.
        amr: how, as `core.methods.text` writes it; "" where that is not known.
        acr: the authentication context; "" for none.
        until: when the session is over; the token does not outlive it.
        claims: further claims, already `checked`.
    """
    settings = load(JWTSettings)
    kid, algorithm, key = keyring.ring().signer(settings.access_lifetime)
    now = int(clock.now())
    body: dict[str, Any] = {
        **claims,
        **profile.claims(subject),
        "iss": settings.issuer,
        "aud": audience(settings.audience, tenant),
        "sub": subject,
        "client_id": client or settings.client_id,
        "iat": now,
        "exp": min(now + int(settings.access_lifetime), int(until)),
        "jti": token_urlsafe(16),
        "auth_time": int(auth_time),
        "sid": str(session),
    }
    if amr:
        body["amr"] = amr.split()
    if acr:
        body["acr"] = acr
    if scopes is not None:
        body["scope"] = scopes
    signing = f"{algorithms.header(kid, algorithm)}.{compact.encode(orjson.dumps(body))}"
    signature = algorithms.MODELS[algorithm].sign(signing.encode("ascii"), key)
    return Signed(f"{signing}.{compact.encode(signature)}", body["jti"], body["exp"])
