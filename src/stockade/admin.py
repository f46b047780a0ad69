"""The admin: sessions and tokens to end, bans to add and take away, lockouts to clear; keys and the log to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import router
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from stockade.core import clock, tenant
from stockade.models import (
    ExternalIdentity,
    ListEntry,
    Lockout,
    OpaqueToken,
    SecurityEvent,
    Session,
    SigningKey,
)
from stockade.schemes import client, lockouts
from stockade.tenant import may_operate
from stockade.truth import bans, end_sessions, end_tokens

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


@admin.register(Session)
class SessionAdmin(ReadOnly):
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

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        """With their users, where these are in one table."""
        found = super().get_queryset(request)
        return found if tenant.exists() else found.select_related("user")

    @admin.display(description="user")
    def whose(self, session: Session) -> str:
        """The user; of another tenant's only the key is at hand."""
        return tenant.of(session.tenant, session.user_id) if session.tenant else str(session.user)

    @admin.action(description="End the selected sessions", permissions=("end",))
    def end(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        """End them; their access tokens stop on the next request."""
        count = end_sessions(ids=list(queryset.values_list("pk", flat=True)), reason="admin")
        self.message_user(request, f"Ended {count} sessions.")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not here, but with their user: else nobody who has ever logged in could be deleted in the admin."""
        match = request.resolver_match
        elsewhere = match is not None and not (match.url_name or "").startswith("stockade_session_")
        return elsewhere and request.user.has_perm("stockade.delete_session")

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Who may delete sessions may end them."""
        return may_operate() and request.user.has_perm("stockade.delete_session")


@admin.register(ExternalIdentity)
class ExternalIdentityAdmin(ReadOnly):
    """Who of another issuer is which user; deleted, the tokens stand for nobody from the next request on."""

    list_display = ("subject", "issuer", "whose", "origin", "created_at", "not_before")
    list_filter = ("issuer", "origin")
    search_fields = ("=subject", "=digest")
    exclude = ("user", "tenant")
    readonly_fields = ("whose",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExternalIdentity]:
        """With their users, where these are in one table."""
        found = super().get_queryset(request)
        return found if tenant.exists() else found.select_related("user")

    @admin.display(description="user")
    def whose(self, identity: ExternalIdentity) -> str:
        """The user; of another tenant's only the key is at hand."""
        return tenant.of(identity.tenant, identity.user_id) if identity.tenant else str(identity.user)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may."""
        return Operated.has_delete_permission(self, request, obj)


@admin.register(OpaqueToken)
class OpaqueTokenAdmin(ReadOnly):
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

    def get_queryset(self, request: HttpRequest) -> QuerySet[OpaqueToken]:
        """With their users, where these are in one table."""
        found = super().get_queryset(request)
        return found if tenant.exists() else found.select_related("user")

    @admin.display(description="user")
    def whose(self, token: OpaqueToken) -> str:
        """The user; of another tenant's only the key is at hand."""
        if token.user_id is None:
            return "(service)"
        return tenant.of(token.tenant, token.user_id) if token.tenant else str(token.user)

    @admin.action(description="Revoke the selected tokens", permissions=("revoke",))
    def revoke(self, request: HttpRequest, queryset: QuerySet[OpaqueToken]) -> None:
        """End them; they are refused on the next request."""
        count = end_tokens(ids=list(queryset.values_list("pk", flat=True)), reason="admin")
        self.message_user(request, f"Revoked {count} token{'s' if count != 1 else ''}.")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not here, but with their user: else nobody who has a token could be deleted in the admin."""
        match = request.resolver_match
        elsewhere = match is not None and not (match.url_name or "").startswith("stockade_opaquetoken_")
        return elsewhere and request.user.has_perm("stockade.delete_opaquetoken")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Who may delete tokens may revoke them."""
        return may_operate() and request.user.has_perm("stockade.delete_opaquetoken")


class ListEntryForm(forms.ModelForm):  # type: ignore[type-arg]
    """A ban or an allowed address; users by name or primary key, and nobody bans himself by mistake."""

    request: HttpRequest

    class Meta:
        model = ListEntry
        fields = ("verb", "kind", "value", "reason", "expires_at")
        help_texts = {"value": "192.0.2.7, 192.0.2.0/24, 2001:db8::/32; a user's name or primary key; an id."}

    def clean(self) -> dict[str, Any]:
        """Say what is wrong, field by field."""
        found = super().clean() or {}
        expires = found.get("expires_at")
        if expires is not None and "expires_at" in self.changed_data and expires <= clock.now_datetime():
            self.add_error("expires_at", "That is over already. Write a time to come, or nothing for never.")
        kind, value = found.get("kind"), found.get("value")
        if not kind or not value or found.get("verb") != ListEntry.Verb.DENY:
            return found
        if kind == ListEntry.Kind.USER:
            found["value"] = self._user(value)
        elif kind == ListEntry.Kind.ADDRESS and bans.shuts_out(value, client.of(self.request).address):
            self.add_error("value", f"That is your own address ({client.of(self.request).address}).")
        return found

    def _user(self, value: str) -> str:
        if tenant.exists() and "/" in value:
            return value  # of another tenant, whose users are not at hand
        model = get_user_model()
        users = model._default_manager  # noqa: SLF001
        user = users.filter(**{model.USERNAME_FIELD: value}).first()
        if user is None:
            try:
                user = users.filter(pk=value).first()
            except (ValueError, ValidationError):
                user = None
        if user is None:
            self.add_error("value", "There is no such user.")
            return value
        if user.pk == self.request.user.pk:
            self.add_error("value", "That is you.")
        return tenant.subject(user.pk)


@admin.register(ListEntry)
class ListEntryAdmin(Operated):
    """Bans and allowed addresses; each change is felt on the next request, in every worker."""

    form = ListEntryForm
    list_display = ("value", "verb", "kind", "reason", "created_at", "created_by", "expires_at", "holds")
    list_filter = ("verb", "kind")
    search_fields = ("value", "reason")

    @admin.display(boolean=True, description="holds")
    def holds(self, entry: ListEntry) -> bool:
        """Whether it has not run out."""
        return entry.expires_at is None or entry.expires_at > clock.now_datetime()

    def get_queryset(self, request: HttpRequest) -> QuerySet[ListEntry]:
        """On the database that is written."""
        return super().get_queryset(request).using(bans.database())

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What an entry names stays: another address is another entry."""
        return ("verb", "kind", "value", "created_at", "created_by") if obj is not None else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form, which knows who is about to ban whom."""
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"request": request})

    def save_model(self, request: HttpRequest, obj: ListEntry, form: Any, change: bool) -> None:
        """Save it with the name of who did it."""
        obj.created_by = tenant.subject(request.user.pk)
        obj.save(using=bans.database())


@admin.register(Lockout)
class LockoutAdmin(ReadOnly):
    """What is locked at this moment; read from the shared state, so there are no rows to open."""

    def get_urls(self) -> list[URLPattern]:
        """The list alone."""
        page = self.admin_site.admin_view(self.changelist_view)
        return [path("", page, name="stockade_lockout_changelist")]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may clear them must see them."""
        return super().has_view_permission(request, obj) or self.has_clear_permission(request)

    def has_clear_permission(self, request: HttpRequest) -> bool:
        """Who may delete lockouts may clear them."""
        return may_operate() and request.user.has_perm("stockade.delete_lockout")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """List them; POST clears the one whose key it names."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            if not self.has_clear_permission(request):
                raise PermissionDenied
            count = lockouts.clear(str(request.POST.get("key", "")))
            level = messages.SUCCESS if count else messages.WARNING
            self.message_user(request, f"Cleared {count} lockout{'s' if count != 1 else ''}.", level)
            return HttpResponseRedirect(request.get_full_path())
        every = "all" in request.GET
        context = {
            **self.admin_site.each_context(request),
            "title": "Lockouts",
            "opts": self.opts,
            "lockouts": lockouts.find(every=every),
            "every": every,
            "may_clear": self.has_clear_permission(request),
        }
        return TemplateResponse(request, "admin/stockade/lockout/change_list.html", context)


@admin.register(SigningKey)
class SigningKeyAdmin(ReadOnly):
    """The ring: public parts only."""

    list_display = (
        "kid",
        "algorithm",
        "state",
        "created_at",
        "signs_from",
        "stopped_at",
        "verifies_until",
        "retired_at",
    )
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
