"""The outside of a token: is this text a compact JWS of ours at all? Decided before any cryptography."""

from __future__ import annotations

import binascii
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, NoReturn

import orjson

from stockade.core.errors import InvalidCredential

MAX_LENGTH = 8192  # what web servers take as one header line; ours are below 1,000
MAX_HEADER = 512
TYPE = "at+jwt"  # RFC 9068 section 2.1; an ID token or a refresh token is never mistaken for an access token

# One pass says it all: ASCII, three parts, the base64url alphabet, no padding (RFC 7515 section 2), no second line.
_SHAPE = re.compile(r"([A-Za-z0-9_-]{2,512})\.([A-Za-z0-9_-]{2,8192})\.([A-Za-z0-9_-]{2,1400})", re.ASCII)
# What a forger would like us to follow: keys that he names himself (RFC 8725 section 3.10), and extensions.
_NAMED = frozenset({"jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "zip", "enc", "cty"})
_MEMBERS = frozenset({"typ", "alg", "kid"})


def refuse(reason: str) -> NoReturn:
    """Refuse with the reason for the log; the client hears the same whatever is wrong."""
    raise InvalidCredential(reason=reason)


def split(value: object) -> tuple[str, str, str]:
    """Header, payload and signature of a compact JWS, still encoded.

    Raises:
        InvalidCredential: `value` is no such thing.
    """
    if not isinstance(value, str):
        refuse("not_text")
    if len(value) > MAX_LENGTH:
        refuse("too_long")
    match = _SHAPE.fullmatch(value)
    if match is None:
        refuse(_malformed(value))
    header, payload, signature = match.groups()
    return header, payload, signature


def _malformed(value: str) -> str:
    if not value.isascii():
        return "not_ascii"
    parts = value.split(".", 5)
    if len(parts) != 3:
        return "parts"
    if not parts[2]:
        return "unsigned"
    return "header_too_long" if len(parts[0]) > MAX_HEADER else "encoding"


def decode(part: str) -> bytes:
    """The bytes of a base64url part, which must be written in the one canonical way.

    Raises:
        InvalidCredential: it is not.
    """
    try:
        found = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        refuse("encoding")
    # The last character has spare bits: without this, several texts would be the same signature.
    if encode(found) != part:
        refuse("encoding")
    return found


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


class _Twice(ValueError):
    """A member name that occurs twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twice
    return found


def read_header(part: str) -> tuple[str, str]:
    """`alg` and `kid` of an encoded header that has `typ`, `alg` and `kid`, all text, and nothing else.

    Raises:
        InvalidCredential: anything else, each with its own reason.
    """
    try:
        header = json.loads(decode(part).decode("utf-8"), object_pairs_hook=_unique)
    except _Twice:  # RFC 7515 section 4: member names must be unique
        refuse("header_twice")
    except (ValueError, RecursionError):
        refuse("header_json")
    if not isinstance(header, dict):
        refuse("header_json")
    for name in header:
        if name not in _MEMBERS:
            refuse(f"header_{name}" if name in _NAMED else "header_unknown")
    alg, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if isinstance(alg, str) and alg.lower() == "none":
        refuse("alg_none")
    if not isinstance(alg, str):
        refuse("alg_missing")
    if not isinstance(kid, str) or not kid:
        refuse("kid_missing")
    if typ != TYPE:
        refuse("wrong_typ")
    return alg, kid


def peek(part: str) -> dict[str, Any]:
    """The members of an encoded header or payload, unverified and only to see whose it may be; {} if unreadable."""
    try:
        found = orjson.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:  # binascii.Error and orjson.JSONDecodeError (too deep, NaN, bad UTF-8) are ValueErrors
        return {}
    return found if isinstance(found, dict) else {}


def claims(payload: bytes) -> dict[str, Any]:
    """The claims of a payload whose signature holds.

    Raises:
        InvalidCredential: it is no JSON object.
    """
    try:
        found = orjson.loads(payload)
    except orjson.JSONDecodeError:
        refuse("claims_json")
    if not isinstance(found, dict):
        refuse("claims_json")
    return found
