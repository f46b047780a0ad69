"""The views that give, renew, check and end credentials; wire-compatible with those of simplejwt and of DRF."""

from __future__ import annotations

from stockade.drf.views.api_keys import KeyDetailView, KeyListView, KeyRotationView
from stockade.drf.views.browser import BrowserObtainView, BrowserRefreshView, BrowserRevokeView
from stockade.drf.views.jwks import JWKSView
from stockade.drf.views.opaque import TokenAuthView, TokenDetailView, TokenListView
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
    "KeyDetailView",
    "KeyListView",
    "KeyRotationView",
    "SessionDetailView",
    "SessionListView",
    "TokenAuthView",
    "TokenDetailView",
    "TokenListView",
    "TokenObtainPairView",
    "TokenRefreshView",
    "TokenRevokeView",
    "TokenVerifyView",
]
