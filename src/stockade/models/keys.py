"""The keys that sign here, and those of other issuers as they were fetched."""

from __future__ import annotations

from django.db import models


class SigningKey(models.Model):
    """One key of the ring: a signing key pair and a MAC secret under one key id; private parts wrapped."""

    class State(models.TextChoices):
        """Publish, then sign, then verify what was signed, then retire."""

        PUBLISHED = "published", "published, not signing yet"
        SIGNING = "signing", "signing"
        VERIFYING = "verifying", "verifying: signs no more"
        RETIRED = "retired", "retired: nothing rests on it"
        REVOKED = "revoked", "revoked: compromised"

    kid = models.CharField(max_length=64, primary_key=True)
    algorithm = models.CharField(max_length=16)
    state = models.CharField(max_length=16, choices=State.choices, db_index=True)
    public_jwk = models.JSONField(
        default=dict, help_text="The public key (RFC 7517); empty for a symmetric one."
    )
    wrapped = models.BinaryField(
        help_text="Private key and MAC secret, encrypted; empty once it is retired or revoked."
    )
    created_at = models.DateTimeField()
    signs_from = models.DateTimeField(
        null=True, help_text="When it may start to sign: published long enough."
    )
    stopped_at = models.DateTimeField(null=True, help_text="When another key took over.")
    verifies_until = models.DateTimeField(
        null=True, help_text="When the last token that it signed has expired."
    )
    retired_at = models.DateTimeField(null=True, help_text="When it was retired or revoked.")
    token_lifetime = models.PositiveIntegerField(
        default=0, help_text="Seconds: the longest that a token which it signed is good for."
    )
    jwks_max_age = models.PositiveIntegerField(
        default=0, help_text="Seconds: the longest that others may keep a JWKS which lacks the keys after it."
    )

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.kid} ({self.algorithm}, {self.state})"


class IssuerKeys(models.Model):
    """The public keys of another issuer as some worker has fetched them last, for all the others."""

    issuer = models.CharField(max_length=255, primary_key=True, help_text="The `iss` of its tokens.")
    document = models.TextField(blank=True, help_text="The JWKS (RFC 7517).")
    fetched_at = models.DateTimeField(null=True)
    attempted_at = models.DateTimeField(
        help_text="When a worker last set out to fetch; for a while no other does."
    )

    def __str__(self) -> str:
        return self.issuer
