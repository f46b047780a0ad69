from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone


def due_date():
    return timezone.localdate() + timedelta(days=settings.LOAN_DAYS)


class Loan(models.Model):
    book = models.ForeignKey("catalogue.Book", on_delete=models.PROTECT, related_name="loans")
    borrower = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="loans")
    due = models.DateField(default=due_date)
    returned = models.DateField(null=True, blank=True)
    renewals = models.PositiveSmallIntegerField(default=0)

    def __str__(self):
        return f"{self.book} until {self.due}"

    def renew(self):
        """Another four weeks; False if it was renewed often enough, or is back already."""
        if self.returned or self.renewals >= settings.MAX_RENEWALS:
            return False
        self.due = due_date()
        self.renewals += 1
        self.save(update_fields=["due", "renewals"])
        return True


class Reservation(models.Model):
    book = models.ForeignKey("catalogue.Book", on_delete=models.CASCADE, related_name="reservations")
    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reservations"
    )
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["book", "member"], name="reserved_once")]

    def __str__(self):
        return f"{self.book} for {self.member}"


class Suggestion(models.Model):
    """A book that somebody would like the library to buy."""

    member = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="suggestions")
    title = models.CharField(max_length=200)
    reason = models.TextField(blank=True)
    made = models.DateTimeField(auto_now_add=True)

    def __str__(self):
        return self.title


class PartnerRequest(models.Model):
    """A library in another town asks for a book of ours."""

    book = models.ForeignKey("catalogue.Book", on_delete=models.PROTECT, related_name="partner_requests")
    library = models.CharField(max_length=120)
    reference = models.CharField(max_length=40, unique=True)
    asked = models.DateTimeField(auto_now_add=True)

    def __str__(self):
        return self.reference
