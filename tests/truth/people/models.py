"""A user model with a parent, a UUID key and memberships that have a model of their own."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import Group, Permission
from django.db import models


class Party(models.Model):
    """What a person has in common with others; may be saved alone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    active = models.BooleanField(default=True)

    class Meta:
        app_label = "people"

    def __str__(self) -> str:
        return str(self.id)


class PersonManager(BaseUserManager["Person"]):
    """By e-mail."""


class Person(Party, AbstractBaseUser):
    """The user model."""

    email = models.EmailField(unique=True)
    groups = models.ManyToManyField(Group, through="Membership", related_name="people")
    extra_permissions = models.ManyToManyField(Permission, related_name="people")
    friends = models.ManyToManyField("self")

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = PersonManager()

    class Meta:
        app_label = "people"

    def __str__(self) -> str:
        return self.email


class Plain(AbstractBaseUser):
    """Another user model."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField(unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = BaseUserManager["Plain"]()

    class Meta:
        app_label = "people"

    def __str__(self) -> str:
        return self.email


class Membership(models.Model):
    """A person in a group, and since when."""

    member = models.ForeignKey(Person, on_delete=models.CASCADE)
    group = models.ForeignKey(Group, on_delete=models.CASCADE)
    since = models.DateField(null=True)

    class Meta:
        app_label = "people"

    def __str__(self) -> str:
        return f"{self.member_id} in {self.group_id}"


class Colleague(Person):
    """A proxy."""

    class Meta:
        proxy = True
        app_label = "people"


class Employee(Person):
    """A child with a table of its own."""

    number = models.IntegerField(default=0)

    class Meta:
        app_label = "people"

    def __str__(self) -> str:
        return str(self.number)


class Team(Group):
    """A group with a table of its own."""

    motto = models.CharField(max_length=20, default="")

    class Meta:
        app_label = "people"


class Squad(models.Model):
    """A role that is no group of Django's."""

    name = models.CharField(max_length=20)

    class Meta:
        app_label = "people"

    def __str__(self) -> str:
        return self.name


class Member(AbstractBaseUser):
    """A user model whose `groups` are squads."""

    email = models.EmailField(unique=True)
    groups = models.ManyToManyField(Squad, related_name="members")

    USERNAME_FIELD = "email"
    objects = BaseUserManager["Member"]()

    class Meta:
        app_label = "people"


class Guest(AbstractBaseUser):
    """A user model whose `groups` are declared by somebody else."""

    email = models.EmailField(unique=True)

    USERNAME_FIELD = "email"
    objects = BaseUserManager["Guest"]()

    class Meta:
        app_label = "people"


class Circle(models.Model):
    """Declares who is in it."""

    name = models.CharField(max_length=20)
    guests = models.ManyToManyField(Guest, related_name="groups")

    class Meta:
        app_label = "people"

    def __str__(self) -> str:
        return self.name


class Owner(AbstractBaseUser):
    """A user model each of whose `groups` is a row of its own."""

    email = models.EmailField(unique=True)

    USERNAME_FIELD = "email"
    objects = BaseUserManager["Owner"]()

    class Meta:
        app_label = "people"


class Badge(models.Model):
    """One role of one user."""

    name = models.CharField(max_length=20)
    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="groups")

    class Meta:
        app_label = "people"

    def __str__(self) -> str:
        return self.name
