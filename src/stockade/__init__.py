"""Stockade: the security layer for Django APIs. Imports no Django at package level: settings.py may import it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"
__all__ = [
    "__version__",
    "allow",
    "ban",
    "create_key",
    "create_token",
    "disallow",
    "end_sessions",
    "end_tokens",
    "invalidate",
    "issue",
    "link",
    "unban",
    "unlink",
]

if TYPE_CHECKING:
    from stockade.schemes.external import link, unlink
    from stockade.schemes.jwt import issue
    from stockade.schemes.opaque import create_key, create_token
    from stockade.truth import allow, ban, disallow, end_sessions, end_tokens, invalidate, unban

_WHERE = {
    "issue": "stockade.schemes.jwt",
    **dict.fromkeys(("link", "unlink"), "stockade.schemes.external"),
    **dict.fromkeys(("create_key", "create_token"), "stockade.schemes.opaque"),
    **dict.fromkeys(
        ("allow", "ban", "disallow", "end_sessions", "end_tokens", "invalidate", "unban"), "stockade.truth"
    ),
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'stockade' has no attribute {name!r}")
