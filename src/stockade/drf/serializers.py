"""Strict serializers: a field that is unknown, or that the server decides, is an error and not silently dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

UNKNOWN = "This field is not known here."
READ_ONLY = "This field is set by the server."


class StrictMixin:
    """For any Serializer (OWASP API3:2023, mass assignment; ASVS 15.3.3)."""

    def to_internal_value(self, data: Any) -> Any:
        """As the serializer's, but with 400 for what it would have ignored."""
        if isinstance(data, Mapping):
            fields: Mapping[str, serializers.Field[Any, Any, Any, Any]] = self.fields  # type: ignore[attr-defined]
            wrong = {
                str(name)[:100]: [UNKNOWN if name not in fields else READ_ONLY]
                for name in data
                if name not in fields or fields[name].read_only
            }
            if wrong:
                raise serializers.ValidationError(wrong, code="unexpected_field")
        return super().to_internal_value(data)  # type: ignore[misc]


class StrictSerializer(StrictMixin, serializers.Serializer[Any]):
    """A Serializer that takes its own fields and no other."""


class StrictModelSerializer(StrictMixin, serializers.ModelSerializer[Any]):
    """A ModelSerializer that takes its own writable fields and no other."""
