"""The views that give, renew, check and end credentials; wire-compatible with those of simplejwt."""

from __future__ import annotations

from stockade.drf.views.browser import BrowserObtainView, BrowserRefreshView, BrowserRevokeView
from stockade.drf.views.jwks import JWKSView
from stockade.drf.views.sessions import SessionDetailView, SessionListView
from stockade.drf.views.tokens import (
    TokenObtainPairView,
    TokenRefreshView,
    TokenRevokeView,
    TokenVerifyView,
)

__all__ = [
    "BrowserObtainView",
    "BrowserRefreshView",
    "BrowserRevokeView",
    "JWKSView",
    "SessionDetailView",
    "SessionListView",
    "TokenObtainPairView",
    "TokenRefreshView",
    "TokenRevokeView",
    "TokenVerifyView",
]
