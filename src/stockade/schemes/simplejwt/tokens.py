"""Proves a token of simplejwt: shape, header, signature and claims, in this order and without I/O."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeGuard

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from stockade import conf
from stockade.conf import load
from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.schemes.conf import JWTSettings
from stockade.schemes.jwt import compact
from stockade.schemes.jwt.compact import refuse
from stockade.schemes.scopes import scope_text
from stockade.schemes.simplejwt.conf import Config, config, names

ACCESS, REFRESH = "access", "refresh"
_TYPE = (
    "JWT"  # what PyJWT writes; ours say at+jwt, so that neither passes for the other whatever their keys are
)
_MAX_DATE = 2**40
_MAX_TEXT = 255  # the column of simplejwt's ids


@dataclass(frozen=True, slots=True)
class Shown:
    """A token whose signature and claims hold; whether it is still good is for SQL to say.

    Args:
        id: its jti; safe to log.
        user: the value of the user's claim, as text.
        issued, expires: seconds since the epoch; `issued` is 0 where the token does not say.
        scopes: what its claim `scope` bounds it by; None without one.
        claims: all of them.
    """

    id: str
    user: str
    issued: int
    expires: int
    scopes: frozenset[str] | None
    claims: dict[str, Any] = field(repr=False)


def looks_mine(value: str) -> bool:
    """Whether `value` has the shape of simplejwt's tokens: a JWS with its header and a type (nothing is checked)."""
    if not value.startswith("ey") or len(value) > compact.MAX_LENGTH or not value.isascii():
        return False
    header, _, rest = value.partition(".")
    if len(header) > compact.MAX_HEADER:
        return False
    members = compact.peek(header)
    if members.get("typ") != _TYPE or "kid" in members:
        return False
    return names().token_type in compact.peek(rest.partition(".")[0])


def digest(jti: str, pk: object = "") -> str:
    """What is kept of a token, 64 hex digits.

    Args:
        jti: its id.
        pk: the primary key of its user, so that a token that was issued to one is nobody else's.
    """
    return hashlib.sha256(f"simplejwt\0{pk}\0{jti}".encode("utf-8", "surrogatepass")).hexdigest()


def read(value: object, kind: str) -> Shown:
    """Prove a token.

    Args:
        value: what the client sent.
        kind: `ACCESS` or `REFRESH`; the other one is refused.

    Raises:
        InvalidCredential: it does not hold.
    """
    settings = config()
    header, payload, signature = compact.split(value)
    _judge_header(header, settings.algorithm)
    proof = compact.decode(signature)
    if not _verifies(f"{header}.{payload}".encode("ascii"), proof, settings):
        refuse("signature")
    return _judge(compact.claims(compact.decode(payload)), kind, settings)


def _judge_header(part: str, algorithm: str) -> None:
    try:
        header = json.loads(compact.decode(part))
    except (ValueError, RecursionError):
        refuse("header_json")
    if not isinstance(header, dict) or not header.keys() <= {"typ", "alg"}:
        refuse("header_unknown")  # PyJWT writes these two; whoever names a key of his own is a forger
    if header.get("typ") != _TYPE:
        refuse("wrong_typ")
    # SIMPLE_JWT decides, never the token (RFC 8725 section 3.1): "none", or HS256 with a public key, ends here.
    if header.get("alg") != algorithm:
        refuse("wrong_alg")


def _verifies(message: bytes, proof: bytes, settings: Config) -> bool:
    if settings.algorithm.startswith("HS"):
        made = hmac.digest(settings.key.encode(), message, f"sha{settings.algorithm[2:]}")
        return hmac.compare_digest(made, proof)
    try:
        found: bool = JWSRegistry.algorithms[settings.algorithm].verify(message, proof, public_key())
    except (ValueError, TypeError):  # a signature that its algorithm cannot even read
        return False
    return found


@conf.on_change
def _forget() -> None:
    public_key.cache_clear()


@lru_cache(maxsize=1)
def public_key() -> Any:
    """The key of VERIFYING_KEY.

    Raises:
        ConfigurationError: it is none for the algorithm.
    """
    settings = config()
    kind = ECKey if settings.algorithm.startswith("ES") else RSAKey
    try:
        key = kind.import_key(settings.key)
        JWSRegistry.algorithms[settings.algorithm].check_key(key)
    except (ValueError, TypeError, JoseError):
        raise ConfigurationError(
            "stockade.E105",
            f"SIMPLE_JWT: VERIFYING_KEY is no public key for {settings.algorithm}.",
            "Write the public key in PEM, as simplejwt had it.",
        ) from None
    return key


def _judge(claims: dict[str, Any], kind: str, settings: Config) -> Shown:
    known = settings.names
    if claims.get(known.token_type) != kind:
        refuse("wrong_type")
    if settings.issuer is not None and not _is(claims.get("iss"), settings.issuer):
        refuse("wrong_iss")
    if settings.audience is not None and not _meets(claims.get("aud"), settings.audience):
        refuse("wrong_aud")
    now = clock.now()
    expires = _date(claims, "exp")
    if expires <= now:
        refuse("expired")
    latest = now + load(JWTSettings).clock_skew
    for name in ("iat", "nbf"):
        if name in claims and _date(claims, name) > latest:
            refuse("issued_in_future")
    jti, user = claims.get(known.jti), claims.get(known.user_id)
    if not _is_text(jti):
        refuse("claim_jti")
    if type(user) is int:  # before 5.5 it was written as the key's own type
        user = str(user)
    if not _is_text(user):
        refuse("claim_user_id")
    issued = claims.get("iat", 0)
    return Shown(jti, user, issued, expires, _scopes(claims), claims)


def _scopes(claims: dict[str, Any]) -> frozenset[str] | None:
    """A project's own claim, which bounds the token where simplejwt's class is a foreign scheme.

    What cannot be read is refused: without a bound the token would be worth more than it was made for.
    """
    found = claims.get("scope")
    if found is None:
        return None
    listed = found.split() if isinstance(found, str) else found
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        refuse("claim_scope")
    try:
        scope_text(listed)
    except ValueError:
        refuse("claim_scope")
    return frozenset(listed)


def _is_text(found: object) -> TypeGuard[str]:
    return type(found) is str and 0 < len(found) <= _MAX_TEXT and found.isprintable()


def _is(found: object, wanted: object) -> bool:
    """As PyJWT compares issuers: with one, or with a list of them."""
    return isinstance(found, str) and (
        found == wanted or (isinstance(wanted, list | tuple | set) and found in wanted)
    )


def _meets(found: object, wanted: object) -> bool:
    """As PyJWT compares audiences: one or several on each side, and one of them in common."""
    have = [found] if isinstance(found, str) else found
    want = [wanted] if isinstance(wanted, str) else wanted
    if not isinstance(have, list) or not isinstance(want, list | tuple | set):
        return False
    return any(isinstance(one, str) and one in want for one in have)


def _date(claims: dict[str, Any], name: str) -> int:
    found = claims.get(name)
    if type(found) is not int or not 0 <= found < _MAX_DATE:  # bool is an int to isinstance, and no date
        refuse(f"claim_{name}")
    return found
