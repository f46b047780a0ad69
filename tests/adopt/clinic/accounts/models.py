from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A member of a clinic's staff; in the public schema, one of our operators."""

    class Role(models.TextChoices):
        PHYSICIAN = "physician", "Physician"
        NURSE = "nurse", "Nurse"
        RECEPTION = "reception", "Reception"

    role = models.CharField(max_length=20, choices=Role.choices, default=Role.NURSE)
    phone = models.CharField(max_length=30, blank=True)

    @property
    def is_reception(self):
        return self.role == self.Role.RECEPTION
