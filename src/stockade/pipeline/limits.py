"""The limits and costs that a view declares for itself, by action and method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stockade.core.errors import ConfigurationError
from stockade.gate.protocol import Limit
from stockade.gate.rates import parse as parse_rate
from stockade.pipeline.views import keys_of


def keyed(declared: Any, name: str, what: str, known: set[str]) -> Any:
    """`declared` as it is.

    Raises:
        ConfigurationError: a key of it is no action or method of the view, and would limit nothing.
    """
    if isinstance(declared, Mapping):
        for key in keys_of(declared):
            if key != "*" and key not in known:
                raise ConfigurationError(
                    "stockade.E213",
                    f"{name}: {what} has the key {key!r}.",
                    f"It has: {', '.join(sorted(known))}, '*'.",
                )
    return declared


def own_limits(
    declared: Any, scope: Any, scopes: Mapping[str, Limit], name: str
) -> Callable[[str, str], list[Limit]]:
    """The view's own limits by (method, action): a rate, a list of rates, or a dict from actions and methods."""
    shared: list[Limit] = []
    if scope:
        if scope not in scopes:
            raise ConfigurationError(
                "stockade.E210",
                f"{name} has throttle_scope {scope!r}, which LIMITS does not name.",
                f'Add LIMITS["{scope}"] = "100/hour", or use one of {", ".join(sorted(scopes)) or "none yet"}.',
            )
        shared.append(scopes[scope])
    table: dict[str, list[Limit]] = {}
    by_key: Mapping[str, Any] = (
        declared if isinstance(declared, Mapping) else {"*": declared} if declared else {}
    )
    for keys, rates in by_key.items():
        for key in (part.strip() for part in keys.split(",")):
            for rate in [rates] if isinstance(rates, str) else rates:
                number = len(table.get(key, ())) + 1
                suffix = ("" if key == "*" else f".{key}") + ("" if number == 1 else f".{number}")
                try:
                    limit = parse_rate(f"{name.rpartition('.')[2]}{suffix}", rate)
                except ValueError as error:
                    raise ConfigurationError(
                        "stockade.E211", f"{name} has a wrong limit.", str(error)
                    ) from None
                table.setdefault(key, []).append(limit)

    def find(method: str, action: str) -> list[Limit]:
        own = table.get(action) or table.get(method) or table.get("*", [])
        return [*shared, *own]

    return find


def cost_of(declared: Any, method: str, action: str) -> int:
    """How many places one request takes: `cost = 5`, or a dict from actions and methods."""
    if isinstance(declared, Mapping):
        declared = declared.get(action, declared.get(method, declared.get("*")))
    if declared is None:
        return 1
    if isinstance(declared, bool) or not isinstance(declared, int) or declared < 1:
        raise ConfigurationError(
            "stockade.E212", f"A cost of {declared!r} is no whole number from 1.", "Write cost = 5."
        )
    return declared
