"""Whom a verified token stands for, by the issuer's rule: (issuer, sub) is the name, and nothing else of the token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import IntegrityError, models, router, transaction
from django.utils.module_loading import import_string

from stockade import conf
from stockade.core import tenant
from stockade.core.errors import ConfigurationError, InvalidCredential
from stockade.database import durably, is_open, write_database
from stockade.models import ExternalIdentity
from stockade.schemes.external import claims as meaning, links
from stockade.schemes.external.conf import Issuer
from stockade.schemes.external.links import Linked
from stockade.schemes.external.parsers import ANY_DOMAIN, CREATE, EMAIL
from stockade.schemes.external.token import Verified
from stockade.schemes.jwt.compact import refuse

Rule = Callable[[Mapping[str, Any], str], Any]
MAX_NAME = 32 + 1 + 24  # of an issuer, and of a digest
_PRIVILEGED = ("is_staff", "is_superuser")


class UnknownSubject(InvalidCredential):
    """A token that holds, of somebody whom nobody here is. The log says who, so that an operator can link them.

    Args:
        issuer: the name of the entry.
        subject: the `sub`.
        reason: why no user was found.
    """

    def __init__(self, issuer: str, subject: str, reason: str = "unknown_subject") -> None:
        super().__init__(reason=reason)
        self._facts = {"issuer": issuer, "sub": subject}

    @property
    def facts(self) -> Mapping[str, str | int]:
        """For the log."""
        return self._facts


class Owner(NamedTuple):
    """Whom a token stands for.

    Args:
        subject: a user's or a service's, see `core.tenant`.
        link: the key of the row; "" for services.
        service: whether it is a service.
    """

    subject: str
    link: str = ""
    service: bool = False


def owner(verified: Verified) -> Owner:
    """Whom a token stands for. Asks SQL; may write a link.

    Raises:
        InvalidCredential: nobody here.
    """
    issuer = verified.issuer
    whose = tenant.here()
    if meaning.is_service(verified):
        if not meaning.is_declared(verified):
            refuse("service_token")
        name = verified.client or verified.subject
        return Owner(tenant.of(whose, f"{issuer.name}:{name}"), service=True)
    if issuer.rule:
        return _named(verified, whose)
    digest = links.digest_of(whose, issuer.issuer, verified.subject)
    with write_database():
        found = links.find(digest) or _first_seen(verified, digest, whose)
    if found is None or found.tenant != whose:
        raise UnknownSubject(issuer.name, verified.subject)
    return Owner(tenant.of(whose, found.user), digest)


def _named(verified: Verified, whose: str) -> Owner:
    """Whom the project's own function names. Noted in a row, where `end_sessions` writes what has ended."""
    issuer = verified.issuer
    user = by_rule(issuer, verified.claims)
    digest = links.digest_of(whose, issuer.issuer, verified.subject, str(user.pk))
    with write_database():
        if links.find(digest) is None:
            row = links.new_row(issuer, verified.subject, whose, "rule")
            row.digest, row.user_id = digest, user.pk
            _write(lambda: links.insert(row, issuer.name))
    return Owner(tenant.of(whose, user.pk), digest)


def by_rule(issuer: Issuer, claims: Mapping[str, Any]) -> Any:
    """The user that the project's own function names.

    Raises:
        UnknownSubject: it names none.
        TypeError: it gives something that is no saved user.
    """
    with write_database():
        user = rule_of(issuer.rule)(claims, issuer.name)
    if user is None:
        raise UnknownSubject(issuer.name, str(claims.get("sub")))
    if not isinstance(user, get_user_model()) or user.pk is None:
        raise TypeError(f"{issuer.rule} gave {type(user).__name__}; it must return a saved user, or None.")
    return user


@lru_cache(maxsize=32)
def rule_of(path: str) -> Rule:
    """The function at a dotted path.

    Raises:
        ConfigurationError: there is none.
    """
    try:
        found: Rule = import_string(path)
    except ImportError as error:
        found = None  # type: ignore[assignment]
        why = str(error)
    else:
        why = "It is not callable."
    if not callable(found):
        raise ConfigurationError(
            "stockade.E251",
            f"ISSUERS names {path!r} as USER: {why}",
            "Write the dotted path of a function of the token's claims and the issuer's name, which returns a user, "
            "or None for nobody.",
        )
    return found


conf.on_change(rule_of.cache_clear)


def _first_seen(verified: Verified, digest: str, whose: str) -> Linked | None:
    """Link somebody who has no link yet, where the entry has a rule for that."""
    issuer = verified.issuer
    if issuer.user == EMAIL:
        user = _by_email(verified)
        row = links.new_row(issuer, verified.subject, whose, "email")
        row.user_id = user.pk
        _write(lambda: _link_by_address(row, issuer, user))
    elif issuer.user == CREATE:
        row = links.new_row(issuer, verified.subject, whose, "created")
        _write(lambda: _create(row, issuer, digest))
    return links.find(digest) if issuer.user in (EMAIL, CREATE) else None


def _write(change: Callable[[], None]) -> None:
    """Run it in a transaction; another request may have been first, and then its row counts."""
    using = links.database()
    try:
        if is_open(using):
            with transaction.atomic(using=using):
                change()
        else:
            durably(change, using)
    except IntegrityError:
        pass


def checked_model(name: str) -> Any:
    """The user model, if "create" can make users of it.

    Args:
        name: of the entry.

    Raises:
        ConfigurationError: it cannot.
    """
    model: Any = get_user_model()
    field = model._meta.get_field(model.USERNAME_FIELD)
    wrong = _only_one(model)
    if type(field) is not models.CharField or (field.max_length is not None and field.max_length < MAX_NAME):
        wrong = f"{model.__name__}.{model.USERNAME_FIELD} takes no name that is made up"
    if not wrong:
        return model
    raise ConfigurationError(
        "stockade.E254",
        f'ISSUERS[{name!r}] has "USER": "{CREATE}", and {wrong}.',
        "Write the dotted path of a function that makes the user of a token.",
    )


def _only_one(model: Any) -> str:
    """Why there can be one such user only: the second would have the same empty address, and stay out for ever."""
    for field in model._meta.concrete_fields:
        named = field.primary_key or field.name == model.USERNAME_FIELD
        differs = field.null or (field.has_default() and callable(field.default))
        if field.unique and not named and not differs:
            return f"{model.__name__}.{field.name} must be another for each user"
    return ""


def _create(row: ExternalIdentity, issuer: Issuer, digest: str) -> None:
    model = checked_model(issuer.name)
    # A name that no person chooses: what the issuer calls them, somebody here may be called.
    user = model(**{model.USERNAME_FIELD: f"{issuer.name}-{digest[:24]}"})
    if hasattr(user, "set_unusable_password"):
        user.set_unusable_password()
    user.save(using=router.db_for_write(model))
    row.user_id = user.pk
    links.insert(row, issuer.name)


def _by_email(verified: Verified) -> Any:
    """The one user of a verified address.

    Raises:
        UnknownSubject: the address does not count, or is not exactly one ordinary user's.
    """
    issuer, claims = verified.issuer, verified.claims

    def no(reason: str) -> UnknownSubject:
        return UnknownSubject(issuer.name, verified.subject, reason)

    email = claims.get(issuer.email_claim)
    if not isinstance(email, str) or claims.get(issuer.email_verified_claim) is not True:
        raise no("email_unverified")
    # ASCII: a database's idea of case may make two addresses of different people one.
    domain = email.rpartition("@")[2].lower()
    if not email.isascii() or not email.isprintable() or " " in email or len(email) > 254:
        raise no("email_malformed")
    if ANY_DOMAIN not in issuer.email_domains and domain not in issuer.email_domains:
        raise no("email_domain")
    model: Any = get_user_model()
    field = model.get_email_field_name()
    users = model._default_manager.using(router.db_for_write(model)).filter(**{f"{field}__iexact": email})
    found = [user for user in users[:3] if str(getattr(user, field)).lower() == email.lower()]
    if len(found) != 1:
        raise no("email_ambiguous" if found else "unknown_subject")
    user = found[0]
    if not getattr(user, "is_active", True):
        raise no("inactive")
    if any(getattr(user, name, False) for name in _PRIVILEGED):
        raise no("email_privileged")
    return user


def _link_by_address(row: ExternalIdentity, issuer: Issuer, user: Any) -> None:
    """Write a link that an address has led to, unless somebody else of the issuer has one to this user.

    Raises:
        UnknownSubject: they had the address before: a mailbox that was given to another person.
    """
    using, users = links.database(), type(user)._base_manager
    if router.db_for_write(type(user)) == using:
        # Two at once: the second waits here, and sees the row of the first. SQLite has one writer anyway.
        list(users.using(using).select_for_update().filter(pk=user.pk).values_list("pk"))
    rows = ExternalIdentity.objects.using(using)
    others = rows.filter(user_id=user.pk, tenant=row.tenant, issuer=row.issuer).exclude(pk=row.pk)
    if others.exists():
        raise UnknownSubject(issuer.name, row.subject, "email_reused")
    links.insert(row, issuer.name)
