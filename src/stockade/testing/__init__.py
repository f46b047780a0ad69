"""Helpers for the tests of an API that Stockade protects: act as anyone, see events, move time, start clean.

Nothing of Django or DRF is imported before a name is used, so a conftest may import this before settings are there.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stockade.testing.acting import as_principal, make_principal
    from stockade.testing.api import APIClient
    from stockade.testing.captured import CapturedEvents, capture_events
    from stockade.testing.cases import StockadeTestCase
    from stockade.testing.clients import AsyncStockadeClient, StockadeClient
    from stockade.testing.state import reset, stockade_settings
    from stockade.testing.travel import MovingTime, moving_time

_WHERE = {
    "APIClient": "api",
    "AsyncStockadeClient": "clients",
    "CapturedEvents": "captured",
    "MovingTime": "travel",
    "StockadeClient": "clients",
    "StockadeTestCase": "cases",
    "as_principal": "acting",
    "capture_events": "captured",
    "make_principal": "acting",
    "moving_time": "travel",
    "reset": "state",
    "stockade_settings": "state",
}
__all__ = [
    "APIClient",
    "AsyncStockadeClient",
    "CapturedEvents",
    "MovingTime",
    "StockadeClient",
    "StockadeTestCase",
    "as_principal",
    "capture_events",
    "make_principal",
    "moving_time",
    "reset",
    "stockade_settings",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(f"stockade.testing.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'stockade.testing' has no attribute {name!r}")
