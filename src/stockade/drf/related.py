"""Related objects are what the caller may see: a foreign key to an invisible row is a row that does not exist."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Manager, Model, QuerySet
from rest_framework.fields import DictField, Field, ListField, SkipField, empty, get_attribute as step
from rest_framework.relations import ManyRelatedField, RelatedField
from rest_framework.serializers import BaseSerializer, ListSerializer, Serializer

from stockade.core.principal import Principal
from stockade.policy import Policy
from stockade.policy.table import SEEING

_visible: dict[type[Model], Policy] = {}


def declare_visible(model: type[Model], rule: Policy) -> None:
    """Say what of `model` may be seen, for fields of serializers that refer to it.

    Where several views declare it, an object may be seen that one of them would show.
    """
    key = _concrete(model)
    found = _visible.get(key)
    if found is None or found is rule:
        _visible[key] = rule
    elif rule not in getattr(found, "parts", ()):
        _visible[key] = found | rule


def visible_rule(model: type[Model]) -> Policy | None:
    """What of `model` may be seen, if any view has declared it."""
    return _visible.get(_concrete(model))


def seeing_rule(visible: Any, policy: Any) -> Policy | None:
    """What a view's `visible` and `policy` say of what may be seen of its model; None if nothing.

    A rule about the caller alone says who may use the view, not which objects there are; as `visible` it does.
    """
    if isinstance(visible, Policy):
        return visible
    if isinstance(policy, Mapping):
        by_key = {key.strip(): rule for keys, rule in policy.items() for key in str(keys).split(",")}
        policy = next((by_key[key] for key in SEEING if key in by_key), None)
    return policy if isinstance(policy, Policy) and policy.about_objects else None


def narrow_related(serializer: BaseSerializer[Any], principal: Principal) -> None:
    """Narrow what `serializer`'s fields take and give of other objects, nested serializers included."""
    if isinstance(serializer, ListSerializer):
        if isinstance(serializer.child, BaseSerializer):
            narrow_related(serializer.child, principal)
        return
    if not isinstance(serializer, Serializer):
        return
    model = getattr(getattr(serializer, "Meta", None), "model", None)
    for field in serializer.fields.values():
        prefix = field.source_attrs[:-1]
        if isinstance(field, ManyRelatedField):
            _narrow(field.child_relation, principal)
            _narrow_many(field, principal)
            _narrow_one(field, prefix, model, principal)
        elif isinstance(field, RelatedField):
            _narrow(field, principal)
            _narrow_one(field, field.source_attrs, model, principal)
        elif isinstance(field, ListField | DictField):
            _narrow_children(field, principal)
            _narrow_many(field, principal)
            _narrow_one(field, prefix, model, principal)
        elif isinstance(field, BaseSerializer):
            narrow_related(field, principal)
            if isinstance(field, ListSerializer):
                _narrow_many(field, principal)
                _narrow_one(field, prefix, model, principal)
            else:
                _narrow_one(field, field.source_attrs, model, principal)
        elif prefix:  # source="author.username"
            _narrow_one(field, prefix, model, principal)


def _narrow(field: Any, principal: Principal) -> None:
    """The choices of a field that is written."""
    queryset = field.queryset
    if isinstance(queryset, Manager):
        queryset = queryset.all()
    if isinstance(queryset, QuerySet) and (rule := visible_rule(queryset.model)) is not None:
        field.queryset = queryset.filter(rule.filter(principal))


def _narrow_children(field: Any, principal: Principal) -> None:
    """What the items of a list or the values of a map refer to."""
    child = field.child
    if isinstance(child, ManyRelatedField):
        _narrow(child.child_relation, principal)
    elif isinstance(child, RelatedField):
        _narrow(child, principal)
    elif isinstance(child, BaseSerializer):
        narrow_related(child, principal)
    elif isinstance(child, ListField | DictField):
        _narrow_children(child, principal)


def _narrow_many(field: Any, principal: Principal) -> None:
    """The members of a relation to many that is read."""
    if not _visible:
        return
    original = field.get_attribute

    def get_attribute(instance: Any) -> Any:
        return _members(original(instance), principal)

    field.get_attribute = get_attribute


def _members(found: Any, principal: Principal) -> Any:
    """Those of several objects that may be seen; anything else as it is."""
    queryset = found.all() if isinstance(found, Manager) else found
    if isinstance(queryset, QuerySet):
        rule = visible_rule(queryset.model)
        if rule is None:
            return found
        if not queryset.query.is_sliced:
            return queryset.filter(rule.filter(principal))
        # Of a slice nothing more can be asked of the database, and of its plain values nothing at all.
        return [one for one in queryset if isinstance(one, Model) and rule.check(principal, one)]
    if isinstance(found, list | tuple):  # as of `Prefetch(..., to_attr=...)`
        return [one for one in found if not isinstance(one, Model) or _may_see(one, principal)]
    return found


def _may_see(one: Model, principal: Principal) -> bool:
    rule = visible_rule(type(one))
    return rule is None or rule.check(principal, one)


def _narrow_one(
    field: Field[Any, Any, Any, Any], way: list[str], model: type[Model] | None, principal: Principal
) -> None:
    """A field that is read by way of other objects: where one of them may not be seen, as if it were not there."""
    if not way or not _visible:
        return
    met = _models(model, tuple(way)) if model is not None else None
    if met is not None and all(sees_all(one, principal) for one in met):
        return
    original = field.get_attribute

    def get_attribute(instance: Any) -> Any:
        here, among = instance, False  # whether it was found among several, as by ``children.first``
        for index, name in enumerate(field.source_attrs):
            if index >= len(way) and not among:
                break
            try:
                here = step(here, [name])
            except (AttributeError, KeyError):
                if among:
                    return _missing(field)
                break  # as DRF sees it: a default, a field left out, or the message that it raises
            if isinstance(here, Manager | QuerySet):
                here, among = _members(here, principal), True
            elif not isinstance(here, Model):
                if not among:
                    break
            elif not _may_see(here, principal):
                return None if index == len(field.source_attrs) - 1 else _missing(field)
        return here if among else original(instance)

    field.get_attribute = get_attribute  # type: ignore[method-assign]


def _missing(field: Field[Any, Any, Any, Any]) -> Any:
    """What DRF's `Field.get_attribute` makes of a source that meets a NULL on its way; never its error."""
    if field.default is not empty:
        return field.get_default()
    if not field.allow_null and not field.required:
        raise SkipField
    return None


def sees_all(model: type[Model], principal: Principal) -> bool:
    """Whether the caller may see every object of a model."""
    rule = _visible.get(_concrete(model))
    return rule is None or rule.admits(principal) is True


@lru_cache(maxsize=4096)
def _models(model: type[Model], way: tuple[str, ...]) -> tuple[type[Model], ...] | None:
    """The models that a source passes; None where they cannot be told (properties, methods)."""
    found: list[type[Model]] = []
    for name in way:
        try:
            related = model._meta.get_field(name).related_model
        except FieldDoesNotExist:
            return None
        if not isinstance(related, type):
            return None
        model = _concrete(related)
        found.append(model)
    return tuple(found)


def _concrete(model: type[Model]) -> type[Model]:
    return model._meta.concrete_model or model
