"""Bare DRF: AllowAny, nothing else; and a view that asks a Redis, as the unit for what asking costs."""

from __future__ import annotations

from django.urls import path

from bench.sites.view import Article, ArticleAfterGet

urlpatterns = [
    path("api/article/", Article.as_view()),
    path("api/get/", ArticleAfterGet.as_view()),
]
