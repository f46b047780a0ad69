"""What a policy means, by brute force: every row is fetched, every path walked, every connective taken from a table.

Shares nothing with the compiler but the policies' own structure. Does not speak of conditions that share related rows.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import F, Q, QuerySet

from stockade.core.principal import Kind, Principal
from stockade.policy import Owner, Policy, Public
from stockade.policy.composed import AnyOf, Composed, Not

Truth = bool | None  # None is unknown
COMPARE: dict[str, Any] = {
    "exact": lambda a, b: a == b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
    "in": lambda a, b: a in [one for one in b if one is not None],
    "range": lambda a, b: b[0] <= a <= b[1],
}


class Unspoken(Exception):
    """Something that this oracle does not know."""


def truth(policy: Policy, principal: Principal, obj: Any) -> Truth:
    """TRUE, FALSE or unknown."""
    if isinstance(policy, Composed):
        values = [truth(part, principal, obj) for part in policy.parts]
        return some(values) if isinstance(policy, AnyOf) else every(values)
    if isinstance(policy, Not):
        return negate(truth(policy.part, principal, obj))
    if isinstance(policy, Owner):
        return owns(policy.path, principal, obj)
    if isinstance(policy, Public) and policy.where is not None:
        return condition(policy.where, obj)
    if policy.about_objects:
        return policy.rule.check(principal, obj)  # type: ignore[attr-defined]  # a rule of the user's own
    return bool(policy.admits(principal))


def every(values: list[Truth]) -> Truth:
    return False if False in values else None if None in values else True


def some(values: list[Truth]) -> Truth:
    return True if True in values else None if None in values else False


def negate(value: Truth) -> Truth:
    return None if value is None else not value


def walk(obj: Any, names: list[str]) -> tuple[bool, list[Any], list[str]]:
    """Whether the path may lead to many, the values at its end (None for NULL), and the names that are no fields."""
    here, many = [obj], False
    model = type(obj)
    for index, name in enumerate(names):
        try:
            field: Any = model._meta.get_field(model._meta.pk.name if name == "pk" else name)
        except FieldDoesNotExist:
            return many, here, names[index:]
        if not field.is_relation:
            return (
                many,
                [None if row is None else getattr(row, field.attname) for row in here],
                names[index + 1 :],
            )
        many = many or field.one_to_many or field.many_to_many
        model = field.related_model
        here = [found for row in here for found in (related(row, field) or [None])]
    return many, here, []


def related(row: Any, field: Any) -> list[Any]:
    """The rows on the other side."""
    if row is None:
        return []
    if field.concrete and not field.many_to_many:
        key = getattr(row, field.attname)
        return (
            []
            if key is None
            else list(QuerySet(field.related_model).filter(**{field.target_field.name: key}))
        )
    if field.many_to_many:
        return list(getattr(row, field.name).all())
    return list(QuerySet(field.related_model).filter(**{field.field.name: row.pk}))


def owns(path: str, principal: Principal, obj: Any) -> Truth:
    key = None
    if principal.kind is Kind.USER:
        key = principal.user.pk if principal.user is not None else int(principal.subject)
    many, ends, _ = walk(obj, path.split("__"))
    found = [end.pk if isinstance(end, get_user_model()) else end for end in ends]
    if many:
        return key is not None and str(key) in {str(end) for end in found}
    return None if found[0] is None else key is not None and str(found[0]) == str(key)


def condition(q: Q, obj: Any) -> Truth:
    values = [condition(child, obj) if isinstance(child, Q) else one(child, obj) for child in q.children]
    if q.connector == Q.XOR:
        found: Truth = None if None in values else sum(value is True for value in values) % 2 == 1
    elif q.connector == Q.OR:
        found = some(values)
    else:
        shared = sum(mentions_many(child, obj) for child in q.children)
        if shared > 1:
            raise Unspoken("they share rows")
        found = every(values)
    return negate(found) if q.negated else found


def mentions_many(child: Any, obj: Any) -> bool:
    if isinstance(child, Q):
        return not child.negated and any(mentions_many(inner, obj) for inner in child.children)
    return walk(obj, child[0].split("__"))[0]


def one(child: tuple[str, Any], obj: Any) -> Truth:
    name, wanted = child
    many, ends, rest = walk(obj, name.split("__"))
    lookup = rest[0] if rest else "exact"
    if len(rest) > 1 or lookup not in {*COMPARE, "isnull"}:
        raise Unspoken(name)
    if isinstance(wanted, F):
        if many:
            raise Unspoken(name)
        wanted = walk(obj, wanted.name.split("__"))[1][0]
        if wanted is None:
            return None
    if isinstance(wanted, QuerySet):
        wanted = list(wanted)
    if lookup == "exact" and wanted is None:
        lookup, wanted = "isnull", True
    judged = [(end is None) is wanted if lookup == "isnull" else compare(lookup, end, wanted) for end in ends]
    return True in judged if many else judged[0]


def compare(lookup: str, end: Any, wanted: Any) -> Truth:
    if end is None:
        return None
    rows = hasattr(end, "_meta")
    if (
        rows
        and not hasattr(wanted, "_meta")
        and not (lookup == "in" and any(hasattr(x, "_meta") for x in wanted))
    ):
        end = end.code if hasattr(end, "code") else end.pk
    return bool(COMPARE[lookup](end, wanted))
