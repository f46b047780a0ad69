"""Rules of the project's own, as code to go on with: where no rule of ours says what a permission class says."""

from __future__ import annotations

from typing import Any, Final

from stockade.drf.survey.expressions import Expression, rule

_CALLER: Final = '''\
class {name}:
    """What {cls} asks of the caller."""

    about_objects = False

    def check(self, principal, obj):
        # Write it without a request.
        user = principal.user or AnonymousUser()
        request = SimpleNamespace(user=user, auth=None, method="GET")
        return bool({cls}().has_permission(request, None))

    def filter(self, principal):
        return Q()
'''
_OBJECTS: Final = '''\
class {name}:
    """What {cls} asks of an object."""

    def check(self, principal, obj):
        # Write it without a request.
        user = principal.user or AnonymousUser()
        request = SimpleNamespace(user=user, auth=None, method="GET")
        asked = {cls}()
        return bool(
            asked.has_permission(request, None)
            and asked.has_object_permission(request, None, obj)
        )

    def filter(self, principal):
        return Q(pk__in=[])  # write the rows that `check` admits: none until then
'''
_Q: Final = "from django.db.models import Q"
_NAMESPACE: Final = "from types import SimpleNamespace"
_ANONYMOUS: Final = "from django.contrib.auth.models import AnonymousUser"


def keyed(permission: Any) -> Expression:
    """Whoever shows an API key: the permission class reads it from the request, which SCHEMES does in its place."""
    return rule("Scheme", type(permission).__name__, user=False)


def stub(permission: Any, *, objects: bool) -> Expression:
    """A rule that asks the permission class itself, to be written out."""
    cls = type(permission)
    name = f"{cls.__name__}Rule"
    template = _OBJECTS if objects else _CALLER
    return Expression(
        f"as_policy({name}())",
        objects=objects,
        stubs={name: template.format(name=name, cls=cls.__name__)},
        imports=frozenset(
            {_Q, _NAMESPACE, _ANONYMOUS, f"from {cls.__module__} import {cls.__qualname__.partition('.')[0]}"}
        ),
    )
