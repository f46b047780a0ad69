"""Refresh tokens: `st_refresh.session.generation.kid.MAC`. They hold no times; the session's row does."""

from __future__ import annotations

import hmac
import re
import uuid
from typing import NamedTuple

from stockade import keyring
from stockade.schemes.jwt.compact import encode, refuse

PREFIX = "st_refresh"  # what a secret scanner looks for; no checksum, because the MAC tells ours from noise
_PURPOSE = b"stockade.refresh"
_BOUND = b"stockade.refresh.bound"  # of those that live in a cookie: neither kind passes for the other
_MAX_GENERATION = 2**31 - 1  # the column's; at one refresh a second it takes 68 years
_SHAPE = re.compile(
    rf"{PREFIX}\.([0-9a-f]{{32}})\.([1-9][0-9]{{0,9}})\.([A-Za-z0-9_-]{{1,64}})\.([A-Za-z0-9_-]{{43}})",
    re.ASCII,
)


class Refresh(NamedTuple):
    """A refresh token whose MAC holds: it was made here, by the key `kid`, for this generation of this session."""

    session: uuid.UUID
    generation: int
    kid: str


def looks_mine(value: str) -> bool:
    """Whether `value` begins as refresh tokens do."""
    return value.startswith(PREFIX + ".")


def make(session: uuid.UUID, generation: int, kid: str, binding: str = "") -> str:
    """The refresh token of one generation; the same arguments give the same token, so successors need no storage.

    Args:
        session: the session's id.
        generation: which one of the session's tokens it is.
        kid: the key that makes it.
        binding: of the browser that keeps it in a cookie, see `cookie`; "" for a token that its client sends itself.

    Raises:
        InvalidCredential: the key is not in the ring any more.
    """
    mac = _mac(session, generation, kid, binding)
    if mac is None:
        refuse("refresh_unknown_kid")
    return f"{PREFIX}.{session.hex}.{generation}.{kid}.{mac}"


def read(value: object, binding: str = "") -> Refresh:
    """Prove a refresh token, without I/O.

    Args:
        value: what the client sent.
        binding: the one that it must have been made with.

    Raises:
        InvalidCredential: malformed, of an unknown or revoked key, or the MAC does not hold. Garbage ends no session:
            else anyone who knows a session's id could end it.
    """
    match = _SHAPE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        refuse("refresh_malformed")
    session, generation, kid, shown = uuid.UUID(match[1]), int(match[2]), match[3], match[4]
    if generation >= _MAX_GENERATION:
        refuse("refresh_malformed")
    mac = _mac(session, generation, kid, binding)
    if mac is None:
        refuse("refresh_unknown_kid")
    if not hmac.compare_digest(mac, shown):
        refuse("refresh_mac")
    return Refresh(session, generation, kid)


def _mac(session: uuid.UUID, generation: int, kid: str, binding: str) -> str | None:
    message = f"{session.hex}.{generation}"
    purpose = _PURPOSE
    if binding:
        purpose, message = _BOUND, f"{message}.{binding}"
    mac = keyring.ring().mac(kid, purpose, message.encode("ascii"))
    return None if mac is None else encode(mac)
