"""The security log."""

from __future__ import annotations

from django.db import models


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
