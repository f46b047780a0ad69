"""What permission classes ask: of the caller, and of an object."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import AND, NOT, OR, BasePermission

from stockade.drf.survey import probe, source
from stockade.drf.survey.byhand import body_asks
from stockade.drf.survey.views import Handler

# They bound a credential by its scopes, and otherwise ask no more than that there is one.
_SCOPED = "oauth2_provider.contrib.rest_framework.permissions"


def dotted(cls: type[Any]) -> str:
    """The dotted name of a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


def lineage(cls: type[Any]) -> set[str]:
    """The dotted names of a class and of all that it derives from."""
    return {dotted(base) for base in cls.__mro__}


def composed(permission: Any) -> tuple[str, list[Any]]:
    """The sign by which a permission is composed, and its parts; "" and none for a single one."""
    for sign, cls in (("&", AND), ("|", OR), ("~", NOT)):
        if isinstance(permission, cls):
            operands = vars(permission)
            return sign, [operands[name] for name in ("op1", "op2") if name in operands]
    return "", []


def leaves(permission: Any) -> list[Any]:
    """The permissions that one is composed of."""
    sign, parts = composed(permission)
    return [leaf for part in parts for leaf in leaves(part)] if sign else [permission]


def has_own_object_check(permission: Any) -> bool:
    """Whether a permission, or one that it is composed of, has something to say of objects."""
    return any(
        getattr(type(leaf), "has_object_permission", None) is not BasePermission.has_object_permission
        for leaf in leaves(permission)
    )


def checks_objects(permission: Any, handler: Handler, user: Any) -> bool:
    """Whether a signed-in caller who gets past it has been judged by the object.

    ``IsAuthenticated | IsOwner`` has an object check, and never comes to it.
    """
    sign, parts = composed(permission)
    if sign == "&":
        return any(checks_objects(part, handler, user) for part in parts)
    if sign == "|":
        ways = [part for part in parts if probe.one_admits(part, handler, user) is True]
        if ways:
            return all(checks_objects(way, handler, user) for way in ways)
    return has_own_object_check(permission)


def bounded_by_scopes(permission: Any) -> bool:
    """Whether a permission of OAuth toolkit asks for a token and its scopes."""
    return any(name.startswith(_SCOPED) for name in lineage(type(permission)))


def any_signed_in(handler: Handler, *, to_object: bool = False) -> bool:
    """Whether a caller gets in by being signed in (or by a token with the scope), and by nothing else.

    Args:
        to_object: whether who proves nothing may get past has_permission, as long as the object stops him.
    """
    user = probe.ordinary()
    permissions = probe.permissions(handler, user)
    if permissions is probe.UNKNOWN or not permissions:
        return False
    if probe.admitted(handler, probe.anonymous(), to_object=to_object) is True:
        return False
    return all(
        bounded_by_scopes(permission) or probe.one_admits(permission, handler, user) is True
        for permission in permissions
    )


def looks_at_the_url(permission: Any) -> bool:
    """Whether a permission of the project judges the caller by what the URL names."""
    for leaf in leaves(permission):
        method = source.own_function(getattr(type(leaf), "has_permission", None))
        if method is None:
            continue
        for _, node in source.reached(type(leaf), method):
            if "kwargs" in source.words(node):
                return True
    return False


def hooks_of_its_own(handler: Handler) -> bool:
    """Whether the project's view decides who may somewhere else than in permission classes: nothing can be told."""
    cls = handler.view.cls
    if any(source.overridden(cls, name) for name in ("check_permissions", "perform_authentication")):
        return True
    return any(source.overridden(cls, name) and body_asks(cls, name) for name in ("initial", "dispatch"))
