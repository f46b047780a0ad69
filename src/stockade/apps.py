"""The Django app: label `stockade`, one migration history."""

from __future__ import annotations

from django.apps import AppConfig


class StockadeConfig(AppConfig):
    """Connects what must hear of changes once models are loaded."""

    name = "stockade"
    label = "stockade"
    default_auto_field = "django.db.models.BigAutoField"
