"""What Stockade keeps in SQL: the truth that the shared state only copies."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import models

from stockade import conf, tenant as tenant_setting
from stockade.core import address, clock, tenant


def with_user(collector: Any, field: Any, sub_objs: Any, using: str) -> None:
    """CASCADE; but without a STOCKADE setting there need be no tables of ours, and a user goes without being asked."""
    if conf.configured():
        # A table that is one for all tenants also has rows of the others' users of the same key.
        models.CASCADE(collector, field, sub_objs.filter(tenant=tenant.now()), using)


with_user.lazy_sub_objs = True  # type: ignore[attr-defined]  # so that Django does not look for sessions by itself


def user_key(*, null: bool = False) -> Any:
    """A row's user. With tenants it may be in a table of another schema, for which no constraint can stand."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=with_user,
        related_name="+",
        db_constraint=not tenant_setting.configured(),
        null=null,
    )


def tenant_name() -> Any:
    """Whose user a row's user is; beside each `user_key`."""
    return models.CharField(
        max_length=63, blank=True, default="", help_text="Empty in a project without tenants."
    )


class SigningKey(models.Model):
    """One key of the ring: a signing key pair and a MAC secret under one key id; private parts wrapped."""

    class State(models.TextChoices):
        """Publish, then sign, then verify what was signed, then retire."""

        PUBLISHED = "published", "published, not signing yet"
        SIGNING = "signing", "signing"
        VERIFYING = "verifying", "verifying: signs no more"
        RETIRED = "retired", "retired: nothing rests on it"
        REVOKED = "revoked", "revoked: compromised"

    kid = models.CharField(max_length=64, primary_key=True)
    algorithm = models.CharField(max_length=16)
    state = models.CharField(max_length=16, choices=State.choices, db_index=True)
    public_jwk = models.JSONField(
        default=dict, help_text="The public key (RFC 7517); empty for a symmetric one."
    )
    wrapped = models.BinaryField(
        help_text="Private key and MAC secret, encrypted; empty once it is retired or revoked."
    )
    created_at = models.DateTimeField()
    signs_from = models.DateTimeField(
        null=True, help_text="When it may start to sign: published long enough."
    )
    stopped_at = models.DateTimeField(null=True, help_text="When another key took over.")
    verifies_until = models.DateTimeField(
        null=True, help_text="When the last token that it signed has expired."
    )
    retired_at = models.DateTimeField(null=True, help_text="When it was retired or revoked.")
    token_lifetime = models.PositiveIntegerField(
        default=0, help_text="Seconds: the longest that a token which it signed is good for."
    )
    jwks_max_age = models.PositiveIntegerField(
        default=0, help_text="Seconds: the longest that others may keep a JWKS which lacks the keys after it."
    )

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.kid} ({self.algorithm}, {self.state})"


class Session(models.Model):
    """One login: the lineage of its refresh tokens, and what ends it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = user_key()
    tenant = tenant_name()
    scheme = models.CharField(max_length=32, default="jwt")
    client = models.CharField(max_length=100, blank=True)
    scopes = models.TextField(  # noqa: DJ001 - no scopes and an empty list of scopes are not the same
        null=True, help_text="Space separated; NULL means that the session has no scopes."
    )
    claims = models.JSONField(default=dict, blank=True, help_text="Further claims of its access tokens.")
    generation = models.PositiveIntegerField(default=1)
    kid = models.CharField(max_length=64, help_text="The key that made the current refresh token.")
    previous_kid = models.CharField(
        max_length=64, blank=True, help_text="The key that made the one before; empty for the first."
    )
    stamp = models.CharField(
        max_length=64, help_text="Keyed digest of the password hash: a changed password ends it."
    )
    created_at = models.DateTimeField()
    auth_time = models.DateTimeField(help_text="When its user last proved who they are; no refresh moves it.")
    amr = models.CharField(
        max_length=100, blank=True, help_text="How, by the names of RFC 8176, space separated."
    )
    acr = models.CharField(
        max_length=100, blank=True, help_text="The authentication context that somebody vouched for."
    )
    rotated_at = models.DateTimeField()
    idle_expires_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True, blank=True, db_index=True)
    end_reason = models.CharField(max_length=32, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes = (models.Index(fields=["user", "-created_at"], name="stockade_session_user"),)

    def __str__(self) -> str:
        return str(self.id)


class SessionData(models.Model):
    """What Django keeps of a browser between its requests, under a digest of the key that the browser has alone."""

    digest = models.CharField(max_length=64, unique=True, help_text="Keyed digest of the session's key.")
    login = models.ForeignKey(
        Session,
        on_delete=models.CASCADE,
        related_name="+",
        null=True,
        help_text="Who is logged in by it; empty for a visitor.",
    )
    sealed = models.TextField(
        help_text="The data, encrypted under a key that only the browser's cookie gives."
    )
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "session data"

    def __str__(self) -> str:
        return self.digest[:12]


class OpaqueToken(models.Model):
    """A long-lived secret that a script or an app calls with: by a keyed digest, never itself."""

    class Kind(models.TextChoices):
        """Which scheme reads it."""

        TOKEN = "token", "token: Authorization: Token"
        API_KEY = "api_key", "API key: X-API-Key, or Authorization: Api-Key"

    class Origin(models.TextChoices):
        """Where it comes from."""

        MADE = "made", "made by name: by its owner, a command or code"
        LOGIN = "login", "given for a password"
        AUTHTOKEN = "authtoken", "imported from rest_framework.authtoken"
        KNOX = "knox", "imported from django-rest-knox"
        DRF_API_KEY = "drf-api-key", "imported from djangorestframework-api-key"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.TOKEN)
    user = user_key(null=True)  # NULL: an API key that is a service's, and nobody's
    tenant = tenant_name()
    lineage = models.UUIDField(
        default=uuid.uuid4, editable=False, help_text="The same for a key and those that have replaced it."
    )
    digest = models.CharField(max_length=64, unique=True, help_text="Keyed digest of the token.")
    digest_key = models.CharField(max_length=16, help_text="The name of the key of digest and stamp.")
    visible = models.CharField(
        max_length=16, help_text="How the token begins: enough to know it, not to use it."
    )
    name = models.CharField(max_length=100, blank=True)
    origin = models.CharField(max_length=16, choices=Origin.choices, default=Origin.MADE)
    linked = models.BooleanField(
        default=False, help_text="Whether it holds only while the table that it was imported from has it."
    )
    scopes = models.TextField(  # noqa: DJ001 - no scopes and an empty list of scopes are not the same
        null=True, help_text="Space separated; NULL means that the token has no scopes."
    )
    networks = models.JSONField(
        default=list, blank=True, help_text="Addresses and CIDR blocks that it is taken from; empty for any."
    )
    rate = models.CharField(max_length=32, blank=True, help_text="A limit of its own, such as 100/min.")
    replaced_by = models.UUIDField(null=True, editable=False, help_text="The key that it was rotated to.")
    stamp = models.CharField(
        max_length=64,
        blank=True,
        help_text="Keyed digest of the password hash: a changed password ends it. Empty for API keys.",
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(
        null=True, db_index=True, help_text="When it ends by itself; empty for never."
    )
    last_used_at = models.DateTimeField(null=True, help_text="To within LAST_USED_EVERY.")
    ended_at = models.DateTimeField(null=True, blank=True, db_index=True)
    end_reason = models.CharField(max_length=32, blank=True)
    user_agent = models.CharField(max_length=200, blank=True, help_text="Of the client that it was made for.")
    address = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = "token or API key"
        verbose_name_plural = "tokens and API keys"
        ordering = ("-created_at",)
        indexes = (models.Index(fields=["user", "-created_at"], name="stockade_token_user"),)

    def __str__(self) -> str:
        return f"{self.visible}... ({self.id})"


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


class ExternalIdentity(models.Model):
    """Somebody of another issuer, and the user that this is here: the tokens of the one stand for the other."""

    digest = models.CharField(
        max_length=64, primary_key=True, help_text="SHA-256 of tenant, issuer and subject."
    )
    user = user_key()
    tenant = tenant_name()
    issuer = models.CharField(max_length=255, help_text="The `iss` of the tokens.")
    subject = models.CharField(max_length=255, help_text="Their `sub`, which is one only at that issuer.")
    origin = models.CharField(max_length=32, blank=True, help_text="What has made the link.")
    created_at = models.DateTimeField()
    not_before = models.DateTimeField(
        null=True, blank=True, help_text="Tokens that were issued before are not taken: sessions were ended."
    )

    class Meta:
        verbose_name_plural = "external identities"
        ordering = ("-created_at",)
        indexes = (models.Index(fields=["user", "-created_at"], name="stockade_identity_user"),)

    def __str__(self) -> str:
        return f"{self.subject} of {self.issuer}"


class IssuerKeys(models.Model):
    """The public keys of another issuer as some worker has fetched them last, for all the others."""

    issuer = models.CharField(max_length=255, primary_key=True, help_text="The `iss` of its tokens.")
    document = models.TextField(blank=True, help_text="The JWKS (RFC 7517).")
    fetched_at = models.DateTimeField(null=True)
    attempted_at = models.DateTimeField(
        help_text="When a worker last set out to fetch; for a while no other does."
    )

    def __str__(self) -> str:
        return self.issuer


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


class Epoch(models.Model):
    """How often what is known of a subject has changed; `key` as the gate's epoch keys, decoded."""

    key = models.CharField(max_length=200, primary_key=True)
    value = models.BigIntegerField(default=0)
    changed_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class KnownAddress(models.Model):
    """An address from which an account has logged in, as a keyed digest: a stranger's guessing does not lock it out."""

    digest = models.CharField(max_length=64, primary_key=True, help_text="Of account and address together.")
    seen_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.digest[:12]


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


class SecurityEvent(models.Model):
    """One entry of the security log."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    event = models.CharField(max_length=64, db_index=True)
    level = models.CharField(max_length=8)
    outcome = models.CharField(max_length=8)
    reason = models.CharField(max_length=64, blank=True)
    status = models.PositiveSmallIntegerField(null=True)
    request_id = models.CharField(max_length=64, blank=True, db_index=True)
    address = models.CharField(max_length=64, blank=True)
    method = models.CharField(max_length=16, blank=True)
    route = models.CharField(max_length=200, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    scheme = models.CharField(max_length=64, blank=True)
    subject = models.CharField(max_length=100, blank=True, db_index=True)
    credential = models.CharField(max_length=100, blank=True)
    session = models.CharField(max_length=64, blank=True, db_index=True)
    account = models.CharField(max_length=200, blank=True, help_text="The name that a login was tried with.")
    details = models.JSONField(default=dict)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.event}"
