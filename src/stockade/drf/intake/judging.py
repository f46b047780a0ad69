"""What a serializer would pass over, or make into something else: unknown names, values of another type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.relations import ManyRelatedField
from rest_framework.utils import html

from stockade.drf.intake import kinds
from stockade.drf.intake.kinds import AnyField

UNKNOWN = "This field is not known here."
READ_ONLY = "This field is set by the server."
ONCE = "This field stands twice. Send it once."
UNEXPECTED, WRONG_TYPE = "unexpected_field", "wrong_type"

_LONGEST_NAME = 100  # of what a client called a field, in an answer
_OF_DJANGO = frozenset({"csrfmiddlewaretoken"})  # in every form of Django's
_SEVERAL = (
    serializers.ListField,
    serializers.ListSerializer,
    serializers.MultipleChoiceField,
    ManyRelatedField,
)


def objections(serializer: Any, data: Any) -> dict[str, Any]:
    """What is wrong with `data`, by field, as DRF has errors; nothing where the serializer may read it.

    Serializers that are nested are asked too. `strict = False` on a class leaves what it does not know alone.
    """
    if not isinstance(data, Mapping):
        return {}
    form = html.is_html_input(data)
    fields: Mapping[str, AnyField] = serializer.fields
    strict = getattr(serializer, "strict", True)
    wrong: dict[str, Any] = {}
    for name in data:
        field = fields.get(name)
        if field is None or field.read_only or isinstance(field, serializers.HiddenField):
            if strict and not (form and _is_of_a_form(str(name), fields)):
                wrong[str(name)[:_LONGEST_NAME]] = [UNKNOWN if field is None else READ_ONLY]
        elif form:
            if not isinstance(field, _SEVERAL) and len(data.getlist(name)) > 1:  # type: ignore[attr-defined]
                wrong[name] = [ONCE]
        elif strict and (found := _of_value(field, data[name])) is not None:
            wrong[name] = found
    return wrong


def codes(wrong: Any) -> str:
    """The code of a finding: of a wrong type only where nothing else is wrong."""
    said = list(_messages(wrong))
    return UNEXPECTED if any(one in (UNKNOWN, READ_ONLY, ONCE) for one in said) else WRONG_TYPE


def _messages(wrong: Any) -> Any:
    for each in wrong.values() if isinstance(wrong, dict) else wrong:
        if isinstance(each, dict | list):
            yield from _messages(each)
        else:
            yield each


def _is_of_a_form(name: str, fields: Mapping[str, AnyField]) -> bool:
    """Whether a form may have it: ``tags[0]`` and ``place.street`` are parts of a field."""
    stem = name.partition("[")[0].partition(".")[0]
    found = fields.get(stem)
    return name in _OF_DJANGO or (stem != name and found is not None and not found.read_only)


def _of_value(field: AnyField, value: Any) -> Any:
    """What is wrong with one value; None if nothing."""
    if value is None:
        return None  # `allow_null` decides
    kind = kinds.expected(field)
    if not kinds.fits(kind, value):
        if kind == kinds.TEXT and isinstance(value, str):
            return None
        return [f"Write {kind}, not {kinds.named(value)}."]
    if isinstance(field, serializers.ListSerializer):
        return _of_items(lambda item: _nested(field.child, item), value)
    if isinstance(field, serializers.Serializer):
        return _nested(field, value)
    if isinstance(field, serializers.ListField):
        return _of_items(lambda item: _of_value(field.child, item), value)
    if isinstance(field, ManyRelatedField):
        return _of_items(lambda item: _of_value(field.child_relation, item), value)
    if isinstance(field, serializers.DictField):
        found = {str(key)[:_LONGEST_NAME]: _of_value(field.child, each) for key, each in value.items()}
        return {key: each for key, each in found.items() if each is not None} or None
    return None


def _nested(serializer: Any, value: Any) -> Any:
    if value is not None and not isinstance(value, Mapping):
        return {"non_field_errors": [f"Write {kinds.OBJECT}, not {kinds.named(value)}."]}
    return objections(serializer, value) or None


def _of_items(ask: Any, values: Any) -> Any:
    if not isinstance(values, list):
        return None
    found = [ask(value) for value in values]
    return [each or {} for each in found] if any(each is not None for each in found) else None
