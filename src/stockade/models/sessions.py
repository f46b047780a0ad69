"""Logins, and what Django keeps of a browser between its requests."""

from __future__ import annotations

import uuid

from django.db import models

from stockade.models.owners import tenant_name, user_key


class Session(models.Model):
    """One login: the lineage of its refresh tokens, and what ends it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = user_key()
    tenant = tenant_name()
    scheme = models.CharField(max_length=32, default="jwt")
    client = models.CharField(max_length=100, blank=True)
    scopes = models.TextField(  # noqa: DJ001 - no scopes and an empty list of scopes are not the same
        null=True, help_text="Space separated; NULL means that the session has no scopes."
    )
    claims = models.JSONField(default=dict, blank=True, help_text="Further claims of its access tokens.")
    generation = models.PositiveIntegerField(default=1)
    kid = models.CharField(max_length=64, help_text="The key that made the current refresh token.")
    previous_kid = models.CharField(
        max_length=64, blank=True, help_text="The key that made the one before; empty for the first."
    )
    stamp = models.CharField(
        max_length=64, help_text="Keyed digest of the password hash: a changed password ends it."
    )
    created_at = models.DateTimeField()
    auth_time = models.DateTimeField(help_text="When its user last proved who they are; no refresh moves it.")
    amr = models.CharField(
        max_length=100, blank=True, help_text="How, by the names of RFC 8176, space separated."
    )
    acr = models.CharField(
        max_length=100, blank=True, help_text="The authentication context that somebody vouched for."
    )
    rotated_at = models.DateTimeField()
    idle_expires_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True, blank=True, db_index=True)
    end_reason = models.CharField(max_length=32, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=64, blank=True)
    origin = models.UUIDField(
        null=True, blank=True, help_text="The login of another package that it came of, and ends with."
    )

    class Meta:
        indexes = (models.Index(fields=["user", "-created_at"], name="stockade_session_user"),)

    def __str__(self) -> str:
        return str(self.id)


class SessionData(models.Model):
    """What Django keeps of a browser between its requests, under a digest of the key that the browser has alone."""

    digest = models.CharField(max_length=64, unique=True, help_text="Keyed digest of the session's key.")
    login = models.ForeignKey(
        Session,
        on_delete=models.CASCADE,
        related_name="+",
        null=True,
        help_text="Who is logged in by it; empty for a visitor.",
    )
    sealed = models.TextField(
        help_text="The data, encrypted under a key that only the browser's cookie gives."
    )
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "session data"

    def __str__(self) -> str:
        return self.digest[:12]
