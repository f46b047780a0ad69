"""Who is there when the demo starts; readable without Django."""

from __future__ import annotations

import secrets

GROUPS: dict[str, list[str]] = {
    "alice": ["Editors"],
    "bob": ["Editors"],
    "carol": ["Viewers"],
    "admin": ["Admins"],
}


def passwords() -> dict[str, str]:
    """A new password for each user: 96 random bits, without characters that a shell would read."""
    return {name: secrets.token_urlsafe(12).replace("-", "a").replace("_", "b") for name in GROUPS}
