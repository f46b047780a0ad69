"""How a rule becomes a condition: bound to the model when the query is built, correlated by key, never a join."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, cast

from django.db.models import BooleanField, Exists, Expression, ExpressionWrapper, Model, OuterRef, Q, QuerySet
from django.db.models.sql import Query

from stockade.core.errors import ConfigurationError
from stockade.core.principal import Principal

if TYPE_CHECKING:
    from stockade.policy.base import Policy


def constant(value: bool) -> Q:
    """A condition that every row meets, or none.

    Not `Q()`: that one vanishes from `Q() | other`, and `~Q()` admits everything.
    """
    nothing = Q(pk__in=())
    return ~nothing if value else nothing


class Held(Expression):
    """The rows for which a policy is TRUE. Learns its model from the query that it is put into."""

    conditional = True
    output_field = BooleanField()

    def __init__(self, policy: Policy, principal: Principal) -> None:
        super().__init__()
        self.policy, self.principal = policy, principal

    def resolve_expression(
        self,
        query: Any = None,
        allow_joins: bool = True,
        reuse: set[str] | None = None,
        summarize: bool = False,
        for_save: bool = False,
    ) -> Any:
        """The condition on `query.model`."""
        model = cast("type[Model]", query.model)
        _refuse_shadows(query, model)
        found = self.policy.rows(model, self.principal, True)
        where = constant(found) if isinstance(found, bool) else found
        return where.resolve_expression(query, allow_joins, reuse, summarize)

    def as_sql(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Never reached: `resolve_expression` puts the condition in its place."""
        raise TypeError("A policy's filter belongs into a queryset of the model.")

    # One of its kind, and nothing in it changes: copies of a Q may share it.
    def __deepcopy__(self, memo: object) -> Held:
        return self

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<{self.policy!r} for {self.principal!r}>"


def condition(policy: Policy, principal: Principal) -> Q:
    """The rows for which `policy` is TRUE, as a Q for a queryset of whatever model it speaks of."""
    return Q(Held(policy, principal))


@lru_cache(maxsize=1024)
def _field_names(model: type[Model]) -> frozenset[str]:
    return frozenset(
        {"pk"}.union(*({f.name, getattr(f, "attname", f.name)} for f in model._meta.get_fields()))
    )


def _refuse_shadows(query: Query, model: type[Model]) -> None:
    # After `.values(...)` Django lets an annotation take a field's name, and a condition on that name then reads the
    # annotation. `qs.values("title").annotate(author=Value(5))` would make every row 5's own.
    shadows = query.annotations.keys() & _field_names(model)
    if shadows:
        raise ConfigurationError(
            "stockade.E051",
            f"An annotation named {min(shadows)!r} hides a field of {model.__name__} from the policy.",
            "Filter by the policy before `.values(...).annotate(...)`, or name the annotation otherwise.",
        )


def _key(model: type[Model]) -> list[str]:
    """The columns that tell rows of `model` apart. Their own names: "pk" itself can be shadowed, a field cannot."""
    fields = getattr(model._meta, "pk_fields", None) or [model._meta.pk]
    return [field.attname for field in fields]


def of_row(model: type[Model], q: Q) -> QuerySet[Model]:
    """The row that the outer query is at, if `q` (with whatever joins) finds it.

    A bare QuerySet, no manager: a manager that hides rows would make `NOT EXISTS` true of them.
    """
    correlated = {name: OuterRef(name) for name in _key(model)}
    return QuerySet(model).filter(**correlated).filter(q)


def exists(model: type[Model], q: Q, value: bool = True) -> Q:
    """Rows that `q` finds (`value`) or does not find, without a join and never unknown."""
    found = Q(Exists(of_row(model, q)))
    return found if value else ~found


def negation(q: Q) -> Q:
    """SQL's NOT. Django's `~Q` adds conditions that make it true where a column or what it is compared with is NULL."""
    return ~Q(ExpressionWrapper(q, output_field=BooleanField()))


def conjunction(conditions: Iterable[Q | bool]) -> Q | bool:
    """All of them."""
    found: Q | bool = True
    for part in conditions:
        if part is False:
            return False
        if not isinstance(part, bool):
            found = part if isinstance(found, bool) else found & part
    return found


def disjunction(conditions: Iterable[Q | bool]) -> Q | bool:
    """Any of them."""
    found: Q | bool = False
    for part in conditions:
        if part is True:
            return True
        if not isinstance(part, bool):
            found = part if isinstance(found, bool) else found | part
    return found


def is_stored_and_held(policy: Policy, principal: Principal, obj: Any) -> bool:
    """Whether the row of `obj` is there and meets the policy; one query, to the database of `obj`."""
    model = type(obj)
    if not isinstance(obj, Model):
        raise ConfigurationError(
            "stockade.E050",
            f"{policy!r} was asked about {model.__name__}, which is no model.",
            "Pass a model instance.",
        )
    if obj.pk is None:
        return False
    return (
        QuerySet(model, using=obj._state.db).filter(pk=obj.pk).filter(condition(policy, principal)).exists()
    )
