"""`Granted`: permissions on single objects, as django-guardian keeps them. It is imported here, and when asked only."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from django.apps import apps
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Manager, Model, Q, QuerySet

from stockade.core.errors import ConfigurationError
from stockade.core.principal import Principal
from stockade.policy import sql
from stockade.policy.base import Policy
from stockade.policy.callers import user_row
from stockade.policy.logic import FALSE, TRUE, Bits
from stockade.policy.rules import permission_name, require_model


class Granted(Policy):
    """The caller's user, or a group of it, was granted this permission on the object (django-guardian).

    Needs the extra ``django-stockade[guardian]`` and "guardian" in INSTALLED_APPS. Grants for the whole model do not
    count: that is `Permission`. A superuser is granted everything, an anonymous caller and a service nothing. `check`
    is one query.

    Args:
        name: ``"app.codename"``, of the model that is asked about.
    """

    __slots__ = ("codename", "label", "name")

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise ConfigurationError(
                "stockade.E040",
                f"Granted({name!r}) names no permission.",
                'Write Granted("app.change_article").',
            )
        self.name = name
        self.label, self.codename = permission_name("Granted", name)
        self._about_object(_possible, {TRUE, FALSE, TRUE | FALSE})

    def bits(self, principal: Principal, obj: Any) -> Bits:
        """Superusers and strangers are decided here; everyone else in the database."""
        require_model(self, obj)
        return _possible(principal)

    def rows(self, model: type[Model], principal: Principal, value: bool) -> Q | bool:
        """The objects that guardian lists for the user."""
        if (certain := _possible(principal)) != TRUE | FALSE:
            return (certain == TRUE) is value
        shortcuts = self._library(model)
        from guardian.exceptions import MixedContentTypeError

        # A manager that hides rows would make ~Granted true of them: then guardian gets a bare queryset, which it
        # answers more slowly.
        plain = type(model._default_manager) is Manager
        try:
            granted: QuerySet[Model] = shortcuts.get_objects_for_user(
                user_row(principal),
                self.name,
                klass=model if plain else QuerySet(model),
                use_groups=True,
                with_superuser=False,
                accept_global_perms=False,
            )
        except (ObjectDoesNotExist, MixedContentTypeError) as error:
            raise self._foreign(model) from error
        return sql.exists(model, Q(pk__in=granted.values("pk")), value)

    def _library(self, model: type[Model]) -> ModuleType:
        try:
            from guardian import shortcuts
        except ImportError:
            raise self._missing() from None
        if not apps.is_installed("guardian"):
            raise self._missing()
        if model._meta.app_label != self.label:
            raise self._foreign(model)
        return shortcuts

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
        self._library(model)

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
