"""How settings are declared and read: once, typed, with default, unit and reason, in the room that they belong to.

A room declares a frozen dataclass that derives from `Section`; each field is made by `setting`. `load(Section)` reads
it from `settings.STOCKADE` and keeps it until Django's settings change. A wrong value raises `ConfigurationError`
with the id of the system check that reports it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Protocol, TypeVar, cast

from stockade.core.errors import ConfigurationError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
S = TypeVar("S", bound="Section")

_UNITS = {
    "ms": 0.001,
    "s": 1,
    "sec": 1,
    "m": 60,
    "min": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86400,
    "day": 86400,
}


class Parser(Protocol[T_co]):
    """Turns what the user wrote into a typed value, or raises ValueError with what to write instead."""

    def __call__(self, value: Any, /) -> T_co: ...


@dataclass(frozen=True)
class Meta:
    """What a setting is: its name as users write it, how it is read, and why it exists."""

    name: str
    parse: Parser[Any]
    default: Any
    why: str
    id: str


def setting(name: str, parse: Parser[T], default: Any, *, why: str, id: str) -> T:
    """Declare one setting as a dataclass field.

    Args:
        name: the key in STOCKADE (or in the section's mapping).
        parse: reads and validates; also applied to the default.
        default: as a user would write it.
        why: one sentence for the reference docs.
        id: of the check that reports a wrong value, e.g. ``stockade.E012``.
    """
    meta = Meta(name, parse, default, why, id)
    return field(default_factory=lambda: parse(default), metadata={"setting": meta})


@dataclass(frozen=True)
class Section:
    """Base of a room's settings. `NAME` is the key in STOCKADE whose mapping holds them; "" for the top level."""

    NAME: ClassVar[str] = ""

    @classmethod
    def declared(cls) -> list[Meta]:
        """The settings of this section, in order; for checks and reference docs."""
        return [f.metadata["setting"] for f in fields(cls) if "setting" in f.metadata]


def raw() -> Mapping[str, Any]:
    """`settings.STOCKADE`, or an empty mapping."""
    from django.conf import settings

    value = getattr(settings, "STOCKADE", None)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            "stockade.E001", "STOCKADE is not a dict.", 'Write STOCKADE = {"STATE": "lmdb://"}.'
        )
    return value


def configured() -> bool:
    """Whether the project has a STOCKADE setting at all; without one Stockade only observes."""
    from django.conf import settings

    return getattr(settings, "STOCKADE", None) is not None


_loaded: dict[type[Section], Section] = {}


def load(section: type[S]) -> S:
    """The section as configured; cached until `forget`.

    Raises:
        ConfigurationError: a value is wrong; its id, message and hint say which and what to write.
    """
    found = _loaded.get(section)
    if found is None:
        found = _loaded[section] = build(section, raw())
    return cast(S, found)


def build(section: type[S], stockade: Mapping[str, Any]) -> S:
    """Read one section from a STOCKADE mapping."""
    values: Any = stockade if not section.NAME else stockade.get(section.NAME, {})
    if not isinstance(values, Mapping):
        raise ConfigurationError(
            "stockade.E002", f"STOCKADE[{section.NAME!r}] is not a dict.", "Write a dict."
        )
    found: dict[str, Any] = {}
    for f in fields(section):
        meta: Meta | None = f.metadata.get("setting")
        if meta is None or meta.name not in values:
            continue
        where = f"STOCKADE[{section.NAME!r}][{meta.name!r}]" if section.NAME else f"STOCKADE[{meta.name!r}]"
        try:
            found[f.name] = meta.parse(values[meta.name])
        except (ValueError, TypeError) as error:
            raise ConfigurationError(meta.id, f"{where} is wrong.", str(error)) from None
    if section.NAME:
        known = {meta.name for meta in section.declared()}
        for name in values:
            if name not in known:
                raise ConfigurationError(
                    "stockade.E003",
                    f"STOCKADE[{section.NAME!r}] has no {name!r}.",
                    f"Known: {', '.join(sorted(known))}.",
                )
    return section(**found)


_listeners: list[Callable[[], None]] = []


def on_change(listener: Callable[[], None]) -> Callable[[], None]:
    """Have `listener()` called whenever settings change (override_settings); for what is built from settings."""
    _listeners.append(listener)
    return listener


def forget() -> None:
    """Drop every cached section and everything built from one."""
    _loaded.clear()
    for listener in _listeners:
        listener()


# -- parsers ---------------------------------------------------------------------------------------------------------


def duration(value: Any) -> float:
    """Seconds from ``"5m"``, ``"30 days"``, a number of seconds or a timedelta; above zero."""
    seconds: float
    if isinstance(value, bool):
        raise ValueError('Write a time such as "5m", "7d" or a timedelta.')
    if hasattr(value, "total_seconds"):
        seconds = float(value.total_seconds())
    elif isinstance(value, int | float):
        seconds = float(value)
    else:
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", str(value).lower())
        unit = _UNITS.get(match[2]) or _UNITS.get(match[2].rstrip("s")) if match else None
        if match is None or unit is None:
            raise ValueError(f'{value!r} is no time. Write "90s", "5m", "12h", "7d" or a timedelta.')
        seconds = float(match[1]) * unit
    if not 0 < seconds < 10 * 366 * 86400:
        raise ValueError("The time must be above zero and below ten years.")
    return seconds


def text(value: Any) -> str:
    """A string that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("Write a string that is not empty.")
    return value


def optional_text(value: Any) -> str:
    """A string; None counts as empty."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError("Write a string.")
    return value


def boolean(value: Any) -> bool:
    """True or False, nothing that merely looks like it."""
    if not isinstance(value, bool):
        raise ValueError("Write True or False.")
    return value


def integer(low: int, high: int) -> Parser[int]:
    """A whole number from `low` to `high`."""

    def parse(value: Any, /) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"Write a whole number from {low} to {high}.")
        return value

    return parse


def choice(*options: str) -> Parser[str]:
    """One of `options`."""

    def parse(value: Any, /) -> str:
        if value not in options:
            raise ValueError(f"Write one of {', '.join(map(repr, options))}.")
        return str(value)

    return parse


def names(value: Any) -> tuple[str, ...]:
    """A list of strings."""
    if (
        isinstance(value, str)
        or not isinstance(value, Sequence)
        or not all(isinstance(v, str) and v for v in value)
    ):
        raise ValueError('Write a list of strings, such as ["session", "jwt"].')
    return tuple(value)


def mapping(value: Any) -> dict[str, Any]:
    """A dict with string keys."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueError("Write a dict with names as keys.")
    return dict(value)
