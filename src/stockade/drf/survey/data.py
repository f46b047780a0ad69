"""Facts about serializers: `writable-privilege`, `password-out`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from django.db.models import Model
from rest_framework import serializers

from stockade.drf.survey import probe, source
from stockade.drf.survey.access import labels
from stockade.drf.survey.facts import Fact
from stockade.drf.survey.using import given, taken
from stockade.drf.survey.views import Handler, View

PRIVILEGES = frozenset({"is_staff", "is_superuser", "groups", "user_permissions"})
HASHES = frozenset({"password", "password_hash", "hashed_password"})
_DEEP = 4


def writable_privilege(view: View) -> Iterator[Fact]:
    """Serializers of unsafe routes by which a client writes a privilege, or an owner."""
    found: list[Handler] = []
    said: dict[tuple[str, str], None] = {}
    where = view.where
    kept: dict[str, None] = {}  # what is read-only by now stays so
    for handler in view.handlers:
        if handler.safe:
            continue
        for serializer in taken(handler):
            names = _privileges(serializer, handler)
            if names:
                found.append(handler)
                cls = type(serializer)
                said.update(dict.fromkeys((cls.__name__, name) for name in names))
                kept.update(dict.fromkeys(getattr(serializer.Meta, "read_only_fields", None) or ()))
                where = source.place_of_class(cls)
    if found:
        fields = ", ".join(dict.fromkeys(name for _, name in said))
        classes = ", ".join(dict.fromkeys(cls for cls, _ in said))
        yield Fact(
            "writable-privilege",
            view.name,
            where,
            f"{classes} lets the client of {', '.join(labels(found))} write {fields}.",
            f"# in Meta of {classes}:\n{_read_only([*kept, *(name for _, name in said)])}",
            labels(found),
        )


def _read_only(names: list[str]) -> str:
    quoted = [f'"{name}"' for name in dict.fromkeys(names)]
    line = f"read_only_fields = [{', '.join(quoted)}]"
    return (
        line
        if len(line) <= 88
        else "\n".join(["read_only_fields = [", *(f"    {one}," for one in quoted), "]"])
    )


def _privileges(serializer: Any, handler: Handler) -> list[str]:
    if not isinstance(serializer, serializers.ModelSerializer):
        return []
    meta = getattr(serializer, "Meta", None)
    model = getattr(meta, "model", None)
    if not (isinstance(model, type) and issubclass(model, Model)):
        return []
    everything = getattr(meta, "fields", None) == serializers.ALL_FIELDS
    found = []
    for name, field in _fields(serializer).items():
        if field.read_only or isinstance(field, serializers.HiddenField):
            continue
        column = name if field.source in ("*", None) else field.source
        owner = everything and _is_owner(model, column) and not _set_by_server(handler, name)
        if owner or (column in PRIVILEGES and _has_privileges(model)):
            found.append(name)
    return found


def _has_privileges(model: type[Model]) -> bool:
    """Whether a field of that name means something here: a user, or whatever stands for one."""
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import PermissionsMixin

    return issubclass(model, PermissionsMixin | get_user_model())


def _is_owner(model: type[Model], column: str) -> bool:
    from django.contrib.auth import get_user_model

    field = next((field for field in model._meta.get_fields() if field.name == column), None)
    if field is None or not (field.many_to_one or field.one_to_one) or field.auto_created:
        return False
    related: Any = field.related_model
    user = get_user_model()
    return isinstance(related, type) and issubclass(related, user._meta.concrete_model or user)


def _set_by_server(handler: Handler, name: str) -> bool:
    """Whether the view writes the field itself whenever this method saves: ``serializer.save(owner=request.user)``."""
    for function, node in handler.code:
        if source.own_function(function) is None:
            continue
        for call in ast.walk(node):
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr == "save"
                and name in {keyword.arg for keyword in call.keywords}
            ):
                return True
    return False


def password_out(view: View) -> Iterator[Fact]:
    """Serializers whose output has a password's hash in it."""
    found: list[Handler] = []
    classes: dict[str, None] = {}
    where = view.where
    for handler in view.handlers:
        for serializer in given(handler):
            path = _password(serializer, 0)
            if path:
                found.append(handler)
                classes[f"{type(serializer).__name__} ({path})"] = None
                where = source.place_of_class(type(serializer))
    if found:
        yield Fact(
            "password-out",
            view.name,
            where,
            f"The answer of {', '.join(labels(found))} has the password's hash in it: {', '.join(classes)}.",
            "# in Meta; or leave it out of `fields`, and write no `depth`:\n"
            'extra_kwargs = {"password": {"write_only": True}}',
            labels(found),
        )


def _password(serializer: Any, depth: int) -> str:
    """The path to a password in the output; "" without one."""
    if depth > _DEEP:
        return ""
    if isinstance(serializer, serializers.ListSerializer):
        return _password(serializer.child, depth)
    if not isinstance(serializer, serializers.Serializer) or _rewritten(serializer):
        return ""
    for name, field in _fields(serializer).items():
        if field.write_only:
            continue
        if isinstance(field, serializers.BaseSerializer):
            inner = _password(field, depth + 1)
            if inner:
                return f"{name}.{inner}"
        elif (name in HASHES or str(field.source).rpartition(".")[2] == "password") and _is_stored(
            serializer, field
        ):
            return name
    return ""


def _is_stored(serializer: Any, field: Any) -> bool:
    """Whether the field shows what is stored, and is not made up by a method."""
    return not isinstance(field, serializers.SerializerMethodField | serializers.HiddenField)


def _rewritten(serializer: Any) -> bool:
    """Whether the serializer's own to_representation speaks of passwords: it may take them out."""
    method = source.own_function(type(serializer).to_representation)
    node = source.tree(method) if method is not None else None
    return node is not None and bool(HASHES & source.literals(node))


def _fields(serializer: Any) -> dict[str, Any]:
    found = probe.ask(lambda: dict(serializer.fields))
    return {} if found is probe.UNKNOWN else found
