"""What a `Q` says, as a rule bound to a model, in SQL's own logic instead of Django's.

`~Q(status="secret")` is SQL's NOT here: not TRUE of a row whose status is NULL. Django's `exclude` would find it; a
policy that admits what nobody knows is one that somebody forgot to finish. Write ``| Q(status__isnull=True)``.

Conditions on related rows that stand together in one Q, unnegated, are about the same related row, as in one
`filter()`; each negation (and each `^`) is a statement of its own ("there is none").
"""

from __future__ import annotations

from typing import Any

from django.db.models import F, Model, OuterRef, Q

from stockade.core.principal import ANONYMOUS, Principal
from stockade.policy import sql
from stockade.policy.base import Policy
from stockade.policy.composed import All, AnyOf, Not
from stockade.policy.logic import ANY
from stockade.policy.lookups import dry_run, lookup
from stockade.policy.paths import follow
from stockade.policy.rules import Everyone, Nobody


class Together(Policy):
    """Conditions that speak of the same related rows: TRUE if one combination meets them all, else FALSE."""

    __slots__ = ("_q",)

    def __init__(self, q: Q) -> None:
        self._q = q
        self._about_object(lambda principal: ANY, {ANY})

    def rows(self, model: type[Model], principal: Principal, value: bool) -> Q | bool:
        """One EXISTS for all."""
        return sql.exists(model, self._q, value)


def statement(model: type[Model], q: Q, rule: object) -> Policy:
    """`q` as a rule about `model`.

    Args:
        rule: who asks; named in errors.

    Raises:
        ConfigurationError: a path or lookup does not exist on the model.
    """
    if q.negated:
        return Not(statement(model, _affirmed(q), rule))
    if not q.children:
        return Everyone()
    if q.connector == Q.XOR:
        return _parity([_child(model, child, rule) for child in q.children])
    if q.connector == Q.OR:
        # "There is a row that a or b" is "there is one that a, or there is one that b".
        return AnyOf.of(*(_child(model, child, rule) for child in q.children))
    many = [_mentions_many(model, child, rule) for child in q.children]
    if sum(many) < 2:
        return All.of(*(_child(model, child, rule) for child in q.children))
    shared = [child for child, joins in zip(q.children, many, strict=True) if joins]
    apart = [child for child, joins in zip(q.children, many, strict=True) if not joins]
    together = Together(Q(*(_without_negations(model, child, rule) for child in shared)))
    dry_run(model, together, rule)
    return All.of(together, *(_child(model, child, rule) for child in apart))


def _affirmed(q: Q) -> Q:
    return Q(*q.children, _connector=q.connector)


def _child(model: type[Model], child: Any, rule: object) -> Policy:
    if isinstance(child, Q):
        return statement(model, child, rule)
    if isinstance(child, tuple):
        return lookup(model, child[0], child[1], rule)
    found = Together(Q(child))  # an expression of the user's: what it is not TRUE of it is FALSE of
    dry_run(model, found, rule)
    return found


def _parity(parts: list[Policy]) -> Policy:
    """An odd number of them is TRUE; UNKNOWN as soon as one is."""
    found: Policy = Nobody()
    for part in parts:
        found = found & ~part | ~found & part
    return found


def _stands_alone(q: Q) -> bool:
    """Negations, and XOR, which has negations in it."""
    return bool(q.negated) or q.connector == Q.XOR


def _mentions_many(model: type[Model], child: Any, rule: object) -> bool:
    """Whether a condition, outside its negations, follows a relation to many rows."""
    if isinstance(child, Q):
        return not _stands_alone(child) and any(
            _mentions_many(model, inner, rule) for inner in child.children
        )
    if isinstance(child, tuple):
        return follow(model, child[0], rule).many or _refers_to_many(model, child[1], rule)
    return _refers_to_many(model, child, rule)


def _refers_to_many(model: type[Model], value: Any, rule: object) -> bool:
    if isinstance(value, OuterRef):
        return False
    if isinstance(value, F):
        return follow(model, str(getattr(value, "name", "")), rule).many
    sources = getattr(value, "get_source_expressions", None)
    return sources is not None and any(_refers_to_many(model, source, rule) for source in sources())


def _without_negations(model: type[Model], child: Any, rule: object) -> Any:
    """The condition with each negation replaced by a statement of its own about the row."""
    if not isinstance(child, Q):
        return child
    if _stands_alone(child):
        return sql.condition(statement(model, child, rule), ANONYMOUS)
    return Q(
        *(_without_negations(model, inner, rule) for inner in child.children), _connector=child.connector
    )
