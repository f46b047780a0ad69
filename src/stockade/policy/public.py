"""`Public`: everyone, to every object or to those that a `Q` finds."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, Q

from stockade.core.errors import ConfigurationError
from stockade.core.principal import Principal
from stockade.policy.base import Policy
from stockade.policy.logic import ANY, TRUE, Bits
from stockade.policy.rules import require_model
from stockade.policy.spelling import spell
from stockade.policy.where import statement


class Public(Policy):
    """Everyone, anonymous callers too.

    Args:
        where: only objects that meet this condition. Its logic is SQL's: see `stockade.policy.where`.
    """

    __slots__ = ("_statements", "where")

    def __init__(self, *, where: Q | None = None) -> None:
        given: object = where
        if given is not None and (not isinstance(given, Q) or not given.children):
            raise ConfigurationError(
                "stockade.E040",
                f"Public(where={where!r}) has no condition.",
                "Write Public(where=Q(published=True)).",
            )
        self.where = where
        self._statements: dict[type[Model], Policy] = {}
        if where is None:
            self._about_caller(lambda principal: True)
        else:
            self._about_object(lambda principal: ANY, {ANY})

    def bits(self, principal: Principal, obj: Any) -> Bits:
        """Lookup by lookup, in Python where that is sure to agree."""
        if self.where is None:
            return TRUE
        require_model(self, obj)
        return self._statement(type(obj)).bits(principal, obj)

    def rows(self, model: type[Model], principal: Principal, value: bool) -> Q | bool:
        """The condition, in SQL's logic."""
        return value if self.where is None else self._statement(model).rows(model, principal, value)

    def _statement(self, model: type[Model]) -> Policy:
        found = self._statements.get(model)
        if found is None:
            assert self.where is not None  # noqa: S101 - for the type checker; both callers have looked
            found = self._statements[model] = statement(model, self.where, self)
        return found

    def _bind(self, model: type[Model]) -> None:
        if self.where is not None:
            self._statement(model)

    def _conceivable(self) -> Bits:
        return TRUE if self.where is None else ANY

    def __repr__(self) -> str:
        return "Public()" if self.where is None else f"Public(where={spell(self.where)})"

    def describe(self) -> str:
        """A phrase."""
        return "everyone" if self.where is None else f"objects with {spell(self.where, bare=True)}"
