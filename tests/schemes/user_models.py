"""User models of the kinds that projects have."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import (
    AbstractBaseUser,
    AbstractUser,
    BaseUserManager,
    Group,
    PermissionsMixin,
)
from django.db import models


class Company(models.Model):
    name = models.CharField(max_length=50)

    class Meta:
        app_label = "user_kinds"

    def __str__(self) -> str:
        return self.name


class Bare(AbstractBaseUser):
    """No `is_active` column, no groups, a UUID for a key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField(unique=True)

    USERNAME_FIELD = "email"
    objects = BaseUserManager["Bare"]()

    class Meta:
        app_label = "user_kinds"


class Mailed(AbstractUser):
    """A name of its own, and an address that is nobody else's either."""

    email = models.EmailField(unique=True)
    groups = models.ManyToManyField(Group, related_name="+")
    user_permissions = models.ManyToManyField("auth.Permission", related_name="+")

    class Meta:
        app_label = "user_kinds"


class Worker(AbstractBaseUser, PermissionsMixin):
    """Everything, by other names, with foreign keys and validation on every save."""

    code = models.CharField(max_length=20, primary_key=True)
    is_active = models.BooleanField(default=True)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, null=True)
    boss = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True)
    groups = models.ManyToManyField(Group, related_name="+")
    user_permissions = models.ManyToManyField("auth.Permission", related_name="+")

    USERNAME_FIELD = "code"
    objects = BaseUserManager["Worker"]()

    class Meta:
        app_label = "user_kinds"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.full_clean(exclude=["boss", "company"])
        super().save(*args, **kwargs)


class Tracking(AbstractBaseUser):
    """Wants to see every instance come into being."""

    made: ClassVar[int] = 0

    name = models.CharField(max_length=20, unique=True)
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "name"
    objects = BaseUserManager["Tracking"]()

    class Meta:
        app_label = "user_kinds"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        type(self).made += 1
        self.extra = "set by __init__"


class Greedy(AbstractBaseUser):
    """Reloads all deferred columns when one is touched, as Django's documentation shows."""

    name = models.CharField(max_length=20, unique=True)
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "name"
    objects = BaseUserManager["Greedy"]()

    class Meta:
        app_label = "user_kinds"

    def refresh_from_db(self, using: str | None = None, fields: Any = None, **kwargs: Any) -> None:
        if fields is not None:
            fields = set(fields)
            deferred = self.get_deferred_fields()
            if fields & deferred:
                fields |= deferred
        super().refresh_from_db(using=using, fields=fields, **kwargs)


class Watched(AbstractBaseUser):
    """A library has put a descriptor of its own before `is_active`, to see changes."""

    name = models.CharField(max_length=20, unique=True)
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "name"
    objects = BaseUserManager["Watched"]()

    class Meta:
        app_label = "user_kinds"


class Watch:
    """As trackers of changes wrap a field's descriptor."""

    def __init__(self, wrapped: Any) -> None:
        self.wrapped = wrapped

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self.wrapped.__get__(instance, owner)


Watched.is_active = Watch(Watched.is_active)  # type: ignore[assignment]


class Person(AbstractUser):
    """The parent of a user model by multi-table inheritance."""

    groups = models.ManyToManyField(Group, related_name="+")
    user_permissions = models.ManyToManyField("auth.Permission", related_name="+")

    class Meta:
        app_label = "user_kinds"


class Customer(Person):
    number = models.CharField(max_length=20)

    class Meta:
        app_label = "user_kinds"


class Staff(Person):
    class Meta:
        app_label = "user_kinds"
        proxy = True


TABLES = (Company, Bare, Worker, Tracking, Greedy, Watched, Person, Customer)
