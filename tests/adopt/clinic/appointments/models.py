import secrets

from django.conf import settings
from django.db import models


def new_code():
    """What a patient types at the kiosk."""
    return f"{secrets.randbelow(10**6):06d}"


class Appointment(models.Model):
    class Status(models.TextChoices):
        BOOKED = "booked", "Booked"
        ARRIVED = "arrived", "Arrived"
        CANCELLED = "cancelled", "Cancelled"

    patient = models.ForeignKey("patients.Patient", on_delete=models.CASCADE, related_name="appointments")
    practitioner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="appointments"
    )
    starts_at = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.BOOKED)
    code = models.CharField(max_length=6, default=new_code, editable=False)

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["practitioner", "starts_at"],
                condition=~models.Q(status="cancelled"),
                name="one_patient_at_a_time",
            ),
        ]

    def __str__(self):
        return f"{self.patient} at {self.starts_at:%Y-%m-%d %H:%M}"


class Referral(models.Model):
    """A letter from one practitioner to another about a patient."""

    patient = models.ForeignKey("patients.Patient", on_delete=models.CASCADE, related_name="referrals")
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="referrals_sent"
    )
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="referrals_received"
    )
    letter = models.TextField()
    sent_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-sent_at", "-pk"]

    def __str__(self):
        return f"{self.patient}: {self.sender} to {self.recipient}"
