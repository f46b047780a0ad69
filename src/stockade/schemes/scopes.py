"""Scopes as rows keep them: one text (RFC 6749 section 3.3), or none at all."""

from __future__ import annotations

from collections.abc import Iterable


def scope_text(scopes: Iterable[str] | None) -> str | None:
    """Scopes, space separated and each once; None where the credential shall have no bound.

    Raises:
        ValueError: one of them cannot be written.
    """
    if scopes is None:
        return None
    listed = [scopes] if isinstance(scopes, str) else list(scopes)
    for scope in listed:
        # RFC 6749 section 3.3: printable ASCII without space, quote and backslash.
        if not scope or not all(0x21 <= ord(c) <= 0x7E and c not in '"\\' for c in scope):
            raise ValueError(
                f"{scope!r} is no scope. Write one word of printable ASCII without quotes and backslashes for each, "
                "such as articles:read."
            )
    return " ".join(dict.fromkeys(listed))
