"""Sessions, tokens and API keys to end; who of another issuer is whom."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from stockade.admin.base import GoneWithUsers, OfUsers, Operated
from stockade.models import ExternalIdentity, OpaqueToken, Session
from stockade.tenant import may_operate
from stockade.truth import end_sessions, end_tokens


@admin.register(Session)
class SessionAdmin(GoneWithUsers):
    """Where people are logged in."""

    list_display = (
        "id",
        "whose",
        "scheme",
        "created_at",
        "rotated_at",
        "address",
        "user_agent",
        "ended_at",
        "end_reason",
    )
    list_filter = ("ended_at", "scheme")
    search_fields = ("id", "address")
    exclude = ("stamp", "user", "tenant")
    readonly_fields = ("whose",)
    actions = ("end",)

    @admin.action(description="End the selected sessions", permissions=("end",))
    def end(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        """End them; their access tokens stop on the next request."""
        count = end_sessions(ids=list(queryset.values_list("pk", flat=True)), reason="admin")
        self.message_user(request, f"Ended {count} sessions.")

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Who may delete sessions may end them."""
        return may_operate() and request.user.has_perm("stockade.delete_session")


@admin.register(ExternalIdentity)
class ExternalIdentityAdmin(OfUsers):
    """Who of another issuer is which user; deleted, the tokens stand for nobody from the next request on."""

    list_display = ("subject", "issuer", "whose", "origin", "created_at", "not_before")
    list_filter = ("issuer", "origin")
    search_fields = ("=subject", "=digest")
    exclude = ("user", "tenant")
    readonly_fields = ("whose",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may."""
        return Operated.has_delete_permission(self, request, obj)


@admin.register(OpaqueToken)
class OpaqueTokenAdmin(GoneWithUsers):
    """Tokens by their beginnings: the rest is kept nowhere."""

    list_display = (
        "visible",
        "whose",
        "name",
        "kind",
        "origin",
        "created_at",
        "last_used_at",
        "expires_at",
        "ended_at",
        "end_reason",
    )
    list_filter = ("ended_at", "kind", "origin")
    search_fields = ("id", "visible", "name", "address")
    exclude = ("digest", "digest_key", "stamp", "user", "tenant")
    readonly_fields = ("id", "whose")
    actions = ("revoke",)

    @admin.action(description="Revoke the selected tokens", permissions=("revoke",))
    def revoke(self, request: HttpRequest, queryset: QuerySet[OpaqueToken]) -> None:
        """End them; they are refused on the next request."""
        count = end_tokens(ids=list(queryset.values_list("pk", flat=True)), reason="admin")
        self.message_user(request, f"Revoked {count} token{'s' if count != 1 else ''}.")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Who may delete tokens may revoke them."""
        return may_operate() and request.user.has_perm("stockade.delete_opaquetoken")
