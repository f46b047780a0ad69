"""What Python may decide for the database: comparisons on which both are sure to agree; all others are left to it.

Sure are whole numbers, booleans, UUIDs, dates, aware datetimes and (for equality) text, in fields of Django's own
classes: a subclass may store something else, a collation may fold case, a float or a decimal may be rounded.
"""

from __future__ import annotations

import datetime
import operator
import uuid
from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from django.conf import settings
from django.db import connections, models

from stockade.policy.logic import ANY, FALSE, TRUE, UNKNOWN, Bits
from stockade.policy.paths import Path

_INT, _BOOL, _UUID, _TEXT, _DATE, _DATETIME = int, bool, uuid.UUID, str, datetime.date, datetime.datetime

_PYTHON_TYPE: Final[dict[type[Any], type[Any]]] = {
    models.AutoField: _INT,
    models.BigAutoField: _INT,
    models.SmallAutoField: _INT,
    models.IntegerField: _INT,
    models.BigIntegerField: _INT,
    models.SmallIntegerField: _INT,
    models.PositiveIntegerField: _INT,
    models.PositiveBigIntegerField: _INT,
    models.PositiveSmallIntegerField: _INT,
    models.BooleanField: _BOOL,
    models.UUIDField: _UUID,
    models.CharField: _TEXT,
    models.TextField: _TEXT,
    models.SlugField: _TEXT,
    models.EmailField: _TEXT,
    models.URLField: _TEXT,
    models.DateField: _DATE,
    models.DateTimeField: _DATETIME,
}
_ORDERED = {_INT, _DATE, _DATETIME}
_PLAIN = {_INT, _BOOL, _UUID, _DATE}  # compare alike in every database, as they are
_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
# Their equality is that of bytes unless a column says otherwise.
_EXACT_VENDORS = {"sqlite", "postgresql"}

UNSURE: Final = object()
"""Stands for a value that Python does not have, or does not have for sure."""


def stored_as(field: Any) -> tuple[type[Any] | None, Any]:
    """The Python type that `field` holds (None if unsure), and the field at the end of its chain of foreign keys."""
    for _ in range(16):
        target = getattr(field, "target_field", None) if field.is_relation else None
        if target is None:
            break
        field = target
    found = _PYTHON_TYPE.get(type(field))
    if found is _TEXT and getattr(field, "db_collation", None):
        return None, field
    return found, field


def exact(kind: type[Any] | None, value: Any) -> Any:
    """`value` as one of exactly `kind`, in a form that compares as the database compares; else UNSURE."""
    if isinstance(value, Enum):  # Django's choices: the database sees the text or number that the member is
        if isinstance(value, str):
            value = str.__str__(value)
        elif isinstance(value, int):
            value = int.__int__(value)
    if kind is None or type(value) is not kind:
        return UNSURE
    if kind is _DATETIME:
        if not settings.USE_TZ or value.tzinfo is None:
            return UNSURE
        return value.astimezone(datetime.UTC)  # two values of one zone would be compared by their hands alone
    return value


def reader(path: Path) -> Callable[[models.Model], Any]:
    """A function that reads the end of a single-valued path on a loaded object.

    It answers None for NULL, and UNSURE for what is not loaded or does not compare as the database compares.
    """
    final, hops = path.final, path.fields[:-1]
    kind, _ = stored_as(final)
    plain = kind in _PLAIN
    if not _has_column(final):
        return lambda obj: UNSURE
    attname: str = final.attname

    def end(obj: models.Model) -> Any:
        value = obj.__dict__.get(attname, UNSURE)
        if value is None or value is UNSURE or (plain and type(value) is kind):
            return value
        return exact(kind, value) if _compares_alike(kind, obj) else UNSURE

    def walk(obj: models.Model) -> Any:
        here = obj
        for field in hops:
            value = _column(field, here)
            if value is None or value is UNSURE:
                return value
            related = field.get_cached_value(here, default=None)
            if not _is_of(related, field, here, value):
                return UNSURE
            here = related
        return end(here)

    return walk if hops else end


def _has_column(field: Any) -> bool:
    return bool(field.concrete and getattr(field, "column", None))


def _column(field: Any, obj: models.Model) -> Any:
    if not _has_column(field):
        return UNSURE  # a reverse or composite relation: its rows are not here
    return obj.__dict__.get(field.attname, UNSURE)


def _is_of(related: models.Model | None, field: Any, obj: models.Model, key: Any) -> bool:
    """Whether the loaded object is the one that the row points at, in the same database."""
    if related is None or related.__dict__.get(field.target_field.attname, UNSURE) != key:
        return False
    return obj._state.db is None or related._state.db == obj._state.db


def _compares_alike(kind: type[Any] | None, obj: models.Model) -> bool:
    if kind is _TEXT or kind is _DATETIME:
        connection = connections[obj._state.db or "default"]
        if connection.vendor not in _EXACT_VENDORS:
            return False
        # With a zone of its own a database without zones stores local time, in which an hour a year comes twice.
        return kind is _TEXT or connection.settings_dict.get("TIME_ZONE") is None
    return True


def comparison(path: Path, lookup: str, value: Any) -> Callable[[models.Model], Bits]:
    """A function that compares the end of `path` on an object with `value`; it answers ANY where it is not sure."""
    if lookup == "isnull":
        return lambda obj: (
            ANY if (found := read_null(path, obj)) is None else TRUE if found is value else FALSE
        )
    kind, end = stored_as(path.final)
    if not is_djangos(end, lookup):
        return lambda obj: ANY
    read = reader(path)
    if lookup == "exact":
        wanted = exact(kind, value)
        if wanted is not UNSURE:
            return lambda obj: judge(read(obj), lambda found: bool(found == wanted))
    elif lookup == "in" and isinstance(value, list | tuple | set | frozenset):
        # Django drops None from the list.
        several = [exact(kind, one) for one in value if one is not None]
        if UNSURE not in several:
            return lambda obj: judge(read(obj), lambda found: found in several)
    elif lookup in _COMPARISONS and kind in _ORDERED and not path.final.is_relation:
        bound, compare = exact(kind, value), _COMPARISONS[lookup]
        if bound is not UNSURE:
            return lambda obj: judge(read(obj), lambda found: compare(found, bound))
    return lambda obj: ANY


def is_djangos(field: Any, lookup: str) -> bool:
    """Whether `lookup` on `field` means what Django made it mean; anyone may write a field or register a lookup."""
    found = field.get_lookup(lookup)
    if found is None or not found.__module__.startswith("django.db.models."):
        return False
    # JSON has lookups of the same names that are unknown where a key is missing.
    return type(field).__module__.startswith("django.db.models.fields") and not isinstance(
        field, models.JSONField
    )


def judge(found: Any, holds: Callable[[Any], bool]) -> Bits:
    """The truth of a comparison with what `read` found."""
    if found is None:
        return UNKNOWN
    if found is UNSURE:
        return ANY
    return TRUE if holds(found) else FALSE


def read_null(path: Path, obj: models.Model) -> bool | None:
    """Whether the end of the path is NULL; None if that is not known here."""
    here: models.Model = obj
    last = len(path.fields) - 1
    for index, field in enumerate(path.fields):
        value = _column(field, here)
        if value is UNSURE or hasattr(value, "resolve_expression"):
            return None
        if value is None:
            return True
        if index < last:
            related = field.get_cached_value(here, default=None)
            if not _is_of(related, field, here, value):
                return None
            here = related
    return False
