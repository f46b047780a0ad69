"""The Django app of the articles: label `stockade_demo`."""

from __future__ import annotations

from django.apps import AppConfig


class ArticlesConfig(AppConfig):
    """Named so that it cannot meet an `articles` app of the project beside it."""

    name = "stockade.demo.articles"
    label = "stockade_demo"
    default_auto_field = "django.db.models.BigAutoField"
