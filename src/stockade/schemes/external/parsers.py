"""Reads the values of an entry of ISSUERS, each in its own way, and says what to write instead."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from stockade.conf import mapping, names, text

# Signatures that a public key verifies (RFC 7518 section 3.1, RFC 8037 section 3.1). No HS*: its key would be the
# public one, or a secret that every API of the issuer shares. No "none".
ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
LINKS, EMAIL, CREATE = "links", "verified_email", "create"
ANY_DOMAIN = "*"
_MAX_URL = 255
_MAX_FETCHED = 2048

Path = tuple[str, ...]


def url(value: Any) -> str:
    """An address of an issuer or of its keys."""
    found = text(value)
    parts = urlsplit(found)
    if (
        parts.scheme not in ("https", "http")
        or not parts.hostname
        or parts.username is not None
        or parts.fragment
        or len(found) > _MAX_URL
        or not re.fullmatch(r"[!-~]+", found)
    ):
        raise ValueError(
            f"Write an https:// address of at most {_MAX_URL} characters, without user and fragment."
        )
    _ = parts.port  # ValueError where it is none
    return found


def optional_url(value: Any) -> str:
    """The same, or None for none."""
    return "" if value is None or value == "" else url(value)


def audience(value: Any) -> tuple[str, ...]:
    """One name or several; at least one."""
    found = (text(value),) if isinstance(value, str) else names(value)
    if not found:
        raise ValueError('Name what the tokens are for, such as "https://api.example.com".')
    return found


def algorithms(value: Any) -> tuple[str, ...]:
    """Some of `ALGORITHMS`."""
    found = names(value)
    if not found or not set(found) <= set(ALGORITHMS):
        raise ValueError(f"Write a list of {', '.join(ALGORITHMS)}.")
    return found


def path(value: Any) -> Path:
    """A claim by name, or by the names that lead to it; a name may have dots, so they do not separate."""
    if value is None:
        return ()
    found = (text(value),) if isinstance(value, str) else names(value)
    if len(found) > 8:
        raise ValueError("Write at most 8 names, one inside the other.")
    return found


def roles(value: Any) -> dict[str, str]:
    """Roles there, and what they are here."""
    found = mapping(value)
    if not all(isinstance(role, str) and role for role in found.values()):
        raise ValueError('Write {"name at the issuer": "name here"}.')
    return found


def services(value: Any) -> bool | dict[str, tuple[str, ...]]:
    """Whether, or the claims with their values."""
    if isinstance(value, bool):
        return value
    found = mapping(value)
    if not found:
        raise ValueError(
            'Write True, False, or the claims that services\' tokens have, such as {"kind": "service"}.'
        )
    return {name: (one,) if isinstance(one, str) and one else names(one) for name, one in found.items()}


def user(value: Any) -> str:
    """One of the rules, or a dotted path."""
    found = text(value)
    if found not in (LINKS, EMAIL, CREATE) and not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", found):
        raise ValueError(f'Write "{LINKS}", "{EMAIL}", "{CREATE}", or the dotted path of a function.')
    return found


def domains(value: Any) -> tuple[str, ...]:
    """Domains of addresses."""
    found = (value,) if value == ANY_DOMAIN else names(value)
    for domain in found:
        if domain != ANY_DOMAIN and not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain):
            raise ValueError(
                f'Write domains in lower case, such as ["example.com"], or "{ANY_DOMAIN}" for those of every domain.'
            )
    return found


def optional_texts(value: Any) -> tuple[str, ...]:
    """A list of texts; None for none."""
    return () if value is None else names(value)


def may_fetch(url: str, loopback: bool) -> bool:
    """Whether keys may be fetched from there: over TLS, or where it is declared from this machine by its number.

    Not by a name: what it means is for a resolver to say.
    """
    if len(url) > _MAX_FETCHED or not re.fullmatch(r"[!-~]+", url):  # `urlsplit` would pass over line ends
        return False
    try:
        parts: SplitResult = urlsplit(url)
        _ = parts.port
        if not parts.hostname or parts.username is not None or "@" in parts.netloc:
            return False
        if parts.scheme == "https":
            return True
        return loopback and parts.scheme == "http" and ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return False
