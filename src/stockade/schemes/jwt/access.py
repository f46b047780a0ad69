"""Verifies access tokens (RFC 9068): shape, header, signature and claims, in this order and without I/O."""

from __future__ import annotations

from typing import Any

from stockade import keyring
from stockade.conf import load, on_change
from stockade.core import clock, methods, tenant
from stockade.core.credential import Credential
from stockade.schemes.conf import JWTSettings
from stockade.schemes.jwt import algorithms, compact, profile
from stockade.schemes.jwt.compact import refuse

_MAX_DATE = 2**40  # seconds; the year 36812: still exact as a float
_MAX_TEXT = 255


class _Heads:
    """Headers that were read before: all tokens of a key begin with the same one, so it is parsed once a ring."""

    __slots__ = ("found", "version")

    def __init__(self) -> None:
        self.version: object = None
        self.found: dict[str, tuple[Any, Any, float]] = {}


_heads = _Heads()


@on_change
def _forget() -> None:
    global _heads  # noqa: PLW0603
    _heads = _Heads()


def _verifier(header: str) -> tuple[Any, Any, float]:
    """The algorithm and the key for an encoded header, and when that key verifies nothing any more.

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
    found = (algorithms.MODELS[algorithm], key, ring.end(kid))
    # One header a key is kept, as `sign` writes it: other spellings (spaces, order) could be without number.
    if header == algorithms.header(kid, algorithm):
        heads.found[header] = found
    return found


def verify(value: object) -> Credential:
    """Prove an access token: shape, header, signature, claims, in this order, without I/O.

    Args:
        value: what the client sent.

    Raises:
        InvalidCredential: it does not hold. Nothing else is raised, whatever `value` is.
    """
    header, payload, signature = compact.split(value)
    algorithm, key, end = _verifier(header)
    proof = compact.decode(signature)
    try:
        holds = algorithm.verify(f"{header}.{payload}".encode("ascii"), proof, key)
    except (ValueError, TypeError):  # a signature that its algorithm cannot even read
        refuse("signature")
    if not holds:
        refuse("signature")
    # Whoever remembers the credential keeps it no longer than its key.
    return _credential(compact.claims(compact.decode(payload)), end)


def _credential(claims: dict[str, Any], end: float) -> Credential:
    settings = load(JWTSettings)
    if claims.get("iss") != settings.issuer:
        refuse("wrong_iss")
    audience, here = claims.get("aud"), tenant.here()
    wanted = tenant.audience(settings.audience, here)
    if audience != wanted and not (isinstance(audience, list) and wanted in audience):
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
    profile.judge(claims)
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
        min(expires, end),
        _date(claims, "auth_time"),
        "",
        claims,
        amr=_methods(claims) if "amr" in claims else methods.NONE,
        acr=_context(claims) if "acr" in claims else "",
    )


def _date(claims: dict[str, Any], name: str) -> int:
    found = claims.get(name)
    if type(found) is not int or not 0 <= found < _MAX_DATE:  # bool is an int to isinstance, and no date
        refuse(f"claim_{name}")
    return found


def _methods(claims: dict[str, Any]) -> frozenset[str]:
    found = claims["amr"]
    if type(found) is not list or not found:
        refuse("claim_amr")
    try:
        return methods.methods(found)
    except ValueError:
        refuse("claim_amr")


def _context(claims: dict[str, Any]) -> str:
    try:
        return methods.context(_text(claims, "acr"))
    except ValueError:
        refuse("claim_acr")


def _text(claims: dict[str, Any], name: str) -> str:
    found = claims.get(name)
    if type(found) is not str or not 0 < len(found) <= _MAX_TEXT:
        refuse(f"claim_{name}")
    return found
