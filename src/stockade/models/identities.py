"""Who somebody of another issuer is here."""

from __future__ import annotations

from django.db import models

from stockade.models.owners import tenant_name, user_key


class ExternalIdentity(models.Model):
    """Somebody of another issuer, and the user that this is here: the tokens of the one stand for the other."""

    digest = models.CharField(
        max_length=64, primary_key=True, help_text="SHA-256 of tenant, issuer and subject."
    )
    user = user_key()
    tenant = tenant_name()
    issuer = models.CharField(max_length=255, help_text="The `iss` of the tokens.")
    subject = models.CharField(max_length=255, help_text="Their `sub`, which is one only at that issuer.")
    origin = models.CharField(max_length=32, blank=True, help_text="What has made the link.")
    created_at = models.DateTimeField()
    not_before = models.DateTimeField(
        null=True, blank=True, help_text="Tokens that were issued before are not taken: sessions were ended."
    )

    class Meta:
        verbose_name_plural = "external identities"
        ordering = ("-created_at",)
        indexes = (models.Index(fields=["user", "-created_at"], name="stockade_identity_user"),)

    def __str__(self) -> str:
        return f"{self.subject} of {self.issuer}"
