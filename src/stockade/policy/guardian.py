"""`Granted`: permissions on single objects, as django-guardian keeps them. It is imported here, and when asked only."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db.models import CharField, Exists, Model, OuterRef, Q, UUIDField
from django.db.models.functions import Cast

from stockade.core.errors import ConfigurationError
from stockade.core.principal import Principal
from stockade.policy import sql
from stockade.policy.base import Policy
from stockade.policy.callers import user_row
from stockade.policy.logic import FALSE, TRUE, Bits
from stockade.policy.rules import permission_name, require_model
from stockade.policy.values import stored_as


class Granted(Policy):
    """The caller's user, or a group of it, was granted this permission on the object (django-guardian).

    Needs the extra ``django-stockade[guardian]`` and "guardian" in INSTALLED_APPS. Grants for the whole model do not
    count: that is `Permission`. A superuser is granted everything, an anonymous caller and a service nothing. `check`
    is one query.

    Args:
        name: ``"app.codename"``, of the model that is asked about.
    """

    __slots__ = ("_known", "codename", "label", "name")

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise ConfigurationError(
                "stockade.E040",
                f"Granted({name!r}) names no permission.",
                'Write Granted("app.change_article").',
            )
        self.name = name
        self.label, self.codename = permission_name("Granted", name)
        self._known: set[type[Model]] = set()
        self._about_object(_possible, {TRUE, FALSE, TRUE | FALSE})

    def bits(self, principal: Principal, obj: Any) -> Bits:
        """Superusers and strangers are decided here; everyone else in the database."""
        require_model(self, obj)
        return _possible(principal)

    def rows(self, model: type[Model], principal: Principal, value: bool) -> Q | bool:
        """The objects that guardian lists for the user."""
        if (certain := _possible(principal)) != TRUE | FALSE:
            return (certain == TRUE) is value
        ctype = self._content_type(model)
        from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

        user: Any = user_row(principal)
        of: Any = model
        found = _grants(model, get_user_obj_perms_model(of), ctype, self.codename, Q(user=user))
        if hasattr(user, "groups"):
            groups = Q(group__in=user.groups.all())
            found |= _grants(model, get_group_obj_perms_model(of), ctype, self.codename, groups)
        return sql.exists(model, found, value)

    def _content_type(self, model: type[Model]) -> Any:
        try:
            from guardian.ctypes import get_content_type
        except ImportError:
            raise self._missing() from None
        if not apps.is_installed("guardian"):
            raise self._missing()
        ctype: Any = get_content_type(model)
        if model not in self._known:
            rows = apps.get_model("auth", "Permission")._base_manager.filter(
                content_type=ctype, codename=self.codename
            )
            if ctype.app_label != self.label or not rows.exists():
                raise self._foreign(model)
            self._known.add(model)
        return ctype

    def _missing(self) -> ConfigurationError:
        return ConfigurationError(
            "stockade.E047",
            f"{self!r} needs django-guardian.",
            'Install django-stockade[guardian] and add "guardian" to INSTALLED_APPS.',
        )

    def _foreign(self, model: type[Model]) -> ConfigurationError:
        return ConfigurationError(
            "stockade.E048",
            f"{self!r} is no permission on {model.__name__}.",
            f'Write Granted("{model._meta.app_label}.change_{model._meta.model_name}"), or run migrate.',
        )

    def _bind(self, model: type[Model]) -> None:
        self._content_type(model)

    def _conceivable(self) -> Bits:
        return TRUE | FALSE

    def __repr__(self) -> str:
        return f"Granted({self.name!r})"

    def describe(self) -> str:
        """A phrase."""
        return f"a user who was granted {self.name} on the object"


def _possible(principal: Principal) -> Bits:
    user = user_row(principal)
    if user is None or not getattr(user, "is_active", True):
        return FALSE
    return TRUE if principal.superuser else TRUE | FALSE


def _grants(model: type[Model], rows: Any, ctype: Any, codename: str, holder: Q) -> Q:
    """The grants to `holder` on the row that the query is at."""
    granted = rows.objects.filter(holder, permission__content_type=ctype, permission__codename=codename)
    key: Any = model._meta.pk
    if rows.objects.is_generic():
        # The key becomes text, never the text a key: a database may try that on rows of other models first, and fail.
        return Q(Exists(granted.filter(object_pk=_KeyText(OuterRef(key.attname), stored_as(key)[1]))))
    return Q(Exists(granted.filter(content_object=OuterRef(key.attname))))


class _KeyText(Cast):
    """A primary key as guardian writes it down: `str(pk)`."""

    def __init__(self, expression: Any, field: Any) -> None:
        super().__init__(expression, CharField())
        self.key_field = field

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> Any:
        """A cast; of a UUID that the database keeps as 32 digits, its groups with hyphens between."""
        if not isinstance(self.key_field, UUIDField) or connection.features.has_native_uuid_field:
            return super().as_sql(compiler, connection, *args, **extra)
        column, params = compiler.compile(self.source_expressions[0])
        groups = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
        text = " || '-' || ".join(f"SUBSTR({column}, {start}, {length})" for start, length in groups)
        return f"({text})", [*params] * len(groups)
