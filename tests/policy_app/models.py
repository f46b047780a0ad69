"""A small house of documents: nullable and other keys, many-to-many, reverse, nested, inherited and self relations."""

# ruff: noqa: DJ001, DJ012 - NULL is what the tests are about

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models


class Org(models.Model):
    name = models.CharField(max_length=20)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    def __str__(self) -> str:
        return self.name


class Badge(models.Model):
    """Found by its text, not by its primary key."""

    code = models.CharField(max_length=20, unique=True)
    holder = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="badges")

    def __str__(self) -> str:
        return self.code


class Project(models.Model):
    org = models.ForeignKey(Org, models.CASCADE, null=True, related_name="projects")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="owned_projects"
    )
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="member_projects")
    open = models.BooleanField(null=True)

    def __str__(self) -> str:
        return f"project {self.pk}"


class Hiding(models.Manager["Doc"]):
    """A default manager that hides rows, as soft deletion does."""

    def get_queryset(self) -> models.QuerySet[Doc]:
        return super().get_queryset().exclude(title="hidden")


class Doc(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="docs")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, to_field="username", related_name="+"
    )
    keeper = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    badge = models.ForeignKey(Badge, models.SET_NULL, null=True, to_field="code", related_name="docs")
    project = models.ForeignKey(Project, models.SET_NULL, null=True, related_name="docs")
    parent = models.ForeignKey("self", models.SET_NULL, null=True, related_name="children")
    editors = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+")
    owner_number = models.IntegerField(null=True)
    owner_text = models.CharField(max_length=40, null=True)
    published = models.BooleanField(null=True)
    locked = models.BooleanField(default=False)
    rank = models.IntegerField(null=True)
    ceiling = models.IntegerField(null=True)
    title = models.CharField(max_length=20, null=True)
    created = models.DateTimeField(null=True)
    day = models.DateField(null=True)
    extra = models.JSONField(null=True)

    objects = Hiding()
    every = models.Manager()

    class Meta:
        # Even the manager that Django uses behind the scenes hides rows here: a policy must not depend on it.
        base_manager_name = "objects"

    def __str__(self) -> str:
        return str(self.title)


class Report(Doc):
    """Inherits its table's rows; its key is the link to them."""

    graded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")


class Cover(models.Model):
    """One to one, seen from a document as `cover`."""

    doc = models.OneToOneField(Doc, models.CASCADE, related_name="cover")
    painter = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    def __str__(self) -> str:
        return f"cover {self.pk}"


class Note(models.Model):
    doc = models.ForeignKey(Doc, models.CASCADE, related_name="notes")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    stars = models.IntegerField(null=True)
    text = models.CharField(max_length=20, null=True)

    def __str__(self) -> str:
        return f"note {self.pk}"


class DocProxy(Doc):
    """The same table under another class."""

    class Meta:
        proxy = True


class Cell(models.Model):
    """Two columns are its key."""

    pk = models.CompositePrimaryKey("row", "column")
    row = models.IntegerField()
    column = models.IntegerField()
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="cells")

    def __str__(self) -> str:
        return f"{self.row}:{self.column}"
