"""Where a project keeps its users' roles and permissions: Django's groups, models of its own, from either side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.exceptions import FieldDoesNotExist
from django.db import models

ROLES = "groups"  # the name whose relation `schemes.shape` reads as roles, whatever it leads to


@dataclass(frozen=True, slots=True)
class Link:
    """One table whose rows say that a user has a role or a permission.

    Args:
        through: its model.
        user: name of its foreign key to the user.
        other: name of the one to the role or the permission; "" where the row is the role itself.
        target: the model of the role or the permission.
        label: how the log calls it, as the user model does: ``groups``, ``user_permissions``.
        owned: whether the user model declares it; then `m2m_changed` comes "not reversed" from the user's side.
    """

    through: type[models.Model]
    user: str
    other: str
    target: type[models.Model]
    label: str
    owned: bool = True

    @property
    def user_id(self) -> str:
        """Attribute of a row that holds the user's primary key."""
        return f"{self.user}_id"

    @property
    def other_id(self) -> str:
        """Attribute of a row that holds the primary key of the role or the permission."""
        return f"{self.other}_id" if self.other else "pk"


def links_of(user: type[models.Model]) -> Iterator[Link]:
    """Every link of a user model. What leads to no group or permission and is not called `groups` is none."""
    for field in user._meta.many_to_many:
        target: Any = field.related_model
        if field.name == ROLES or issubclass(target, Group | Permission):
            yield Link(
                field.remote_field.through,  # type: ignore[arg-type]
                field.m2m_field_name(),
                field.m2m_reverse_field_name(),
                target,
                field.name,
            )
    try:
        found: Any = user._meta.get_field(ROLES)
    except FieldDoesNotExist:
        return
    through: Any = getattr(found, "through", None)
    if isinstance(found, models.ManyToManyRel):
        # Declared by the roles: Team.members with related_name="groups".
        field = found.field
        yield Link(
            through,
            field.m2m_reverse_field_name(),
            field.m2m_field_name(),
            found.related_model,
            ROLES,
            owned=False,
        )
    elif isinstance(found, models.ManyToOneRel):  # each row is one role of one user
        yield Link(found.related_model, found.field.name, "", found.related_model, ROLES)


def role_models(user: type[models.Model]) -> set[type[models.Model]]:
    """The models whose rows concern everybody who has them: groups, permissions, and what `groups` leads to."""
    found: set[Any] = {Group, Permission}
    found.update(link.target for link in links_of(user) if link.other)
    try:
        field: Any = user._meta.get_field(ROLES)
    except FieldDoesNotExist:
        return found
    if isinstance(field, models.ForeignKey):
        found.add(field.related_model)
    return found


def name_of(model: type[models.Model]) -> str:
    """The field by which people know a group or a permission; "pk" where it has neither name nor codename."""
    known = {field.name for field in model._meta.concrete_fields}
    return next((name for name in ("codename", "name") if name in known), "pk")
