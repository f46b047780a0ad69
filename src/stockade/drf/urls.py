"""The credential views' addresses: `path("api/", include("stockade.drf.urls"))`; names as simplejwt's."""

from __future__ import annotations

from django.urls import path

from stockade.drf.views import (
    BrowserObtainView,
    BrowserRefreshView,
    BrowserRevokeView,
    BrowserStepUpView,
    JWKSView,
    KeyDetailView,
    KeyListView,
    KeyRotationView,
    SessionDetailView,
    SessionListView,
    SessionLoginView,
    SessionLogoutView,
    SessionStepUpView,
    SessionTokenView,
    TokenAuthView,
    TokenDetailView,
    TokenListView,
    TokenObtainPairView,
    TokenRefreshView,
    TokenRevokeView,
    TokenStepUpView,
    TokenVerifyView,
)

urlpatterns = [
    path("token/", TokenObtainPairView.as_view(), name="token_obtain_pair"),
    path("token/refresh/", TokenRefreshView.as_view(), name="token_refresh"),
    path("token/verify/", TokenVerifyView.as_view(), name="token_verify"),
    path("token/step-up/", TokenStepUpView.as_view(), name="token_step_up"),
    path("token/revoke/", TokenRevokeView.as_view(), name="token_revoke"),
    # Not there unless REFRESH_COOKIE is set. In URLs of your own: keep these names, the cookie's path comes from them.
    path("token/browser/", BrowserObtainView.as_view(), name="token_browser"),
    path("token/browser/refresh/", BrowserRefreshView.as_view(), name="token_browser_refresh"),
    path("token/browser/step-up/", BrowserStepUpView.as_view(), name="token_browser_step_up"),
    path("token/browser/revoke/", BrowserRevokeView.as_view(), name="token_browser_revoke"),
    # Not there unless SCHEMES names "token".
    path("token-auth/", TokenAuthView.as_view(), name="token_auth"),
    path("tokens/", TokenListView.as_view(), name="token_list"),
    path("tokens/current/", TokenDetailView.as_view(), {"id": "current"}, name="token_current"),
    path("tokens/<uuid:id>/", TokenDetailView.as_view(), name="token_detail"),
    # Not there unless SCHEMES names "api_key".
    path("keys/", KeyListView.as_view(), name="key_list"),
    path("keys/<uuid:id>/", KeyDetailView.as_view(), name="key_detail"),
    path("keys/<uuid:id>/rotate/", KeyRotationView.as_view(), name="key_rotate"),
    # Not there unless SCHEMES names "session".
    path("session/login/", SessionLoginView.as_view(), name="session_login"),
    path("session/csrf/", SessionTokenView.as_view(), name="session_csrf"),
    path("session/step-up/", SessionStepUpView.as_view(), name="session_step_up"),
    path("session/logout/", SessionLogoutView.as_view(), name="session_logout"),
    path("sessions/", SessionListView.as_view(), name="session_list"),
    path("sessions/<uuid:id>/", SessionDetailView.as_view(), name="session_detail"),
]

# At the root of the site: `path("", include(stockade.drf.urls.well_known))`.
well_known = [path(".well-known/jwks.json", JWKSView.as_view(), name="jwks")]
