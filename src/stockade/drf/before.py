"""What REST_FRAMEWORK said before `stockade.drf.defaults()`: it judges where the view's own classes do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from rest_framework.request import Request
from rest_framework.settings import DEFAULTS, import_from_string

from stockade.conf import on_change
from stockade.core.mode import BEFORE
from stockade.pipeline import registry as registries
from stockade.pipeline.exchange import Exchange


def open_to(request: Request, exchange: Exchange | None, view: object = None) -> bool:
    """Whether a DRF view is judged by its own classes: without us, exempt, legacy, or where policies only report.

    Args:
        request: to the view.
        exchange: of the request; None also of a view that is merely asked and does not run, as schemas are made.
        view: where it is at hand.
    """
    if exchange is not None:
        return exchange.open
    registry = registries.current()
    if registry is None:
        return True
    match = request._request.resolver_match  # noqa: SLF001 - DRF's only handle on the HttpRequest
    if match is not None:
        return registry.exempt(match)
    return registry.legacy and view is not None and getattr(view, "policy", None) is None


def stands_alone(exchange: Exchange, view: object) -> bool:
    """Whether a view without a policy runs within another one, whose policy says nothing of it."""
    registry = registries.current()
    return (
        registry is not None
        and registry.legacy
        and exchange.leaf is not None
        and exchange.leaf.cls is not type(view)
        and getattr(view, "policy", None) is None
    )


@cache
def classes(name: str) -> tuple[Any, ...]:
    """The classes of one of DRF's settings, as they were; DRF's own default where there were none.

    Args:
        name: such as ``DEFAULT_PERMISSION_CLASSES``.
    """
    return tuple(import_from_string(path, name) if isinstance(path, str) else path for path in _value(name))


@cache
def handler() -> Any:
    """The exception handler that there was."""
    path = _value("EXCEPTION_HANDLER")
    return import_from_string(path, "EXCEPTION_HANDLER") if isinstance(path, str) else path


_stood: Mapping[str, Any] = {}


def _value(name: str) -> Any:
    from django.conf import settings

    global _stood
    said = getattr(settings, "REST_FRAMEWORK", None) or {}
    if BEFORE in said:
        _stood = said[BEFORE] or {}
    # A test that overrides the setting leaves DRF's views the classes that they were made with, and so it is here.
    return _stood.get(name, DEFAULTS[name])  # type: ignore[literal-required]


@on_change
def _forget() -> None:
    classes.cache_clear()
    handler.cache_clear()
