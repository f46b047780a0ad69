"""Signed messages in and out: one verifier, small declarations of what each vendor signs, a policy and a signer.

Imports no Django at package level: settings.py may import a `Preset` of its own from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["PRESETS", "Message", "Preset", "Signed", "receive", "sign", "verify"]

if TYPE_CHECKING:
    from stockade.webhooks.message import Message
    from stockade.webhooks.policy import Signed
    from stockade.webhooks.presets import PRESETS, Preset
    from stockade.webhooks.receiving import receive
    from stockade.webhooks.signing import sign
    from stockade.webhooks.verifying import verify

_WHERE = {
    "Message": "message",
    "PRESETS": "presets",
    "Preset": "presets",
    "Signed": "policy",
    "receive": "receiving",
    "sign": "signing",
    "verify": "verifying",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(f"stockade.webhooks.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'stockade.webhooks' has no attribute {name!r}")
