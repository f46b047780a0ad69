"""Verifies the tokens of other issuers as RFC 8725 asks: shape, header, key, signature, claims, in this order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from joserfc.jws import JWSRegistry

from stockade.core import clock
from stockade.schemes.external import strict
from stockade.schemes.external.conf import ACCESS, ID, Issuer
from stockade.schemes.external.jwks import MAX_KID, Key
from stockade.schemes.external.keys import ring_of
from stockade.schemes.external.parsers import ALGORITHMS
from stockade.schemes.jwt.compact import decode, peek, refuse

MAX_LENGTH = 8192  # what web servers take as one header line
_MAX_HEADER = 1024
_MAX_DATE = 2**40
_MAX_TEXT = 255
_MAX_DEPTH = 16
_SHAPE = re.compile(r"([A-Za-z0-9_-]{2,1024})\.([A-Za-z0-9_-]{2,8192})\.([A-Za-z0-9_-]{2,1400})", re.ASCII)
_KID = re.compile(r"[ -~]+", re.ASCII)
# Keys that a forger would have us follow (RFC 8725 section 3.10), and what changes how the rest is read. Others, such
# as Entra's x5t, say nothing that we go by (RFC 7515 section 4: ignore what is not understood).
_REFUSED: Final = ("jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc", "epk", "p2s", "p2c")
_MODELS = {name: JWSRegistry.algorithms[name] for name in ALGORITHMS}
_ACCESS_TYPES = frozenset({"at+jwt", "application/at+jwt"})
_LOOSE_TYPES = frozenset({"jwt", "application/jwt", *_ACCESS_TYPES})  # and none at all
# What only an ID token has (OpenID Connect Core 1.0 sections 2, 3.1.3.6, 3.3.2.11), or a token about logging out.
_ID_MARKS = ("nonce", "at_hash", "c_hash", "s_hash", "events", "sub_jwk")
_BODY_TYPES = frozenset(
    {"bearer", "access", "access_token", "jwt", "at+jwt"}
)  # Keycloak writes "Bearer", "ID", "Refresh"


@dataclass(frozen=True, slots=True)
class Verified:
    """What a token of an issuer says, and the key that proves it.

    Args:
        issuer: whose it is.
        claims: every claim.
        key: that verified it.
        id: names it in logs, and in bans.
        subject: its `sub`.
        client: the client that it was issued to; "" where it does not say.
        issued, expires: seconds since the epoch; the second with LEEWAY.
    """

    issuer: Issuer
    claims: dict[str, Any] = field(repr=False)
    key: Key
    id: str
    subject: str
    client: str
    issued: float
    expires: float


def issuer_in(value: str) -> str:
    """The `iss` that a JWS claims, unverified and only to see whose it may be; "" for none."""
    if not value.startswith("ey") or len(value) > MAX_LENGTH:
        return ""
    parts = value.split(".", 3)
    found = peek(parts[1]).get("iss") if len(parts) == 3 else None
    return found if isinstance(found, str) else ""


def verify(value: str, issuer: Issuer) -> Verified:
    """Prove a token. May wait for the issuer's keys, see `keys.IssuerKeyring.find`.

    Args:
        value: what the client sent.
        issuer: whose it claims to be.

    Raises:
        InvalidCredential: it does not hold. Unavailable: the issuer's keys cannot be had.
    """
    if len(value) > MAX_LENGTH:
        refuse("too_long")
    match = _SHAPE.fullmatch(value)
    if match is None:
        parts = value.split(".", 5)
        refuse("unsigned" if len(parts) == 3 and not parts[2] else "parts" if len(parts) != 3 else "encoding")
    header, payload, signature = match.groups()
    alg, kid = _header(_object(decode(header), "header"), issuer)
    proof, body = decode(signature), decode(payload)
    key = ring_of(issuer).find(kid)
    if key is None:
        refuse("unknown_key")
    # The key decides, never the token: what it is not made for it does not verify (RFC 8725 sections 3.1 and 3.2).
    if alg not in key.algorithms:
        refuse("wrong_alg")
    try:
        holds = _MODELS[alg].verify(f"{header}.{payload}".encode("ascii"), proof, key.key)
    except (ValueError, TypeError):  # a signature that its algorithm cannot even read
        holds = False
    if not holds:
        refuse("signature")
    return _judged(_object(body, "claims"), issuer, key, value)


def _header(header: dict[str, Any], issuer: Issuer) -> tuple[str, str]:
    for name in _REFUSED:
        if name in header:
            refuse(f"header_{name}")
    alg, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(alg, str):
        refuse("alg_missing")
    if alg.lower() == "none":
        refuse("alg_none")
    if alg not in issuer.algorithms:
        refuse("wrong_alg")
    if not isinstance(kid, str) or not kid:
        refuse("kid_missing")
    if len(kid) > MAX_KID or not _KID.fullmatch(kid):
        refuse("kid")
    if typ is not None and not isinstance(typ, str):
        refuse("wrong_typ")
    said = (typ or "").lower()  # media types have no case (RFC 7515 section 4.1.9)
    if issuer.type == ACCESS:
        if said not in _ACCESS_TYPES:
            refuse("wrong_typ")
    elif (said and said not in _LOOSE_TYPES) or (issuer.type == ID and said in _ACCESS_TYPES):
        refuse("wrong_typ")
    return alg, kid


def _judged(claims: dict[str, Any], issuer: Issuer, key: Key, value: str) -> Verified:
    if claims.get("iss") != issuer.issuer:
        refuse("wrong_iss")
    audience = claims.get("aud")
    listed: list[Any] = audience if isinstance(audience, list) else [audience]
    if not all(isinstance(one, str) for one in listed) or set(issuer.audience).isdisjoint(listed):
        refuse("wrong_aud")
    now = clock.now()
    expires, issued = _date(claims, "exp"), _date(claims, "iat")
    if expires + issuer.leeway <= now:
        refuse("expired")
    if issued > now + issuer.leeway:
        refuse("issued_in_future")
    if "nbf" in claims and _date(claims, "nbf") > now + issuer.leeway:
        refuse("not_yet_valid")
    if issued >= expires:
        refuse("claim_iat")
    if expires - issued > issuer.max_lifetime:
        refuse("too_long_lived")
    _kind(claims, issuer, listed)
    subject = _text(claims, "sub")
    if not subject.isprintable():
        refuse("claim_sub")
    # Of a proof of possession that we do not check: whoever has stolen the token lacks it (RFC 7800 section 3).
    if "cnf" in claims:
        refuse("bound_to_key")
    return Verified(
        issuer,
        claims,
        key,
        _id(claims, issuer, value),
        subject,
        _client(claims),
        issued,
        expires + issuer.leeway,
    )


def _kind(claims: Mapping[str, Any], issuer: Issuer, audience: list[str]) -> None:
    """Refuse an ID token where access tokens are meant, and the other way round (RFC 9068 section 5)."""
    # Keycloak, and Cognito: a token that says both must be right by both.
    told = [claims[name] for name in ("typ", "token_use") if claims.get(name) is not None]
    if issuer.type == ID:
        if any(isinstance(said, str) and said.lower() != "id" for said in told):
            refuse("wrong_type")
        # OpenID Connect Core 1.0 section 3.1.3.7, points 3 to 5: it is for one client, and that is this API's own.
        if len(audience) > 1 and claims.get("azp") not in issuer.audience:
            refuse("wrong_azp")
        # A service's own (Google) is of nobody else.
        if "azp" in claims and claims["azp"] not in issuer.audience and claims["azp"] != claims.get("sub"):
            refuse("wrong_azp")
        return
    marks = [mark for mark in _ID_MARKS if mark in claims]
    # Keycloak's access tokens had a nonce until version 24, and say of themselves that they are none but that.
    if marks and not (marks == ["nonce"] and claims.get("typ") == "Bearer"):
        refuse("id_token")
    for said in told:
        if not isinstance(said, str) or said.lower() not in _BODY_TYPES:
            refuse("id_token" if isinstance(said, str) and said.lower() == "id" else "wrong_type")


def _client(claims: Mapping[str, Any]) -> str:
    for name in ("client_id", "azp", "appid", "cid"):  # RFC 9068; Keycloak and Auth0; Entra 1.0; Okta
        found = claims.get(name)
        if isinstance(found, str) and 0 < len(found) <= _MAX_TEXT and found.isprintable():
            return found
    return ""


def _id(claims: Mapping[str, Any], issuer: Issuer, value: str) -> str:
    """Its `jti` under the issuer's name, so that nothing of ours has the same; a digest where there is none."""
    for name in ("jti", "uti"):  # RFC 7519; Entra
        found = claims.get(name)
        if isinstance(found, str) and re.fullmatch(r"[!-~]{1,64}", found):
            return f"{issuer.name}:{found}"
    return f"{issuer.name}:{sha256(value.encode()).hexdigest()[:32]}"


def _date(claims: Mapping[str, Any], name: str) -> float:
    found = claims.get(name)
    if type(found) not in (int, float) or not 0 <= found < _MAX_DATE:  # type: ignore[operator]  # bool is no date
        refuse(f"claim_{name}")
    return float(found)  # type: ignore[arg-type]


def _text(claims: Mapping[str, Any], name: str) -> str:
    found = claims.get(name)
    if type(found) is not str or not 0 < len(found) <= _MAX_TEXT:
        refuse(f"claim_{name}")
    return found


def _object(data: bytes, what: str) -> dict[str, Any]:
    try:
        found = strict.loads(data)
    except strict.Twice:
        refuse(f"{what}_twice")
    except (ValueError, RecursionError):
        refuse(f"{what}_json")
    if not isinstance(found, dict) or not _shallow(found, _MAX_DEPTH):
        refuse(f"{what}_json")
    return found


def _shallow(value: Any, left: int) -> bool:
    """Whether nothing is nested more deeply than `left`: claims are copied for views, by recursion."""
    if left < 0:
        return False
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(_shallow(one, left - 1) for one in inside)
