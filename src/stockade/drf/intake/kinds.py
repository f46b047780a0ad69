"""Which JSON value a serializer's field takes: DRF's own read numbers from strings, and strings from numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rest_framework import relations, serializers
from rest_framework.fields import Field

AnyField = Field[Any, Any, Any, Any]

TEXT = "a string"
WHOLE = "a whole number"
NUMBER = "a number"
BOOLEAN = "true or false"
LIST = "a list"
OBJECT = "an object"
DECIMAL = "a number, or a string that holds one"
KEY = "a whole number or a string"


def _is_whole(value: object) -> bool:
    # To JSON 1.0 is 1 (JSON Schema 2020-12, section 4.2.3), as long as a float holds whole numbers one by one.
    if isinstance(value, float):
        return value.is_integer() and abs(value) < 2**53
    return isinstance(value, int) and not isinstance(value, bool)


_TESTS: dict[str, Callable[[object], bool]] = {
    TEXT: lambda value: isinstance(value, str),
    WHOLE: _is_whole,
    NUMBER: lambda value: _is_whole(value) or isinstance(value, float),
    BOOLEAN: lambda value: isinstance(value, bool),
    LIST: lambda value: isinstance(value, list),
    OBJECT: lambda value: isinstance(value, dict),
    DECIMAL: lambda value: _is_whole(value) or isinstance(value, float | str),
    KEY: lambda value: _is_whole(value) or isinstance(value, str),
}

# The first that fits; narrower ones first.
_KINDS: tuple[tuple[type[Any], str], ...] = (
    (serializers.BooleanField, BOOLEAN),
    (serializers.IntegerField, WHOLE),
    (serializers.FloatField, NUMBER),
    (serializers.DecimalField, DECIMAL),
    (serializers.MultipleChoiceField, LIST),
    (serializers.CharField, TEXT),
    (serializers.UUIDField, TEXT),
    (serializers.DateTimeField, TEXT),
    (serializers.DateField, TEXT),
    (serializers.TimeField, TEXT),
    (serializers.DurationField, TEXT),
    (serializers.ListField, LIST),
    (serializers.DictField, OBJECT),
    (serializers.ListSerializer, LIST),
    (serializers.Serializer, OBJECT),
    (relations.ManyRelatedField, LIST),
    (relations.HyperlinkedRelatedField, TEXT),
    (relations.SlugRelatedField, KEY),
)


def expected(field: AnyField) -> str:
    """What a field takes, in words; "" for what takes anything, or reads its values by code of its own."""
    if not _reads_as_drf(type(field)):
        return ""
    if isinstance(field, serializers.ChoiceField) and not isinstance(field, serializers.MultipleChoiceField):
        return _of_choices(field)
    if isinstance(field, relations.PrimaryKeyRelatedField):
        return _of_key(field)
    return next((kind for cls, kind in _KINDS if isinstance(field, cls)), "")


def fits(kind: str, value: object) -> bool:
    """Whether a value that JSON gave is of a kind of `expected`."""
    return not kind or _TESTS[kind](value)


def named(value: object) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    for kind in (BOOLEAN, WHOLE, NUMBER, TEXT, LIST, OBJECT):
        if _TESTS[kind](value):
            return kind
    return "something else"


def _reads_as_drf(cls: type[Any]) -> bool:
    """Whether `to_internal_value` is DRF's, or one of ours that asks no less."""
    function = cls.to_internal_value
    return str(getattr(function, "__module__", "")).startswith(("rest_framework.", "stockade.drf."))


def _of_key(field: Any) -> str:
    """What the document says of the key too: a number where the model's is one, and the string that a UUID is."""
    if field.pk_field is not None:
        return expected(field.pk_field)
    model = getattr(field.queryset, "model", None)
    if model is None:
        return KEY
    column = model._meta.pk
    while column.remote_field is not None:  # a key that is another's, as of a child of several tables
        column = column.target_field
    fields = serializers.ModelSerializer.serializer_field_mapping
    cls = next((fields[base] for base in type(column).__mro__ if base in fields), Field)
    return next((kind for base, kind in _KINDS if issubclass(cls, base)), KEY)


def _of_choices(field: Any) -> str:
    # Those of an enumeration of Django's are of its own type, and of str or int as well.
    kinds = {
        next((kind for kind in (BOOLEAN, WHOLE, TEXT) if _TESTS[kind](one)), "") for one in field.choices
    }
    if len(kinds) == 1:
        return kinds.pop()
    return KEY if kinds == {WHOLE, TEXT} else ""
