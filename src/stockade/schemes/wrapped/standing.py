"""What a stored hash is worth: by its kind and its parameters, without its salt and digest."""

from __future__ import annotations

from enum import Enum
from typing import Any

from django.contrib.auth.hashers import get_hasher, identify_hasher, is_password_usable

from stockade.schemes.passwords import Wrapped
from stockade.schemes.wrapped import inner

# OWASP Password Storage Cheat Sheet.
_LEAST = {"pbkdf2_sha256": 600_000, "pbkdf2_sha1": 1_300_000}
_BCRYPT_LEAST = 10


class Standing(str, Enum):  # noqa: UP042 - printed as it is
    """What becomes of it."""

    TODAY = "as new ones are"
    WRAPPED = "wrapped; renewed at the next login"
    RENEWED = "renewed at the next login"
    WEAK = "weak: wrap it"
    UNREADABLE = "no hasher reads it: its user cannot log in"
    NONE = "no password"


def standing(encoded: str) -> Standing:
    """What a stored hash is worth."""
    if not encoded or not is_password_usable(encoded):
        return Standing.NONE
    old = inner.take_apart(encoded)
    if old is not None and _is_weak(old.recipe):
        return Standing.WEAK
    try:
        hasher = identify_hasher(encoded)
        if isinstance(hasher, Wrapped):
            hasher.parts(encoded)
            return Standing.WRAPPED
        preferred = get_hasher("default")
        renewed = hasher.algorithm != preferred.algorithm or preferred.must_update(encoded)
    except Exception:  # noqa: BLE001 - hashers raise whatever they like at what they cannot read
        return Standing.UNREADABLE if old is None else Standing.WEAK
    return Standing.RENEWED if renewed else Standing.TODAY


def _is_weak(recipe: str) -> bool:
    cost = inner.cost(recipe)
    if not cost:
        return True
    named = dict(one.split("=") for one in cost[1:])
    if cost[0] in _LEAST:
        return int(named["iterations"]) < _LEAST[cost[0]]
    return cost[0].startswith("bcrypt") and int(named["work_factor"]) < _BCRYPT_LEAST


def described(encoded: str) -> str:
    """Its kind, parameters and standing, tab-separated; nothing that tells one user's from another's."""
    value = standing(encoded)
    if value is Standing.NONE:
        return f"none\t\t{value.value}"
    old = inner.take_apart(encoded)
    if old is not None:
        name, unsalted = old.recipe.partition("$")[0], old.recipe in ("md5$", "sha1$")
        cost = inner.cost(old.recipe) or (name, "unsalted" if unsalted else "salted")
        return f"{cost[0]}\t{_parameters(cost[1:])}\t{value.value}"
    if value is Standing.UNREADABLE:
        return f"unknown\t\t{value.value}"
    hasher = identify_hasher(encoded)
    decoded = hasher.decode(encoded)
    inside: Any = decoded.get("inner")
    shown = {name: decoded[name] for name in ("memory_cost", "time_cost", "parallelism") if name in decoded}
    over = [f"over {' '.join([inside[0], _parameters(inside[1:])]).strip()}"] if inside else []
    return f"{hasher.algorithm}\t{', '.join([*over, _parameters(f'{n}={v}' for n, v in shown.items())])}\t{value.value}"


def _parameters(cost: Any) -> str:
    return ", ".join(one for one in cost if not one.startswith("algorithm="))
