"""The URLs of the twin: the guide's, and those that the comparison needs."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.routers import SimpleRouter
from rest_framework_simplejwt.views import (
    TokenBlacklistView,
    TokenObtainPairView,
    TokenRefreshView,
    TokenVerifyView,
)

from stockade.demo.twin.views import ArticleViewSet, Profile, healthz

router = SimpleRouter()
router.register("articles", ArticleViewSet)

urlpatterns = [
    path("api/token/", TokenObtainPairView.as_view(), name="token_obtain_pair"),
    path("api/token/refresh/", TokenRefreshView.as_view(), name="token_refresh"),
    path("api/token/verify/", TokenVerifyView.as_view(), name="token_verify"),
    path("api/token/revoke/", TokenBlacklistView.as_view(), name="token_blacklist"),
    path("api/profile/", Profile.as_view(), name="profile"),
    path("api/", include(router.urls)),
    path("healthz", healthz),
]
