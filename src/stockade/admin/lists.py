"""Bans to add and take away."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from stockade.admin.base import Operated
from stockade.core import clock, tenant
from stockade.models import ListEntry
from stockade.schemes import client
from stockade.truth import bans


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
