"""One lookup of one path as a rule bound to a model: TRUE, FALSE or, where a NULL is in the way, UNKNOWN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import FieldError, ValidationError
from django.db.models import Model, Q

from stockade.core.errors import ConfigurationError
from stockade.core.principal import ANONYMOUS, Principal
from stockade.policy import sql
from stockade.policy.base import Policy
from stockade.policy.logic import ANY, Bits
from stockade.policy.paths import Path, follow
from stockade.policy.values import comparison, is_djangos

# Lookups that are never unknown of a column that is not NULL. Others (transforms, JSON keys) may be.
_PLAIN = {
    "exact", "in", "gt", "gte", "lt", "lte", "iexact", "contains", "icontains", "startswith", "istartswith", "endswith",
    "iendswith",
}  # fmt: skip


class Lookup(Policy):
    """``Q(path__lookup=value)`` about a model, in the logic of `stockade.policy.logic`.

    A path that leads to many rows asks whether there is one among them: TRUE or FALSE, as EXISTS is.
    """

    __slots__ = ("_compare", "_name", "_null", "_path", "_value")

    def __init__(self, path: Path, name: str, value: Any) -> None:
        """
        Args:
            path: `name`, followed.
            name: the whole lookup, as in ``Q(**{name: value})``.
        """
        self._path, self._name, self._value = path, name, value
        self._null: bool | None = _asks_for_null(path, value)
        self._about_object(lambda principal: ANY, {ANY})
        self._compare: Callable[[Model], Bits] = lambda obj: ANY
        if self._null is not None:
            self._compare = comparison(path, "isnull", self._null)
        elif not path.many and len(path.rest) < 2:
            self._compare = comparison(path, path.rest[0] if path.rest else "exact", value)

    def bits(self, principal: Principal, obj: Any) -> Bits:
        """Compared in Python if that is sure to agree."""
        return self._compare(obj)

    def rows(self, model: type[Model], principal: Principal, value: bool) -> Q | bool:
        """By the column if it stands in the row, through EXISTS otherwise."""
        path, found = self._path, Q((self._name, self._value))
        if path.many:
            return sql.exists(model, found, value)
        if self._null is not None:
            found = Q((f"{path.name}__isnull", self._null is value))
            return found if path.local else sql.exists(model, found)
        if not value:
            found = sql.negation(found)
        if path.nullable:
            # Unknown of NULL without this, and then whoever negates the whole would not get the rest.
            found = Q((f"{path.name}__isnull", False)) & found
        return found if path.local and _is_plain(path, self._value) else sql.exists(model, found)


def _asks_for_null(path: Path, value: Any) -> bool | None:
    """Whether the lookup is `isnull` (or `exact` None, which Django reads as that), and which way round."""
    if path.many:
        return None
    if path.rest == ("isnull",) and isinstance(value, bool):
        return value
    if value is not None or path.rest not in ((), ("exact",), ("iexact",)):
        return None
    # Of a JSON field None is JSON's null, which is a value.
    exact = path.final.get_lookup("exact")
    return None if exact is None or getattr(exact, "can_use_none_as_rhs", False) else True


def _is_plain(path: Path, value: Any) -> bool:
    """Whether the comparison can only be true or false once the column is not NULL."""
    name = path.rest[0] if path.rest else "exact"
    if len(path.rest) > 1 or name not in _PLAIN or not is_djangos(path.final, name):
        return False
    values = value if isinstance(value, list | tuple | set | frozenset) else (value,)
    return not any(hasattr(one, "resolve_expression") for one in values)


def lookup(model: type[Model], name: str, value: Any, rule: object) -> Lookup:
    """Bind ``Q(**{name: value})`` to `model`.

    Args:
        rule: who asks; named in errors.

    Raises:
        ConfigurationError: the path does not exist on the model, or such a lookup does not.
    """
    path = follow(model, name, rule)
    found = Lookup(path, name, value)
    dry_run(model, found, rule)
    return found


def dry_run(model: type[Model], policy: Policy, rule: object) -> None:
    """Have Django build the conditions once, so that a wrong lookup is found when the rule is bound.

    Raises:
        ConfigurationError: Django refuses them.
    """
    for value in (True, False):
        try:
            rows = policy.rows(model, ANONYMOUS, value)
            if isinstance(rows, Q):
                sql.of_row(model, rows)
        except (FieldError, ValidationError, TypeError, ValueError) as error:
            raise ConfigurationError(
                "stockade.E046",
                f"{rule!r} makes no query on {model.__name__}: {error}",
                "Correct the lookup.",
            ) from error
