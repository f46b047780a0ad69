from django.conf import settings
from django.db import models


class Note(models.Model):
    """What a practitioner writes down for herself about a patient."""

    patient = models.ForeignKey("patients.Patient", on_delete=models.CASCADE, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notes")
    text = models.TextField()
    written_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-written_at", "-pk"]

    def __str__(self):
        return f"{self.author} on {self.patient}"


class LabResult(models.Model):
    patient = models.ForeignKey("patients.Patient", on_delete=models.CASCADE, related_name="results")
    ordered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="results")
    test = models.CharField(max_length=60)
    value = models.CharField(max_length=60)
    taken_at = models.DateTimeField(auto_now_add=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self):
        return f"{self.test}: {self.value}"


class Medication(models.Model):
    name = models.CharField(max_length=80, unique=True)
    dose = models.CharField(max_length=40)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class Prescription(models.Model):
    patient = models.ForeignKey("patients.Patient", on_delete=models.CASCADE, related_name="prescriptions")
    prescriber = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="prescriptions"
    )
    medication = models.ForeignKey(Medication, on_delete=models.PROTECT, related_name="prescriptions")
    instructions = models.CharField(max_length=200)
    written_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-written_at", "-pk"]

    def __str__(self):
        return f"{self.medication} for {self.patient}"
