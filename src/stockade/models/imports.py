"""What was taken over: tokens of other packages, and old password hashes."""

from __future__ import annotations

from django.db import models

from stockade.models.owners import tenant_name, user_key


class TokenImport(models.Model):
    """The move from another package's tokens: from when and until when they are taken beside our own."""

    class Judge(models.TextChoices):
        """What says which refresh tokens are good, beside their signature."""

        TABLES = "tables", "the package's rows of tokens that were issued and not taken back"
        BLACKLIST = "blacklist", "the package's rows of tokens that were taken back"
        SIGNATURES = "signatures", "nothing: the package kept no rows"

    source = models.CharField(max_length=32, primary_key=True, help_text="The package, such as simplejwt.")
    judged_by = models.CharField(max_length=16, choices=Judge.choices)
    opened_at = models.DateTimeField()
    access_until = models.DateTimeField(
        null=True, help_text="When no access token of the package is taken any more."
    )
    refresh_until = models.DateTimeField(
        null=True, help_text="When no refresh token of it is exchanged any more."
    )
    undone_at = models.DateTimeField(null=True, help_text="When it was taken back; nothing is taken since.")

    def __str__(self) -> str:
        return self.source


class ImportedUser(models.Model):
    """A user whose tokens of another package are taken, until the password changes or the sessions are ended."""

    # Not the primary key itself: a migration would then depend on Django's own user model, whatever the project's is.
    id = models.BigAutoField(primary_key=True)
    user = user_key()
    tenant = tenant_name()
    stamp = models.CharField(max_length=64, help_text="As of a session: a changed password ends them.")
    ended_at = models.DateTimeField(null=True, help_text="When the user's sessions were ended.")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "tenant"], name="stockade_importeduser_once"),)

    def __str__(self) -> str:
        return str(self.user_id)


class ImportedToken(models.Model):
    """A refresh token of another package, by a digest of its id: it is exchanged for a session once."""

    digest = models.CharField(max_length=64, primary_key=True, help_text="SHA-256 of source and id.")
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True, help_text="When it was exchanged, or revoked.")
    session = models.UUIDField(null=True, help_text="The session that it was exchanged for.")

    def __str__(self) -> str:
        return self.digest[:12]


class WrappedPassword(models.Model):
    """A user's old password hash, sealed, from when it was put into Argon2 until nobody may go back."""

    id = models.BigAutoField(primary_key=True)
    user = user_key()
    tenant = tenant_name()
    sealed = models.BinaryField(help_text="The old hash, encrypted as private keys are.")
    wrapped_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "tenant"], name="stockade_wrappedpassword_once"),
        )

    def __str__(self) -> str:
        return str(self.user_id)
