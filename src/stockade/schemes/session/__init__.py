"""The scheme `session`, and the SESSION_ENGINE that it goes with: browsers that are logged in by Django's cookie."""

from __future__ import annotations

from stockade.schemes.session.proving import prove
from stockade.schemes.session.scheme import SessionScheme
from stockade.schemes.session.store import SessionStore

__all__ = ["SessionScheme", "SessionStore", "prove"]
