"""Related fields see what the caller may see: a foreign key to an invisible row is a row that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Manager, Model, QuerySet
from rest_framework.relations import ManyRelatedField, RelatedField
from rest_framework.serializers import BaseSerializer, ListSerializer, Serializer

from stockade.core.principal import Principal
from stockade.policy import Policy

_visible: dict[type[Model], Policy] = {}


def declare_visible(model: type[Model], rule: Policy) -> None:
    """Say what of `model` may be seen, for fields of serializers that refer to it. The first declaration stands."""
    _visible.setdefault(model, rule)


def visible_rule(model: type[Model]) -> Policy | None:
    """What of `model` may be seen, if any view has declared it."""
    return _visible.get(model)


def narrow_related(serializer: BaseSerializer[Any], principal: Principal) -> None:
    """Narrow the querysets of `serializer`'s related fields, nested serializers included."""
    if isinstance(serializer, ListSerializer):
        if isinstance(serializer.child, BaseSerializer):
            narrow_related(serializer.child, principal)
        return
    if not isinstance(serializer, Serializer):
        return
    for field in serializer.fields.values():
        if isinstance(field, ManyRelatedField):
            _narrow(field.child_relation, principal)
            _narrow_output(field, principal)
        elif isinstance(field, RelatedField):
            _narrow(field, principal)
        elif isinstance(field, BaseSerializer):
            narrow_related(field, principal)
            if isinstance(field, ListSerializer):
                _narrow_output(field, principal)


def _narrow(field: Any, principal: Principal) -> None:
    """The choices of a field that is written."""
    queryset = field.queryset
    if isinstance(queryset, Manager):
        queryset = queryset.all()
    if isinstance(queryset, QuerySet) and (rule := visible_rule(queryset.model)) is not None:
        field.queryset = queryset.filter(rule.filter(principal))


def _narrow_output(field: Any, principal: Principal) -> None:
    """The members of a relation to many that is read."""
    original = field.get_attribute

    def get_attribute(instance: Any) -> Iterable[Any]:
        members = original(instance)
        queryset = members.all() if isinstance(members, Manager) else members
        if isinstance(queryset, QuerySet) and (rule := visible_rule(queryset.model)) is not None:
            return queryset.filter(rule.filter(principal))
        return members  # type: ignore[no-any-return]

    field.get_attribute = get_attribute
