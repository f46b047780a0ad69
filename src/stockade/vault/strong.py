"""Makes secrets, each as strong as its use asks for."""

from __future__ import annotations

import base64
import secrets

from stockade.vault.text import Secret

KINDS = ("text", "hex", "base64", "whsec", "password")
BYTES = 48  # 384 bits: more than any use here asks for
_LETTERS = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without those that look alike
_PASSWORD = 24  # characters, 140 bits


def make(kind: str = "text") -> Secret:
    """A new secret.

    Args:
        kind: ``text`` (64 characters that need no quotes anywhere), ``hex``, ``base64``, ``whsec`` (Standard Webhooks:
            32 bytes), ``password`` (24 letters and digits that can be read aloud).

    Raises:
        ValueError: another kind.
    """
    if kind == "text":
        return Secret(secrets.token_urlsafe(BYTES))
    if kind == "hex":
        return Secret(secrets.token_hex(32))
    if kind == "base64":
        return Secret(base64.b64encode(secrets.token_bytes(32)).decode())
    if kind == "whsec":
        return Secret("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())
    if kind == "password":
        return Secret("".join(secrets.choice(_LETTERS) for _ in range(_PASSWORD)))
    raise ValueError(f"{kind!r} is no kind. Write one of {', '.join(KINDS)}.")


def kind_of(value: str) -> str:
    """The kind of an existing secret, where another kind could not take its place; else ``text``."""
    return "whsec" if value.startswith("whsec_") else "text"
