"""The views that give, renew, check and end credentials; wire-compatible with those of simplejwt and of DRF."""

from __future__ import annotations

from stockade.drf.views.api_keys import KeyDetailView, KeyListView, KeyRotationView
from stockade.drf.views.browser import (
    BrowserObtainView,
    BrowserRefreshView,
    BrowserRevokeView,
    BrowserStepUpView,
)
from stockade.drf.views.jwks import JWKSView
from stockade.drf.views.opaque import TokenAuthView, TokenDetailView, TokenListView
from stockade.drf.views.session import (
    SessionLoginView,
    SessionLogoutView,
    SessionStepUpView,
    SessionTokenView,
)
from stockade.drf.views.sessions import SessionDetailView, SessionListView
from stockade.drf.views.tokens import (
    TokenObtainPairView,
    TokenRefreshView,
    TokenRevokeView,
    TokenStepUpView,
    TokenVerifyView,
)

__all__ = [
    "BrowserObtainView",
    "BrowserRefreshView",
    "BrowserRevokeView",
    "BrowserStepUpView",
    "JWKSView",
    "KeyDetailView",
    "KeyListView",
    "KeyRotationView",
    "SessionDetailView",
    "SessionListView",
    "SessionLoginView",
    "SessionLogoutView",
    "SessionStepUpView",
    "SessionTokenView",
    "TokenAuthView",
    "TokenDetailView",
    "TokenListView",
    "TokenObtainPairView",
    "TokenRefreshView",
    "TokenRevokeView",
    "TokenStepUpView",
    "TokenVerifyView",
]
