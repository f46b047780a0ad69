from django.conf import settings
from django.db import models


class Membership(models.Model):
    """The card of a member."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="membership")
    card_number = models.CharField(max_length=12, unique=True)
    since = models.DateField(auto_now_add=True)

    def __str__(self):
        return self.card_number


class Circle(models.Model):
    """A reading circle: people who read one book together."""

    name = models.CharField(max_length=80, unique=True)
    book = models.ForeignKey("catalogue.Book", on_delete=models.PROTECT, related_name="circles")
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="circles", blank=True)

    def __str__(self):
        return self.name
