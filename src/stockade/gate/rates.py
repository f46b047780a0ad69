"""Rates as people write them (`"100/day"`, DRF's syntax) to `Limit` and back."""

from __future__ import annotations

import re

from stockade.gate.protocol import Limit

_SECOND = 1_000_000
# DRF looks at the first letter only, so that "100/month" is 100 a minute there: here every unit is spelled.
_UNITS: dict[str, int] = {}
for _names, _seconds in (
    ("s sec secs second seconds", 1),
    ("m min mins minute minutes", 60),
    ("h hr hrs hour hours", 3600),
    ("d day days", 86400),
    ("w week weeks", 7 * 86400),
):
    _UNITS.update(dict.fromkeys(_names.split(), _seconds * _SECOND))
_SHORT = (("day", 86400), ("hour", 3600), ("min", 60), ("s", 1))
_LETTER = {"day": "d", "hour": "h", "min": "m", "s": "s"}
_RATE = re.compile(r"\s*([0-9][0-9_]{0,15})\s*/\s*([0-9]{1,9})?\s*([A-Za-z]+)\s*", re.ASCII)
_HELP = 'Write a number, a slash and a period, such as "100/day", "5/min", "10/s" or "100/15m".'


def parse(name: str, rate: str) -> Limit:
    """The limit called `name` that `rate` describes.

    Args:
        rate: ``N/period``, where the period is a unit (s, min, hour, day, week, in full or short) with an optional
            number before it: ``100/day``, ``5/min``, ``100/15m``, ``20/2 hours``.

    Raises:
        ValueError: it is no rate; the message says what to write instead.
    """
    if not isinstance(rate, str):
        raise ValueError(f"{rate!r} is no rate. {_HELP}")
    match = _RATE.fullmatch(rate)
    if match is None:
        raise ValueError(f"{rate!r} is no rate. {_HELP}")
    count, times, word = match.groups()
    unit = _UNITS.get(word.lower())
    if unit is None:
        if word.lower().startswith(("mo", "y")):
            raise ValueError(f'{rate!r}: months and years differ in length. Write days, such as "1000/30d".')
        raise ValueError(f"{rate!r}: {word!r} is no unit. Write s, min, hour, day or week. {_HELP}")
    try:
        return Limit(name, int(count), unit * int(times or 1))
    except ValueError as error:
        raise ValueError(f"{rate!r}: {error}") from None


def format(limit: Limit) -> str:
    """The shortest rate that `parse` reads back as the same limit: ``100/day``, ``100/15m``."""
    seconds, rest = divmod(limit.period, _SECOND)
    if rest:
        return f"{limit.count}/{limit.period / _SECOND:g}s"  # not made by `parse`; for people only
    for word, length in _SHORT:
        if seconds % length == 0:
            times = seconds // length
            return f"{limit.count}/{word}" if times == 1 else f"{limit.count}/{times}{_LETTER[word]}"
    raise AssertionError(seconds)  # pragma: no cover - every number is divided by one


def slot(limit: Limit) -> int:
    """How late a place may come free, in microseconds: the length of a slot; 0 where times are kept exactly."""
    return 0 if limit.grain == 1 else limit.grain
