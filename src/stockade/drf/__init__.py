"""Stockade for Django REST Framework. Imports neither Django nor DRF at package level: settings.py may import it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from stockade.core.mode import BEFORE

_KEPT = (
    "DEFAULT_AUTHENTICATION_CLASSES",
    "DEFAULT_PERMISSION_CLASSES",
    "DEFAULT_THROTTLE_CLASSES",
    "EXCEPTION_HANDLER",
)
_THROTTLE = "stockade.drf.throttling.StockadeThrottle"
_PARSERS = "DEFAULT_PARSER_CLASSES"
_JSON = "rest_framework.parsers.JSONParser"
_STRICT = "stockade.drf.parsers.StrictJSONParser"
_RENDERERS = "DEFAULT_RENDERER_CLASSES"
_JSON_OUT = "rest_framework.renderers.JSONRenderer"
_SAFE = "stockade.drf.renderers.SafeJSONRenderer"
_NEGOTIATION = "DEFAULT_CONTENT_NEGOTIATION_CLASS"


def defaults(before: Mapping[str, Any] | None = None) -> dict[str, object]:
    """What REST_FRAMEWORK should say: ``REST_FRAMEWORK = {**REST_FRAMEWORK, **stockade.drf.defaults()}``. Dotted paths.

    Importing DRF here would freeze APIView's class attributes before the settings are read, silently at AllowAny.

    Args:
        before: what REST_FRAMEWORK says so far, ``{}`` for nothing; by default that of the settings module (or class)
            which calls this. Views without a policy (UNDECLARED = "legacy", EXEMPT, MODE) go on being judged by it.
            UNDECLARED = "legacy" stops the start where it was not found: what the project asked would be lost.
    """
    if before is None:
        frame = sys._getframe(1)  # noqa: SLF001 - the line above is what users type
        before = frame.f_locals.get("REST_FRAMEWORK", frame.f_globals.get("REST_FRAMEWORK"))
    kept: dict[str, Any] | None = None
    if before is not None:
        kept = (
            before[BEFORE] if BEFORE in before else {name: before[name] for name in _KEPT if name in before}
        )
    found: dict[str, object] = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["stockade.drf.authentication.StockadeAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["stockade.drf.permissions.PolicyPermission"],
        # Only where there were throttles, which go on counting for some views: DRF asks it at every request.
        "DEFAULT_THROTTLE_CLASSES": [_THROTTLE] if (kept or {}).get("DEFAULT_THROTTLE_CLASSES") else [],
        "EXCEPTION_HANDLER": "stockade.drf.exceptions.exception_handler",
        _PARSERS: [_STRICT],
        BEFORE: kept,
    }
    renderers = (before or {}).get(_RENDERERS) or (
        _JSON_OUT,
        "rest_framework.renderers.BrowsableAPIRenderer",
    )
    found[_RENDERERS] = [_SAFE if renderer == _JSON_OUT else renderer for renderer in renderers]
    if _NEGOTIATION not in (before or {}):
        found[_NEGOTIATION] = "stockade.drf.negotiation.RememberedNegotiation"
    if before:  # a project that lives: forms and uploads that it takes it goes on taking
        parsers = before.get(_PARSERS) or (
            _JSON,
            "rest_framework.parsers.FormParser",
            "rest_framework.parsers.MultiPartParser",
        )
        found[_PARSERS] = [_STRICT if parser == _JSON else parser for parser in parsers]
    return found
