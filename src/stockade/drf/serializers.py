"""Serializers that take their own fields and no other, each from and for those whom it is meant for."""

from __future__ import annotations

from typing import Any

from django.utils.functional import cached_property
from rest_framework import serializers

from stockade.core.errors import Forbidden
from stockade.core.principal import Principal
from stockade.drf import visible
from stockade.drf.intake.judging import READ_ONLY, UNKNOWN, codes, objections
from stockade.drf.refused import Refused


class StrictMixin:
    """For any Serializer: before the serializer class in its bases (OWASP API3:2023; ASVS 5.0, 15.3.3).

    A field that is unknown, that the server decides, or whose JSON value is of another type is an error, and not
    dropped or made to fit. `Meta.visible` and `Meta.writable` say who sees and who writes a field.

    Attributes:
        strict: False takes what DRF takes; what `Meta` says holds all the same.
    """

    strict = True
    strictly = True  # judged here, and not once more by MODE

    @cached_property
    def fields(self) -> Any:
        """The serializer's fields, as far as the caller may see or write them.

        Raises:
            ConfigurationError: Meta speaks of a field that there is not.
        """
        found = super().fields  # type: ignore[misc]
        said = visible.declared(type(self))
        self._unsettled: dict[str, Any] = {}
        self._withheld: list[str] = []  # what must be given, and not by this caller
        if said is visible.NOTHING:
            return found
        visible.require_known(type(self), said, found)
        caller = visible.caller_of(self.context)  # type: ignore[attr-defined]
        for name in {**said.visible, **said.writable}:
            field = found.get(name)
            if field is not None:
                self._fit(found, field, said, caller)
        return found

    def _fit(self, found: Any, field: Any, said: visible.Declared, caller: Any) -> None:
        """Make a field what it is for the caller: seen and written, one of them, or not there."""
        name = field.field_name
        sees = not field.write_only and visible.admits(said.visible.get(name), caller)
        writes = not field.read_only and visible.admits(said.writing(name), caller)
        if sees is None or writes is None:
            self._unsettled[name] = caller  # by the object: asked when there is one
        if writes is False and field.required and not field.read_only:
            self._withheld.append(name)
        if sees is False and writes is False:
            del found[name]
        elif sees is False:
            field.write_only = True
        elif writes is False:
            field.read_only, field.required = True, False

    def to_representation(self, instance: Any) -> Any:
        """As the serializer's, without what the caller may not see of this object."""
        found = super().to_representation(instance)  # type: ignore[misc]
        _ = self.fields
        if self._unsettled and isinstance(found, dict):
            said = visible.declared(type(self)).visible
            for name, caller in self._unsettled.items():
                if visible.admits(said.get(name), caller, instance) is not True:
                    found.pop(name, None)
        return found

    def to_internal_value(self, data: Any) -> Any:
        """As the serializer's, but with 400 for what it would have ignored or converted.

        Raises:
            ValidationError: by field, what is wrong and what to write.
            Forbidden: a field that must be given is not the caller's to write.
        """
        wrong = {**objections(self, data), **self._not_of_this_object(data)}
        if wrong:
            raise serializers.ValidationError(wrong, code=codes(wrong))
        root = self.root  # type: ignore[attr-defined]
        if self._withheld and root.instance is None and not root.partial:
            raise Refused(Forbidden(reason=visible.UNSEEN))
        return super().to_internal_value(data)  # type: ignore[misc]

    def _not_of_this_object(self, data: Any) -> dict[str, list[str]]:
        _ = self.fields
        if not self._unsettled or not hasattr(data, "__contains__"):
            return {}
        said = visible.declared(type(self))
        instance = self.instance if _is_one(self) else None  # type: ignore[attr-defined]
        wrong: dict[str, list[str]] = {}
        for name, caller in self._unsettled.items():
            if name in data and not _may(said.writing(name), caller, instance):
                seen = _may(said.visible.get(name), caller, instance)
                wrong[name] = [READ_ONLY if seen else UNKNOWN]
        return wrong


def _may(rule: Any, caller: Principal, instance: Any) -> bool:
    """Whether a rule admits to this object; to one that there is not yet only where it admits to every object."""
    return visible.admits(rule, caller, instance) is True


def _is_one(serializer: Any) -> bool:
    from django.db.models import Model

    return isinstance(serializer.instance, Model)


class StrictSerializer(StrictMixin, serializers.Serializer[Any]):
    """A Serializer that takes its own fields and no other."""


class StrictModelSerializer(StrictMixin, serializers.ModelSerializer[Any]):
    """A ModelSerializer that takes its own writable fields and no other."""
