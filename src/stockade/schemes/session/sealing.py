"""A session's data as the table holds it: under a key that the cookie gives and the database does not.

AES-GCM (NIST SP 800-38D) with a random 96-bit nonce, under a key derived by HKDF-SHA256 (RFC 5869) from the session's
own. Links for new passwords, half-finished logins and whatever else a project puts there: a copy of the database does
not show it.
"""

from __future__ import annotations

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stockade.keyring.wrapping import derive

_NONCE = 12  # bytes


def seal(key: str, text: str) -> str:
    """Encrypt `text` for whoever has the session's key."""
    nonce = secrets.token_bytes(_NONCE)
    return base64.b64encode(nonce + _cipher(key).encrypt(nonce, text.encode(), None)).decode()


def unseal(key: str, sealed: str) -> str | None:
    """What `seal` was given; None if it was sealed for another, or changed."""
    try:
        found = base64.b64decode(sealed, validate=True)
        return _cipher(key).decrypt(found[:_NONCE], found[_NONCE:], None).decode()
    except (InvalidTag, ValueError, binascii.Error):  # ValueError: too short to hold a nonce
        return None


def _cipher(key: str) -> AESGCM:
    return AESGCM(derive(key.encode(), b"stockade.session.data.1"))
