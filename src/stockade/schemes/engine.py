"""Whether the project's sessions are ours: "session" in SCHEMES is DRF's own authenticator where they are not."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings

PATH = "stockade.schemes.session"
DRF = "rest_framework.authentication.SessionAuthentication"


def is_ours() -> bool:
    """Whether SESSION_ENGINE is our store, or one of the project's that is made of it."""
    engine = str(settings.SESSION_ENGINE)
    if engine == PATH:
        return True
    if engine.startswith("django.contrib."):
        return False
    from stockade.schemes.session.store import SessionStore

    try:
        found: Any = getattr(import_module(engine), "SessionStore", None)
    except ImportError:
        return False
    return isinstance(found, type) and issubclass(found, SessionStore)
