"""What a new password must be. Imports no Django at package level: settings.py may import it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stockade.passwords.ready import validators

__all__ = ["BreachedPassword", "ContextWords", "validators"]

if TYPE_CHECKING:
    from stockade.passwords.breached import BreachedPassword
    from stockade.passwords.context import ContextWords

_WHERE = {"BreachedPassword": "stockade.passwords.breached", "ContextWords": "stockade.passwords.context"}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'stockade.passwords' has no attribute {name!r}")
