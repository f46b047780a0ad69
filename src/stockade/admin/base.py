"""What the pages have in common: who may look, and that nobody edits what only Stockade writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import router
from django.db.models import QuerySet
from django.http import HttpRequest

from stockade.core import tenant
from stockade.tenant import may_operate

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = admin.ModelAdmin  # generic for type checkers only


class Operated(Base):
    """Pages about what is of the whole installation: with tenants, for the staff of one of them alone."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the app is listed."""
        return may_operate() and super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may look."""
        return may_operate() and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may add."""
        return may_operate() and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may change."""
        return may_operate() and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may delete."""
        return may_operate() and super().has_delete_permission(request, obj)


class ReadOnly(Operated):
    """Rows that only Stockade writes: an edited log proves nothing, an edited session is a forged one."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """On the database that is written: a replica may not show yet what has to be ended."""
        return super().get_queryset(request).using(router.db_for_write(self.model))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


class OfUsers(ReadOnly):
    """Rows of users, who may be of several tenants."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With their users, where these are in one table."""
        found = super().get_queryset(request)
        return found if tenant.exists() else found.select_related("user")

    @admin.display(description="user")
    def whose(self, row: Any) -> str:
        """The user; of another tenant's only the key is at hand."""
        if row.user_id is None:
            return "(service)"
        return tenant.of(row.tenant, row.user_id) if row.tenant else str(row.user)


class GoneWithUsers(OfUsers):
    """Rows that are deleted with their user and never by themselves: they are ended instead."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not here, but with their user: else nobody who has such a row could be deleted in the admin."""
        name, match = self.opts.model_name, request.resolver_match
        elsewhere = match is not None and not (match.url_name or "").startswith(f"stockade_{name}_")
        return elsewhere and request.user.has_perm(f"stockade.delete_{name}")
