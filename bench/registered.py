"""Every stack by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench import external, schemes, stacks
from bench.rows import Place, Row
from bench.stacks import Stack

STACKS: Mapping[str, Stack] = {
    "bare": stacks.Bare(),
    "simplejwt": stacks.SimpleJwt(),
    "guide": stacks.Guide(),
    "stockade": stacks.Stockade(),
    "stockade-token": schemes.StockadeToken(),
    "stockade-key": schemes.StockadeKey(),
    "stockade-session": schemes.StockadeSession(),
    "stockade-external": external.StockadeExternal(),
    "drf-token": schemes.DrfToken(),
    "drf-session": schemes.DrfSession(),
    "knox": schemes.Knox(),
    "drf-api-key": schemes.DrfApiKey(),
}


def settings(row: Row, place: Place) -> dict[str, Any]:
    """All Django settings of a row."""
    return {**stacks.common(row, place), **STACKS[row.stack].settings(row, place)}
