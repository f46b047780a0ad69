"""STOCKADE of a project that takes messages of every vendor; read by settings, so without Django."""

from __future__ import annotations

from typing import Any

from tests.webhooks.senders import BASE, SECRETS

WEBHOOKS: dict[str, Any] = {
    name: {"SECRETS": [secret], **({"URL": BASE} if name == "twilio" else {})}
    for name, secret in SECRETS.items()
}
STOCKADE: dict[str, Any] = {
    "STATE": "memory://",
    "WEBHOOKS": WEBHOOKS,
    "LIMITS": {"anon": "3/day", "user": "3/day", "failed_auth": "1000/min"},
    "EVENTS": {"SINKS": ["null"]},
}
