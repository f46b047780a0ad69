"""Opaque tokens and API keys."""

from __future__ import annotations

import uuid

from django.db import models

from stockade.models.owners import tenant_name, user_key


class OpaqueToken(models.Model):
    """A long-lived secret that a script or an app calls with: by a keyed digest, never itself."""

    class Kind(models.TextChoices):
        """Which scheme reads it."""

        TOKEN = "token", "token: Authorization: Token"
        API_KEY = "api_key", "API key: X-API-Key, or Authorization: Api-Key"

    class Origin(models.TextChoices):
        """Where it comes from."""

        MADE = "made", "made by name: by its owner, a command or code"
        LOGIN = "login", "given for a password"
        AUTHTOKEN = "authtoken", "imported from rest_framework.authtoken"
        KNOX = "knox", "imported from django-rest-knox"
        DRF_API_KEY = "drf-api-key", "imported from djangorestframework-api-key"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.TOKEN)
    user = user_key(null=True)  # NULL: an API key that is a service's, and nobody's
    tenant = tenant_name()
    lineage = models.UUIDField(
        default=uuid.uuid4, editable=False, help_text="The same for a key and those that have replaced it."
    )
    digest = models.CharField(max_length=64, unique=True, help_text="Keyed digest of the token.")
    digest_key = models.CharField(max_length=16, help_text="The name of the key of digest and stamp.")
    visible = models.CharField(
        max_length=16, help_text="How the token begins: enough to know it, not to use it."
    )
    name = models.CharField(max_length=100, blank=True)
    origin = models.CharField(max_length=16, choices=Origin.choices, default=Origin.MADE)
    linked = models.BooleanField(
        default=False, help_text="Whether it holds only while the table that it was imported from has it."
    )
    scopes = models.TextField(  # noqa: DJ001 - no scopes and an empty list of scopes are not the same
        null=True, help_text="Space separated; NULL means that the token has no scopes."
    )
    networks = models.JSONField(
        default=list, blank=True, help_text="Addresses and CIDR blocks that it is taken from; empty for any."
    )
    rate = models.CharField(max_length=32, blank=True, help_text="A limit of its own, such as 100/min.")
    replaced_by = models.UUIDField(null=True, editable=False, help_text="The key that it was rotated to.")
    stamp = models.CharField(
        max_length=64,
        blank=True,
        help_text="Keyed digest of the password hash: a changed password ends it. Empty for API keys.",
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(
        null=True, db_index=True, help_text="When it ends by itself; empty for never."
    )
    last_used_at = models.DateTimeField(null=True, help_text="To within LAST_USED_EVERY.")
    ended_at = models.DateTimeField(null=True, blank=True, db_index=True)
    end_reason = models.CharField(max_length=32, blank=True)
    user_agent = models.CharField(max_length=200, blank=True, help_text="Of the client that it was made for.")
    address = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = "token or API key"
        verbose_name_plural = "tokens and API keys"
        ordering = ("-created_at",)
        indexes = (models.Index(fields=["user", "-created_at"], name="stockade_token_user"),)

    def __str__(self) -> str:
        return f"{self.visible}... ({self.id})"
