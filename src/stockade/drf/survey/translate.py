"""Reads a permission class as a rule of `stockade.policy`: packages' by name, the project's by source."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from rest_framework.permissions import SAFE_METHODS, BasePermission

from stockade.drf.survey import probe, source
from stockade.drf.survey.asked import composed, dotted, lineage
from stockade.drf.survey.expressions import (
    EVERYONE,
    SIGNED_IN,
    Expression,
    both,
    either,
    negated,
    rule,
)
from stockade.drf.survey.reading import Reader, Unreadable
from stockade.drf.survey.stubs import keyed, stub
from stockade.drf.survey.views import Handler

_DRF = "rest_framework.permissions."
_API_KEY = "rest_framework_api_key.permissions.BaseHasAPIKey"
_OAUTH = "oauth2_provider.contrib.rest_framework.permissions."


def translate(permission: Any, handler: Handler, model: type[Model] | None, *, objects: bool) -> Expression:
    """The rule that a permission amounts to on one handler.

    Args:
        permission: made, as the view asks it.
        model: of the view's objects; None where that cannot be told.
        objects: whether the handler is about objects that it takes by DRF: then what is said of them counts.
    """
    sign, parts = composed(permission)
    if sign:
        rules = [translate(part, handler, model, objects=objects) for part in parts]
        return negated(rules[0]) if sign == "~" else (both if sign == "&" else either)(*rules)
    known = _known(permission, handler, model, objects=objects)
    return known if known is not None else _own(permission, handler, model, objects=objects)


# --- what is known by name ---


def _known(
    permission: Any, handler: Handler, model: type[Model] | None, *, objects: bool
) -> Expression | None:
    name = dotted(type(permission))
    if name == f"{_DRF}AllowAny":
        return EVERYONE
    if name == f"{_DRF}IsAuthenticated":
        return SIGNED_IN
    if name == f"{_DRF}IsAdminUser":
        return rule("Staff")
    if name == f"{_DRF}IsAuthenticatedOrReadOnly":
        return EVERYONE if handler.method in SAFE_METHODS else SIGNED_IN
    if name in {f"{_DRF}DjangoModelPermissions", f"{_DRF}DjangoModelPermissionsOrAnonReadOnly"}:
        return _model_permissions(permission, handler, model)
    if _by_objects(permission):
        caller = _caller_of_object_permissions(permission, handler, model)
        return both(caller, _granted(permission, handler, model)) if objects else caller
    if name.startswith(_OAUTH):
        return _scoped(name, handler)
    if _API_KEY in lineage(type(permission)):
        return keyed(permission)
    return None


def _by_objects(permission: Any) -> bool:
    from rest_framework.permissions import DjangoObjectPermissions

    return (
        isinstance(permission, DjangoObjectPermissions)
        and type(permission).has_object_permission is DjangoObjectPermissions.has_object_permission
    )


def _names(permission: Any, handler: Handler, model: type[Model] | None) -> list[str]:
    if model is None:
        raise Unreadable
    names = permission.perms_map.get(handler.method)
    if names is None:
        raise Unreadable
    return [
        name % {"app_label": model._meta.app_label, "model_name": model._meta.model_name} for name in names
    ]


def _model_permissions(permission: Any, handler: Handler, model: type[Model] | None) -> Expression:
    try:
        names = _names(permission, handler, model)
    except Unreadable:
        return stub(permission, objects=False)
    anyone = EVERYONE if not permission.authenticated_users_only else SIGNED_IN
    return rule("Permission", *names) if names else anyone


def _caller_of_object_permissions(permission: Any, handler: Handler, model: type[Model] | None) -> Expression:
    method = type(permission).has_permission
    if source.own_function(method) is None:
        return _model_permissions(permission, handler, model)
    try:
        return Reader(method, handler, None).read()
    except Unreadable:
        return stub(permission, objects=False)


def _granted(permission: Any, handler: Handler, model: type[Model] | None) -> Expression:
    try:
        names = _names(permission, handler, model)
    except Unreadable:
        return stub(permission, objects=True)
    found = SIGNED_IN if not names else rule("Granted", names[0], objects=True)
    for name in names[1:]:
        found = both(found, rule("Granted", name, objects=True))
    return found


def _scoped(name: str, handler: Handler) -> Expression | None:
    scopes = [str(scope) for scope in handler.attribute("required_scopes") or ()]
    kind = name.removeprefix(_OAUTH)
    reading = handler.method in SAFE_METHODS
    if kind in {"TokenHasScope", "IsAuthenticatedOrTokenHasScope"}:
        wanted = scopes
    elif kind == "TokenHasReadWriteScope":
        wanted = [
            *scopes,
            _scope_setting("READ_SCOPE", "read") if reading else _scope_setting("WRITE_SCOPE", "write"),
        ]
    elif kind == "TokenHasResourceScope":
        verb = _scope_setting("READ_SCOPE", "read") if reading else _scope_setting("WRITE_SCOPE", "write")
        wanted = [f"{scope}:{verb}" for scope in scopes]
    else:
        return None
    if not wanted:
        return SIGNED_IN
    return both(SIGNED_IN, rule("Scope", *wanted, user=False))


def _scope_setting(name: str, default: str) -> str:
    from django.conf import settings

    return str((getattr(settings, "OAUTH2_PROVIDER", None) or {}).get(name, default))


# --- the project's own ---


def _own(permission: Any, handler: Handler, model: type[Model] | None, *, objects: bool) -> Expression:
    cls = type(permission)
    on_objects = objects and cls.has_object_permission is not BasePermission.has_object_permission
    try:
        caller = EVERYONE
        if cls.has_permission is not BasePermission.has_permission:
            caller = Reader(cls.has_permission, handler, None).read()
        if not on_objects:
            return caller
        return both(caller, Reader(cls.has_object_permission, handler, model).read())
    except Unreadable:
        return stub(permission, objects=on_objects)


def model_of(handler: Handler) -> type[Model] | None:
    """The model of a handler's objects, as its queryset or its serializer says."""
    from django.db.models import Manager, QuerySet

    queryset = handler.attribute("queryset")
    if isinstance(queryset, QuerySet | Manager):
        return queryset.model
    found = probe.ask(lambda: probe.view_of(handler, probe.ordinary()).get_queryset().model)
    if isinstance(found, type) and issubclass(found, Model):
        return found
    model = getattr(getattr(handler.attribute("serializer_class"), "Meta", None), "model", None)
    return model if isinstance(model, type) and issubclass(model, Model) else None
