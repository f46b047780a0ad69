"""What the shared state is told again after a loss: epochs, and addresses that are known."""

from __future__ import annotations

from django.db import models


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
