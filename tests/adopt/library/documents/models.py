from django.conf import settings
from django.db import models


class Collection(models.Model):
    """A private shelf: documents that belong together."""

    name = models.CharField(max_length=120)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="collections")
    note = models.TextField(blank=True)

    def __str__(self):
        return self.name


class Document(models.Model):
    """A scan or a manuscript that a member keeps here, and shows to some."""

    title = models.CharField(max_length=200)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="documents")
    collection = models.ForeignKey(Collection, on_delete=models.SET_NULL, null=True, blank=True)
    file = models.FileField(upload_to="documents/%Y/")
    added = models.DateTimeField(auto_now_add=True)

    def __str__(self):
        return self.title
