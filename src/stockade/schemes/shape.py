"""What a project's user model has of what Stockade asks of users; custom models may lack any of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from django.core.exceptions import FieldDoesNotExist
from django.db import models


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

    def read(self, values: Sequence[Any]) -> UserState:
        """The state of the user whose columns these are."""
        left = iter(values)
        return UserState(
            active=bool(next(left)) if "is_active" in self._known else self._active,
            superuser=bool(next(left)) if "is_superuser" in self._known else False,
            password=str(next(left)) if "password" in self._known else "",
        )


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
    # AbstractBaseUser has `is_active = True` as a plain attribute; what is neither column nor True is not active.
    active = getattr(model, "is_active", True) is True
    return Shape(tuple(prefix + name for name in known), group, frozenset(known), active)


def _has(model: Any, name: str) -> bool:
    try:
        model._meta.get_field(name)  # noqa: SLF001 - Django's documented way to ask
    except (FieldDoesNotExist, AttributeError):
        return False
    return True
