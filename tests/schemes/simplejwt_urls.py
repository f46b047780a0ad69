"""simplejwt's own views, at the addresses where ours are."""

from __future__ import annotations

from django.urls import path
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework_simplejwt.views import (
    TokenObtainPairView,
    TokenRefreshView,
    TokenVerifyView,
)

# DRF's own parsers, by name: which defaults its views froze depends on who imported DRF first.
PLAIN = {"parser_classes": [JSONParser, FormParser, MultiPartParser], "throttle_classes": []}

urlpatterns = [
    path("api/token/", TokenObtainPairView.as_view(**PLAIN), name="token_obtain_pair"),
    path("api/token/refresh/", TokenRefreshView.as_view(**PLAIN), name="token_refresh"),
    path("api/token/verify/", TokenVerifyView.as_view(**PLAIN), name="token_verify"),
]
