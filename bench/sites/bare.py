"""Bare DRF: AllowAny, nothing else."""

from __future__ import annotations

from django.urls import path

from bench.sites.view import Article

urlpatterns = [path("api/article/", Article.as_view())]
