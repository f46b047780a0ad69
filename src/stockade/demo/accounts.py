"""Who is there when the demo starts; readable without Django."""

from __future__ import annotations

import base64
import secrets

GROUPS: dict[str, list[str]] = {
    "alice": ["Editors"],
    "bob": ["Editors"],
    "carol": ["Viewers"],
    "admin": ["Admins"],
}
PARTNER = "partner"  # the other company, as the settings name it
LINKED = {"c-1001": "carol"}  # who of its people is who here


def webhooks() -> dict[str, str]:
    """A new secret for each source of signed messages, as its vendor writes them; the source's name is its preset's."""
    coded = {
        name: "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode() for name in ("standard", "svix")
    }
    return coded | {
        name: secrets.token_hex(32) for name in ("github", "stripe", "slack", "shopify", "twilio", "plain")
    }


def passwords() -> dict[str, str]:
    """A new password for each user: 96 random bits, without characters that a shell would read."""
    return {name: secrets.token_urlsafe(12).replace("-", "a").replace("_", "b") for name in GROUPS}
