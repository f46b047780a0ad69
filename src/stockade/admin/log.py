"""The signing keys and the security log, to read."""

from __future__ import annotations

from django.contrib import admin

from stockade.admin.base import ReadOnly
from stockade.models import SecurityEvent, SigningKey


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
