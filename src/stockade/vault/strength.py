"""Recognises secrets that are no secret: too short, too uniform, or a placeholder that was never replaced."""

from __future__ import annotations

import re

GENERATE = 'Generate one: python -c "import secrets; print(secrets.token_urlsafe(48))".'
SIGNING_LENGTH = 32  # 128 bits even if every character carries only four (hexadecimal)
LENGTH = 12  # a password of somebody else's choosing
DISTINCT = 5  # as Django's own check security.W009

# Longer than chance would spell in base64; what remains after letters and digits are kept, in lower case.
_PLACEHOLDERS = (
    "changeme", "changethis", "djangoinsecure", "insecurekey", "notsecret", "placeholder", "replaceme", "supersecret",
    "yoursecret", "secretkeyhere", "passwordhere", "todotodo",
)  # fmt: skip


# GITHUB_WEBHOOK_SECRET: written where its value belongs, it is a secret that every reader of the documents knows.
_A_NAME = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")


def least(name: str) -> int:
    """How many characters a secret of this name must have: those that sign or encrypt need more than passwords."""
    return SIGNING_LENGTH if name.upper().endswith(("SECRET_KEY", "STOCKADE_KEY")) else LENGTH


def weakness(value: str, length: int) -> str | None:
    """Why `value` is weak, in words that do not quote it; None if nothing is wrong with it.

    Args:
        value: the secret.
        length: the least number of characters.
    """
    if len(value) < length:
        return f"is shorter than {length} characters"
    if len(set(value)) < min(DISTINCT, length):
        return f"has fewer than {min(DISTINCT, length)} different characters"
    if value in (value + value)[1:-1]:
        return "repeats itself"
    letters = "".join(c for c in value.lower() if c.isalnum())
    if any(word in letters for word in _PLACEHOLDERS):
        return "is a placeholder"
    if _A_NAME.fullmatch(value):
        return 'is a name where a value belongs (secret("NAME") reads it)'
    return None
