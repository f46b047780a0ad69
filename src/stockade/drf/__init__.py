"""Stockade for Django REST Framework. Imports neither Django nor DRF at package level: settings.py may import it."""

from __future__ import annotations


def defaults() -> dict[str, object]:
    """What REST_FRAMEWORK should say: ``REST_FRAMEWORK = {**REST_FRAMEWORK, **stockade.drf.defaults()}``. Dotted paths.

    Importing DRF here would freeze APIView's class attributes before the settings are read, silently at AllowAny.
    """
    return {
        "DEFAULT_AUTHENTICATION_CLASSES": ["stockade.drf.authentication.StockadeAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["stockade.drf.permissions.PolicyPermission"],
        "DEFAULT_THROTTLE_CLASSES": [],
        "DEFAULT_PARSER_CLASSES": ["stockade.drf.parsers.StrictJSONParser"],
        "EXCEPTION_HANDLER": "stockade.drf.exceptions.exception_handler",
    }
