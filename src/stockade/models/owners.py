"""Whose a row is: the user, and with tenants whose user."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from stockade import conf, tenant as tenant_setting
from stockade.core import tenant


def with_user(collector: Any, field: Any, sub_objs: Any, using: str) -> None:
    """CASCADE; but without a STOCKADE setting there need be no tables of ours, and a user goes without being asked."""
    if conf.configured():
        # A table that is one for all tenants also has rows of the others' users of the same key.
        models.CASCADE(collector, field, sub_objs.filter(tenant=tenant.now()), using)


with_user.lazy_sub_objs = True  # type: ignore[attr-defined]  # so that Django does not look for sessions by itself


def user_key(*, null: bool = False) -> Any:
    """A row's user. With tenants it may be in a table of another schema, for which no constraint can stand."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=with_user,
        related_name="+",
        db_constraint=not tenant_setting.configured(),
        null=null,
    )


def tenant_name() -> Any:
    """Whose user a row's user is; beside each `user_key`."""
    return models.CharField(
        max_length=63, blank=True, default="", help_text="Empty in a project without tenants."
    )
