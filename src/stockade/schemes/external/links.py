"""Links: which user somebody of an issuer is. One row for each pair of issuer and subject, made once and by a rule."""

from __future__ import annotations

import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import IntegrityError, models, router, transaction

from stockade import conf
from stockade.core import clock, tenant
from stockade.database import durably, is_open
from stockade.events import emit
from stockade.events.catalogue import Event
from stockade.gate.keys import join
from stockade.models import ExternalIdentity
from stockade.schemes.external.conf import ExternalSettings, Issuer
from stockade.schemes.prepared import Prepared
from stockade.schemes.shape import shape_of

MAX_SUBJECT = 255


class Linked(NamedTuple):
    """What a link says."""

    tenant: str
    user: Any
    not_before: datetime.datetime | None


def digest_of(whose: str, issuer: str, subject: str, *named: str) -> str:
    """The key of a row: no two different lists give the same, however they are spelled.

    Args:
        whose: the tenant's name; "" where there are none.
        issuer: the `iss`.
        subject: the `sub`, which is one only at that issuer.
        named: the key of the user whom a function of the project has named. Such a row is no link: where USER is
            "links" again, it stands for nobody.
    """
    return sha256(join(whose, issuer, subject, *named).encode("utf-8", "surrogatepass")).hexdigest()


def database() -> str:
    """The alias of the database that links are written to; they are read there too."""
    return router.db_for_write(ExternalIdentity)


def find(digest: str) -> Linked | None:
    """The link of this key; one query."""
    rows = _ALONE.rows(digest, database())
    return Linked(*rows[0]) if rows else None


_ALONE = Prepared(
    lambda pk, using: (
        ExternalIdentity.objects.using(using)
        .filter(pk=pk)
        .order_by()
        .values_list("tenant", "user_id", "not_before")
    )
)


def with_user(digest: str, model: type[models.Model]) -> list[Any]:
    """The link, its user, and one row for each of the user's groups (an outer join); one query."""
    return _query_of(model).rows(digest, database())


@lru_cache(maxsize=8)
def _query_of(model: type[models.Model]) -> Prepared:
    shape = shape_of(model, "user__")
    names = (*Linked._fields[:1], "user_id", "not_before", *shape.columns, *shape.group)
    return Prepared(
        lambda pk, using: ExternalIdentity.objects.using(using).filter(pk=pk).order_by().values_list(*names)
    )


def entry(name: str) -> Issuer:
    """The entry of ISSUERS.

    Raises:
        ValueError: there is none of this name.
    """
    known = conf.load(ExternalSettings).issuers
    if name not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise ValueError(f"ISSUERS has no {name!r}. There is: {listed}.")
    return known[name]


def _linking(name: str) -> Issuer:
    """The entry of ISSUERS, whose people are who they are linked to.

    Raises:
        ValueError: there is none of this name, or a function of the project decides.
    """
    found = entry(name)
    if found.rule:
        raise ValueError(
            f"ISSUERS[{name!r}] has {found.rule} as USER: that function says who is who, no link."
        )
    return found


def link(user: Any, issuer: str, subject: str, *, reason: str = "by_hand") -> ExternalIdentity:
    """Have the tokens of somebody of an issuer stand for a user from now on.

    Args:
        user: a saved user of the tenant at hand.
        issuer: a name in ISSUERS.
        subject: the `sub` of the issuer's tokens, letter by letter.
        reason: for the row and the log, at most 32 characters.

    Returns:
        The row. If the pair is linked to this very user already, the one that there is.

    Raises:
        ValueError: no such issuer, or one whose USER is a function; no subject, no saved user; or the pair is another
            user's.
    """
    which = _linking(issuer)
    if getattr(user, "pk", None) is None:
        raise ValueError("The user is not saved.")
    if not subject or len(subject) > MAX_SUBJECT or not subject.isprintable():
        raise ValueError(f"Write the `sub` of a token: 1 to {MAX_SUBJECT} printable characters.")
    whose = tenant.now()
    row = new_row(which, subject, whose, reason)
    row.user_id = user.pk
    try:
        _persist(row, which.name)
    except IntegrityError:
        found = ExternalIdentity.objects.using(database()).filter(pk=row.pk).first()
        if found is None:
            raise
        if found.user_id != user.pk:
            raise ValueError("Another user is linked to it. Unlink that one first.") from None
        return found
    return row


def new_row(issuer: Issuer, subject: str, whose: str, reason: str) -> ExternalIdentity:
    """A row without a user, not saved."""
    return ExternalIdentity(
        digest=digest_of(whose, issuer.issuer, subject),
        issuer=issuer.issuer,
        subject=subject,
        tenant=whose,
        origin=reason[:32],
        created_at=clock.now_datetime(),
    )


def insert(row: ExternalIdentity, name: str) -> None:
    """Write a new row and its event, in the transaction at hand.

    Raises:
        IntegrityError: there is one for this pair.
    """
    using = database()
    row.save(using=using, force_insert=True)
    subject = tenant.of(row.tenant, row.user_id)
    emit(Event.IDENTITY_LINKED, reason=row.origin, subject=subject, details={"issuer": name}, using=using)


def _persist(row: ExternalIdentity, name: str) -> None:
    using = database()
    if is_open(using):
        with transaction.atomic(using=using):
            insert(row, name)
    else:
        durably(lambda: insert(row, name), using)


def unlink(issuer: str, subject: str) -> bool:
    """Have the tokens of somebody of an issuer stand for nobody, from the next request on.

    With "verified_email" the next token makes a link again: take the user's right to log in away there, or deactivate
    the user here. With "create" none does while the user that was made is there: link by hand, or delete it.

    Args:
        issuer, subject: as for `link`.

    Returns:
        Whether there was a link.

    Raises:
        ValueError: no such issuer, or one whose USER is a function.
    """
    rows = ExternalIdentity.objects.using(database())
    found = rows.filter(pk=digest_of(tenant.now(), _linking(issuer).issuer, subject)).first()
    if found is None:
        return False
    found.delete(using=database())  # `truth.signals` tells every worker, and the log
    return True


def of_user(user: Any) -> list[ExternalIdentity]:
    """The links of a user of the tenant at hand, newest first."""
    rows = ExternalIdentity.objects.using(database()).filter(user_id=user.pk, tenant=tenant.now())
    return list(rows.order_by("-created_at", "pk"))


def user_model() -> Any:
    """The project's user model."""
    return get_user_model()
