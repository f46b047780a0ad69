"""What a project's user model has of what Stockade asks of users; custom models may lack any of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from django.core.exceptions import FieldDoesNotExist
from django.db import models, router

from stockade.database import write_database


class UserState(NamedTuple):
    """What decides whether a user's sessions hold.

    Args:
        password: the encoded hash; "" where the model has none.
    """

    active: bool
    superuser: bool
    password: str


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns to ask for, in the order in which `read` takes them.

    Args:
        columns: for `values_list`.
        group: the path to the names of groups, to ask for last; none where the model has no groups.
    """

    columns: tuple[str, ...]
    group: tuple[str, ...]
    _known: frozenset[str] = field(repr=False)
    _active: bool = field(repr=False)
    _rule: type[models.Model] | None = field(repr=False, default=None)
    _hiding: type[models.Model] | None = field(repr=False, default=None)

    def read(self, values: Sequence[Any], pk: Any = None) -> UserState:
        """The state of the user whose columns these are.

        Args:
            values: in the order of `columns`; what follows is ignored.
            pk: the user's primary key. Only models whose `is_active` is a property, or whose default manager has a
                `get_queryset` of its own, need it: one more query loads the user and asks.
        """
        left = iter(values)
        active = bool(next(left)) if "is_active" in self._known else self._active
        superuser = bool(next(left)) if "is_superuser" in self._known else False
        password = str(next(left)) if "password" in self._known else ""
        if self._rule is not None and pk is not None:
            active = _asked(self._rule, pk)
        elif self._hiding is not None and pk is not None and active:
            active = _asked(self._hiding, pk)
        return UserState(active, superuser, password)


@lru_cache(maxsize=64)
def shape_of(model: type[models.Model], prefix: str = "") -> Shape:
    """The shape of a user model.

    Args:
        model: the project's user model.
        prefix: the path to it, e.g. ``user__``.
    """
    known = [name for name in ("is_active", "is_superuser", "password") if _has(model, name)]
    groups = _has(model, "groups") and _has(model._meta.get_field("groups").related_model, "name")  # noqa: SLF001
    group = (f"{prefix}groups__name",) if groups else ()
    # AbstractBaseUser has `is_active = True` as a plain attribute. What is neither a column nor plainly True or False
    # is a rule of the project's own, which only an instance can answer.
    plain = getattr(model, "is_active", True)
    rule = model if "is_active" not in known and not isinstance(plain, bool) else None
    # A manager of the project's own may hide users: soft deletion, tenants. Whom it hides is nobody to Django's
    # ModelBackend, at each request that comes by a session cookie; so it is here.
    manager: Any = getattr(model, "_default_manager", None)  # an abstract model has none
    own = manager is not None and type(manager).get_queryset is not models.Manager.get_queryset
    columns = tuple(prefix + name for name in known)
    return Shape(columns, group, frozenset(known), plain is True, rule, model if own else None)


def _asked(model: type[models.Model], pk: Any) -> bool:
    with write_database():  # also for what a rule of the project's own reads beside the user
        user: Any = model._default_manager.using(router.db_for_write(model)).filter(pk=pk).first()
        return user is not None and bool(getattr(user, "is_active", True))


def _has(model: Any, name: str) -> bool:
    try:
        model._meta.get_field(name)  # noqa: SLF001 - Django's documented way to ask
    except (FieldDoesNotExist, AttributeError):
        return False
    return True
