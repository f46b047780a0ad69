"""`Owner`: the objects whose relation leads to the caller's user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import CharField, IntegerField, Model, Q, TextField, UUIDField

from stockade.core.errors import ConfigurationError
from stockade.core.principal import Kind, Principal
from stockade.policy import sql
from stockade.policy.base import Policy
from stockade.policy.callers import user_key, user_model
from stockade.policy.logic import ANY, FALSE, TRUE, UNKNOWN, Bits
from stockade.policy.lookups import Lookup
from stockade.policy.paths import Path, follow
from stockade.policy.rules import require_model
from stockade.policy.values import UNSURE, exact, judge, read_null, reader, stored_as


@dataclass(frozen=True, slots=True)
class _Route:
    """How a model's objects lead to their owner."""

    path: Path
    name: str  # what the user's key is compared with
    kind: type[Any] | None  # the Python type of that, if Python may compare
    convert: Any  # a field whose `to_python` turns the key into what the column holds
    read: Callable[[Model], Any]


class Owner(Policy):
    """The object belongs to the caller's user.

    Args:
        path: a relation to the user model, ``"author"`` or ``"project__owner"``; across many-to-many and reverse
            relations (``"members"``) one of the rows is enough. Or a plain field that holds the user's primary key.

    A path that ends in NULL is UNKNOWN: neither ``Owner(...)`` nor ``~Owner(...)`` admits. Anonymous callers and
    services own nothing.
    """

    __slots__ = ("_routes", "path")

    def __init__(self, path: str) -> None:
        given: object = path
        if not isinstance(given, str) or not path or path.strip("_") != path:
            raise ConfigurationError(
                "stockade.E040", f"Owner({path!r}) names no relation.", 'Write Owner("author").'
            )
        self.path = path
        self._routes: dict[type[Model], _Route] = {}
        user, never = Kind.USER, FALSE | UNKNOWN
        self._about_object(
            lambda principal: ANY if principal.kind is user else never,
            {ANY, never},
            admits=lambda principal: None if principal.kind is user else False,
        )

    def bits(self, principal: Principal, obj: Any) -> Bits:
        """The column of the loaded object, or of loaded objects on the way."""
        require_model(self, obj)
        route = self._route(type(obj))
        key = user_key(principal)
        if route.path.many:
            return FALSE if key is None else ANY
        if key is None:
            null = read_null(route.path, obj)
            return FALSE | UNKNOWN if null is None else UNKNOWN if null else FALSE
        wanted = key if type(key) is route.kind else exact(route.kind, self._held_as(route, key))
        return ANY if wanted is UNSURE else judge(route.read(obj), lambda found: bool(found == wanted))

    def rows(self, model: type[Model], principal: Principal, value: bool) -> Q | bool:
        """The key in the column, or an EXISTS along the path."""
        route, key = self._route(model), user_key(principal)
        path = route.path
        if key is not None:
            return Lookup(path, route.name, self._held_as(route, key)).rows(model, principal, value)
        if value or path.many or not path.nullable:
            return not value
        known = Q((f"{path.name}__isnull", False))
        return known if path.local else sql.exists(model, known)

    def _held_as(self, route: _Route, key: Any) -> Any:
        try:
            return route.convert.to_python(key)
        except (ValidationError, ValueError, TypeError):
            raise ConfigurationError(
                "stockade.E045",
                f"{self!r}: {route.path.model.__name__}.{route.path.name} cannot hold the key of a user.",
                "Name a relation to the user model.",
            ) from None

    def _route(self, model: type[Model]) -> _Route:
        found = self._routes.get(model)
        if found is None:
            found = self._routes[model] = self._find_route(model)
        return found

    def _find_route(self, model: type[Model]) -> _Route:
        path = follow(model, self.path, self)
        if path.rest:
            raise ConfigurationError(
                "stockade.E044",
                f"{self!r} on {model.__name__}: {path.name!r} leads no further.",
                "Correct the path.",
            )
        final = path.final
        if not final.is_relation:
            if not isinstance(final, IntegerField | CharField | TextField | UUIDField):
                raise self._no_user(model, f"{path.name!r} cannot hold the key of a user", "")
            return _Route(path, path.name, stored_as(final)[0], final, reader(path))
        user, related = user_model(), final.related_model._meta.concrete_model or final.related_model
        if not (issubclass(related, user) or issubclass(user, related)):
            onward = [f.name for f in related._meta.get_fields() if f.is_relation and f.related_model is user]
            hint = f"Write Owner({self.path + '__' + onward[0]!r})." if onward else ""
            raise self._no_user(
                model, f"{path.name!r} leads to {related.__name__}, not to the user model", hint
            )
        # A key that stands in a column may be compared there. One of another field (to_field) says who someone was
        # called when it was read: then the user's row is asked for its primary key.
        by_key = bool(final.concrete and getattr(final, "column", None)) and final.target_field.primary_key
        name = path.name if by_key else f"{path.name}__pk"
        whole = path if by_key else follow(model, name, self)
        kind, end = stored_as(related._meta.pk)
        return _Route(whole, name, kind, end, reader(whole))

    def _no_user(self, model: type[Model], what: str, hint: str) -> ConfigurationError:
        return ConfigurationError(
            "stockade.E045",
            f"{self!r} on {model.__name__}: {what}.",
            hint or "Name a relation to the user model.",
        )

    def _bind(self, model: type[Model]) -> None:
        self._route(model)

    def _conceivable(self) -> Bits:
        return TRUE | FALSE | UNKNOWN

    def __repr__(self) -> str:
        return f"Owner({self.path!r})"

    def describe(self) -> str:
        """A phrase."""
        return f"the object's {self.path.replace('__', ' ')}"
