"""Access tokens (RFC 9068): made with the ring's signing key, verified with the key that their kid names."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any

import orjson
from joserfc.jws import JWSRegistry

from stockade import keyring
from stockade.conf import load, on_change
from stockade.core import clock
from stockade.core.credential import Credential
from stockade.schemes.conf import ALGORITHMS, JWTSettings
from stockade.schemes.jwt import compact
from stockade.schemes.jwt.compact import refuse

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
        "sid",
        "scope",
        "cnf",
        "act",
        "may_act",
    }
)
MAX_CLAIMS = 4096
_MAX_DATE = 2**40  # seconds; the year 36812: still exact as a float
_MAX_TEXT = 255

# joserfc's own implementations of the algorithms, called without its compact parser: ours has read the header more
# strictly already. On the machine of docs/performance.md its parser costs 14 microseconds beside 43 for the ECDSA.
_ALGORITHMS = {name: JWSRegistry.algorithms[name] for name in ALGORITHMS}


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
        if name in RESERVED:
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
    session: uuid.UUID,
    client: str,
    scopes: str | None,
    auth_time: float,
    until: float,
    claims: Mapping[str, Any],
) -> Signed:
    """Make an access token.

    Args:
        subject: the user's primary key as text.
        session: the session that it belongs to.
        client: the client it is issued to; "" for the setting's.
        scopes: space separated; None where the session has no scopes.
        auth_time: when the user proved the password, in seconds since the epoch.
        until: when the session is over; the token does not outlive it.
        claims: further claims, already `checked`.
    """
    settings = load(JWTSettings)
    kid, algorithm, key = keyring.ring().signer()
    now = int(clock.now())
    body: dict[str, Any] = {
        **claims,
        "iss": settings.issuer,
        "aud": settings.audience,
        "sub": subject,
        "client_id": client or settings.client_id,
        "iat": now,
        "exp": min(now + int(settings.access_lifetime), int(until)),
        "jti": token_urlsafe(16),
        "auth_time": int(auth_time),
        "sid": str(session),
    }
    if scopes is not None:
        body["scope"] = scopes
    signing = f"{_header(kid, algorithm)}.{compact.encode(orjson.dumps(body))}"
    signature = _ALGORITHMS[algorithm].sign(signing.encode("ascii"), key)
    return Signed(f"{signing}.{compact.encode(signature)}", body["jti"], body["exp"])


def _header(kid: str, algorithm: str) -> str:
    return compact.encode(orjson.dumps({"typ": compact.TYPE, "alg": algorithm, "kid": kid}))


class _Heads:
    """Headers that were read before: all tokens of a key begin with the same one, so it is parsed once a ring."""

    __slots__ = ("found", "version")

    def __init__(self) -> None:
        self.version: object = None
        self.found: dict[str, tuple[Any, Any]] = {}


_heads = _Heads()


@on_change
def _forget() -> None:
    global _heads  # noqa: PLW0603
    _heads = _Heads()


def _verifier(header: str) -> tuple[Any, Any]:
    """The algorithm and the key for an encoded header.

    Raises:
        InvalidCredential: the header is refused, or names no key of the ring, or not that key's algorithm.
    """
    global _heads  # noqa: PLW0603
    ring, heads = keyring.ring(), _heads
    if heads.version != ring.version:
        heads = _Heads()
        heads.version = ring.version
        _heads = heads  # swapped whole: a concurrent request keeps a consistent one
    known = heads.found.get(header)
    if known is not None:
        return known
    alg, kid = compact.read_header(header)
    verifier = ring.verifier(kid)
    if verifier is None:
        refuse("unknown_kid")
    _, algorithm, key = verifier
    # The key decides, never the token: HS256 with a public key as its secret ends here (RFC 8725 section 3.1).
    if alg != algorithm:
        refuse("wrong_alg")
    pair = (_ALGORITHMS[algorithm], key)
    # One header a key is kept, as `sign` writes it: other spellings (spaces, order) could be without number.
    if header == _header(kid, algorithm):
        heads.found[header] = pair
    return pair


def verify(value: object) -> Credential:
    """Prove an access token: shape, header, signature, claims, in this order, without I/O.

    Args:
        value: what the client sent.

    Raises:
        InvalidCredential: it does not hold. Nothing else is raised, whatever `value` is.
    """
    header, payload, signature = compact.split(value)
    algorithm, key = _verifier(header)
    proof = compact.decode(signature)
    try:
        holds = algorithm.verify(f"{header}.{payload}".encode("ascii"), proof, key)
    except (ValueError, TypeError):  # a signature that its algorithm cannot even read
        refuse("signature")
    if not holds:
        refuse("signature")
    return _credential(compact.claims(compact.decode(payload)))


def _credential(claims: dict[str, Any]) -> Credential:
    settings = load(JWTSettings)
    if claims.get("iss") != settings.issuer:
        refuse("wrong_iss")
    audience = claims.get("aud")
    if audience != settings.audience and not (isinstance(audience, list) and settings.audience in audience):
        refuse("wrong_aud")
    now = clock.now()
    expires, issued = _date(claims, "exp"), _date(claims, "iat")
    if expires <= now:
        refuse("expired")
    latest = now + settings.clock_skew
    if issued > latest:
        refuse("issued_in_future")
    if "nbf" in claims and _date(claims, "nbf") > latest:
        refuse("not_yet_valid")
    if issued >= expires:
        refuse("claim_iat")
    scope = claims.get("scope")
    if scope is not None and not isinstance(scope, str):
        refuse("claim_scope")
    session = _text(claims, "sid")
    if len(session) != 36:
        refuse("claim_sid")
    return Credential(
        "jwt",
        _text(claims, "jti"),
        _text(claims, "sub"),
        session,
        _text(claims, "client_id"),
        None if scope is None else frozenset(scope.split()),
        issued,
        expires,
        _date(claims, "auth_time"),
        "",
        claims,
    )


def _date(claims: dict[str, Any], name: str) -> int:
    found = claims.get(name)
    if type(found) is not int or not 0 <= found < _MAX_DATE:  # bool is an int to isinstance, and no date
        refuse(f"claim_{name}")
    return found


def _text(claims: dict[str, Any], name: str) -> str:
    found = claims.get(name)
    if type(found) is not str or not 0 < len(found) <= _MAX_TEXT:
        refuse(f"claim_{name}")
    return found
