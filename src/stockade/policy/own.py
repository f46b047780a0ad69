"""Rules of the user's own, wrapped: held to their word, and two-valued."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, Q

from stockade.core.errors import ConfigurationError
from stockade.core.principal import Principal
from stockade.policy import sql
from stockade.policy.base import Policy, Rule
from stockade.policy.logic import FALSE, TRUE, Bits


class Own(Policy):
    """A `Rule` as a policy. What it does not admit is FALSE."""

    __slots__ = ("rule",)

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        if getattr(rule, "about_objects", True):
            self._about_object(lambda principal: TRUE | FALSE, {TRUE | FALSE}, may_query=True)
        else:
            self._about_caller(lambda principal: self._ask(principal, None), may_query=True)

    def _ask(self, principal: Principal, obj: Any) -> bool:
        answer = self.rule.check(principal, obj)
        if answer is True or answer is False:
            return answer
        # A coroutine that nobody awaited, a queryset and "no" are all true in Python.
        raise ConfigurationError(
            "stockade.E049",
            f"check of {self.rule!r} returned {type(answer).__name__}.",
            "Return True or False.",
        )

    def bits(self, principal: Principal, obj: Any) -> Bits:
        """What its `check` says."""
        return TRUE if self._ask(principal, obj) else FALSE

    def rows(self, model: type[Model], principal: Principal, value: bool) -> Q | bool:
        """What its `filter` finds, or does not."""
        if not self.about_objects:
            return self._ask(principal, None) is value
        q = self.rule.filter(principal)
        if not isinstance(q, Q):
            raise ConfigurationError(
                "stockade.E049", f"filter of {self.rule!r} returned {type(q).__name__}.", "Return a Q."
            )
        if not q.children:
            # `Q()` finds every row; `~Q()` does so too in Django, and cannot be what was meant.
            return (not q.negated) is value
        return sql.exists(model, q, value)

    def _conceivable(self) -> Bits:
        return TRUE | FALSE

    def __repr__(self) -> str:
        return repr(self.rule)

    def describe(self) -> str:
        """The rule's own phrase, or its name."""
        own = getattr(self.rule, "describe", None)
        return str(own()) if callable(own) else type(self.rule).__name__
