"""What Stockade keeps in SQL: the truth that the shared state only copies."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models


class SigningKey(models.Model):
    """One key of the ring: a signing key pair and a MAC secret under one key id; private parts wrapped."""

    class State(models.TextChoices):
        """Publish, then sign, then retire."""

        PUBLISHED = "published", "published, not signing yet"
        SIGNING = "signing", "signing"
        RETIRED = "retired", "retired: still verifies what it signed"
        REVOKED = "revoked", "revoked: verifies nothing"

    kid = models.CharField(max_length=64, primary_key=True)
    algorithm = models.CharField(max_length=16)
    state = models.CharField(max_length=16, choices=State.choices, db_index=True)
    public_jwk = models.JSONField(
        default=dict, help_text="The public key (RFC 7517); empty for a symmetric one."
    )
    wrapped = models.BinaryField(help_text="Private key and MAC secret, encrypted.")
    created_at = models.DateTimeField()
    signs_from = models.DateTimeField(
        null=True, help_text="When it may start to sign: published long enough."
    )
    retired_at = models.DateTimeField(null=True)
    verifies_until = models.DateTimeField(
        null=True, help_text="When the last token that it signed has expired."
    )

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.kid} ({self.algorithm}, {self.state})"


class Session(models.Model):
    """One login: the lineage of its refresh tokens, and what ends it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
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
    auth_time = models.DateTimeField()
    rotated_at = models.DateTimeField()
    idle_expires_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True, blank=True, db_index=True)
    end_reason = models.CharField(max_length=32, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes = (models.Index(fields=["user", "-created_at"], name="stockade_session_user"),)

    def __str__(self) -> str:
        return str(self.id)


class Epoch(models.Model):
    """How often what is known of a subject has changed; `key` as the gate's epoch keys, decoded."""

    key = models.CharField(max_length=200, primary_key=True)
    value = models.BigIntegerField(default=0)
    changed_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class KnownAddress(models.Model):
    """An address from which an account has logged in, as a keyed digest: a stranger's guessing does not lock it out."""

    digest = models.CharField(max_length=64, primary_key=True, help_text="Of account and address together.")
    seen_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.digest[:12]


class SecurityEvent(models.Model):
    """One entry of the security log."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    event = models.CharField(max_length=64, db_index=True)
    level = models.CharField(max_length=8)
    outcome = models.CharField(max_length=8)
    reason = models.CharField(max_length=64, blank=True)
    status = models.PositiveSmallIntegerField(null=True)
    request_id = models.CharField(max_length=64, blank=True, db_index=True)
    address = models.CharField(max_length=64, blank=True)
    method = models.CharField(max_length=16, blank=True)
    route = models.CharField(max_length=200, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    scheme = models.CharField(max_length=64, blank=True)
    subject = models.CharField(max_length=100, blank=True, db_index=True)
    credential = models.CharField(max_length=100, blank=True)
    session = models.CharField(max_length=64, blank=True, db_index=True)
    account = models.CharField(max_length=200, blank=True, help_text="The name that a login was tried with.")
    details = models.JSONField(default=dict)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.event}"
