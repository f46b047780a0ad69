from django.db import models


class Patient(models.Model):
    mrn = models.CharField("medical record number", max_length=20, unique=True)
    first_name = models.CharField(max_length=60)
    last_name = models.CharField(max_length=60)
    born_on = models.DateField()
    phone = models.CharField(max_length=30, blank=True)
    registered_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["last_name", "first_name", "pk"]

    def __str__(self):
        return f"{self.last_name}, {self.first_name}"


class Allergy(models.Model):
    class Severity(models.TextChoices):
        MILD = "mild", "Mild"
        SEVERE = "severe", "Severe"

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="allergies")
    substance = models.CharField(max_length=80)
    severity = models.CharField(max_length=10, choices=Severity.choices, default=Severity.MILD)

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "allergies"
        constraints = [
            models.UniqueConstraint(fields=["patient", "substance"], name="one_entry_per_substance"),
        ]

    def __str__(self):
        return self.substance
