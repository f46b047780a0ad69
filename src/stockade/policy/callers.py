"""Which user of the project's own a caller is, if any."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Model

from stockade.core import tenant
from stockade.core.principal import Kind, Principal


def user_model() -> type[Model]:
    """The user model that has a table: a proxy's own stands for it."""
    model = get_user_model()
    return model._meta.concrete_model or model


def user_row(principal: Principal) -> Model | None:
    """The caller's user, if it is one of the user model.

    A foreign authenticator may bring another model's row: a device with the key 5 is not user 5.
    """
    user = principal.user
    if principal.kind is Kind.USER and isinstance(user, user_model()):
        return user
    return None


def user_key(principal: Principal) -> Any:
    """The primary key of the caller's user, or None; of a user without a row (a stateless token's) the key it names."""
    if principal.kind is not Kind.USER:
        return None
    user = principal.user
    if user is None:
        return tenant.pk_of(principal.subject) or None
    if isinstance(user, Model) and user_row(principal) is None:
        return None
    return getattr(user, "pk", None)
