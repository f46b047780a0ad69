"""Bans and allowed addresses."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import models

from stockade.core import address, clock, tenant


class ListEntry(models.Model):
    """One ban, or one address that is let in where a wider ban would keep it out."""

    class Verb(models.TextChoices):
        """What becomes of what the entry names."""

        DENY = "deny", "deny: refused"
        ALLOW = "allow", "allow: let in, though a wider ban covers it"

    class Kind(models.TextChoices):
        """What the entry names."""

        ADDRESS = "address", "address or CIDR block"
        USER = "user", "user, by primary key"
        SERVICE = "service", "service, by the name that the log has for it"
        SESSION = "session", "session or credential, by id"

    verb = models.CharField(max_length=8, choices=Verb.choices, default=Verb.DENY)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.ADDRESS)
    value = models.CharField(
        max_length=100,
        help_text="192.0.2.7, 192.0.2.0/24, 2001:db8::/32; a user's primary key; a service's name; an id.",
    )
    reason = models.CharField(max_length=200, blank=True, help_text="For you; the client is never told.")
    created_at = models.DateTimeField(default=clock.now_datetime, editable=False)
    created_by = models.CharField(max_length=100, blank=True, editable=False)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="When it ends by itself; empty for never."
    )

    class Meta:
        verbose_name = "ban or allowed address"
        verbose_name_plural = "bans and allowed addresses"
        ordering = ("-created_at", "-pk")
        constraints = (
            models.UniqueConstraint(
                fields=["kind", "value", "verb"],
                name="stockade_listentry_once",
                violation_error_message="There is such an entry already: change that one.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.verb} {self.kind} {self.value}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save it in its one spelling, so that what is written in two ways is not there twice.

        Raises:
            ValueError: it names no address, or allows what is none.
        """
        self.normalise()
        if self.verb == self.Verb.ALLOW and self.kind != self.Kind.ADDRESS:
            raise ValueError("Only addresses are allowed. Callers are banned or not.")
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Say what is wrong with the entry, for forms."""
        try:
            self.normalise()
        except ValueError as error:
            raise ValidationError({"value": str(error)}) from None
        if self.verb == self.Verb.ALLOW and self.kind != self.Kind.ADDRESS:
            raise ValidationError({"verb": "Only addresses are allowed. Callers are banned or not."})

    def normalise(self) -> None:
        """Write the value in its one spelling.

        Raises:
            ValueError: it names nothing of its kind; the message says what to write.
        """
        self.value = self.value.strip()
        if self.kind == self.Kind.ADDRESS:
            self.value = address.spelled(address.network(self.value))
        elif not self.value or not self.value.isprintable() or len(self.value) > 100:
            raise ValueError("Write a primary key, a name or an id: printable, at most 100 characters.")
        elif self.kind == self.Kind.USER:
            self.value = self._subject()
        else:
            with suppress(ValueError):  # so may the id of a session; what is none is an id of another kind
                self.value = str(uuid.UUID(self.value))

    def _subject(self) -> str:
        key, (whose, slash, pk) = get_user_model()._meta.pk, self.value.partition("/")
        if not tenant.exists():
            whose, pk = "", self.value
        elif not slash:  # a key alone means a user of the tenant at hand
            whose, pk = tenant.now(), self.value
        try:
            return tenant.of(whose, key.to_python(pk))  # a UUID may be written in several ways
        except ValidationError:
            raise ValueError(f"{self.value!r} is no primary key of a user.") from None


class Lockout(ListEntry):
    """No row: a name and permissions for the admin's page of lockouts, which are in the shared state."""

    class Meta:
        proxy = True
        default_permissions = ("view", "delete")
        verbose_name = "lockout"
