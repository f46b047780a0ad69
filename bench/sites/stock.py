"""The stock parts: settings guard the view; obtaining and refreshing tokens by simplejwt's own views."""

from __future__ import annotations

from django.urls import path
from rest_framework_simplejwt.views import TokenRefreshView

from bench.sites.view import Article

urlpatterns = [
    path("api/article/", Article.as_view()),
    path("api/token/refresh/", TokenRefreshView.as_view()),
]
