"""The admin: sessions that can be ended, the security log and keys to read; nothing to edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import router
from django.db.models import QuerySet
from django.http import HttpRequest

from stockade.models import SecurityEvent, Session, SigningKey
from stockade.truth import end_sessions

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = admin.ModelAdmin  # generic for type checkers only


class ReadOnly(Base):
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


@admin.register(Session)
class SessionAdmin(ReadOnly):
    """Where people are logged in."""

    list_display = (
        "id",
        "user",
        "created_at",
        "rotated_at",
        "address",
        "user_agent",
        "ended_at",
        "end_reason",
    )
    list_filter = ("ended_at", "scheme")
    search_fields = ("id", "address")
    list_select_related = ("user",)
    exclude = ("stamp",)
    actions = ("end",)

    @admin.action(description="End the selected sessions", permissions=("end",))
    def end(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        """End them; their access tokens stop on the next request."""
        count = end_sessions(ids=list(queryset.values_list("pk", flat=True)), reason="admin")
        self.message_user(request, f"Ended {count} sessions.")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not here, but with their user: else nobody who has ever logged in could be deleted in the admin."""
        match = request.resolver_match
        elsewhere = match is not None and not (match.url_name or "").startswith("stockade_session_")
        return elsewhere and self.has_end_permission(request)

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Who may delete sessions may end them."""
        return request.user.has_perm("stockade.delete_session")


@admin.register(SigningKey)
class SigningKeyAdmin(ReadOnly):
    """The ring: public parts only."""

    list_display = ("kid", "algorithm", "state", "created_at", "signs_from", "retired_at", "verifies_until")
    exclude = ("wrapped",)


@admin.register(SecurityEvent)
class SecurityEventAdmin(ReadOnly):
    """The security log."""

    list_display = (
        "at",
        "event",
        "outcome",
        "reason",
        "status",
        "subject",
        "account",
        "address",
        "method",
        "route",
    )
    list_filter = ("event", "level", "outcome")
    search_fields = ("request_id", "subject", "account", "session", "address")
    date_hierarchy = "at"
