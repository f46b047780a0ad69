"""Tells the security log what was changed about users: rights, roles and passwords, in the change's own transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import Any

from django.contrib.auth.hashers import get_hasher, identify_hasher, is_password_usable
from django.db import models

from stockade.core import clock, tenant
from stockade.core.context import current
from stockade.events import Event, emit
from stockade.models import ListEntry, Session
from stockade.truth.links import Link, name_of

MANY = 500  # users that have an event each when one change concerns several; above, one event counts them
NAMED = 20  # groups or permissions that one event names
RIGHTS = ("is_active", "is_staff", "is_superuser")
_PASSWORD = "password"  # noqa: S105 - the name of a field
Later = Callable[[], None]
Pair = tuple[Any, Any]  # primary keys: of a user, and of what the user gets or loses


def changed(reason: str, using: str, subject: str = "", **details: Any) -> None:
    """Emit that what a user may do, or what a group means, was changed.

    The event's credential and session are those of the request at hand, and so is `by`: who did it. Logins that
    Stockade knows nothing of, as the admin's, are in the admin's own log.
    """
    context = current.get()
    principal = context.principal if context is not None else None
    if principal is not None and principal.is_authenticated:
        details["by"] = principal.subject
    emit(Event.AUTHZ_CHANGE, reason=reason, subject=subject, details=details, using=using)


# -- users -----------------------------------------------------------------------------------------------------------


def of_user(
    instance: models.Model, subject: str, using: str, update_fields: Iterable[str] | None
) -> Later | None:
    """What to tell once an existing user is saved; None if the save writes nothing of interest. One query.

    Args:
        instance: a user, or a parent's or child's row of one, about to be saved.
        subject: the user's primary key as text.
    """
    # Only what is loaded is written; a trusted instance's `is_active` is neither.
    written = [
        field.attname
        for field in instance._meta.concrete_fields
        if field.attname in (*RIGHTS, _PASSWORD)
        and field.attname in instance.__dict__
        and (update_fields is None or field.attname in update_fields)
    ]
    if not written:
        return None
    rows = type(instance)._base_manager.using(using).filter(pk=instance.pk)  # noqa: SLF001 - as save() finds it
    old = rows.values(*written).first()
    if old is None:
        return partial(new_user, instance, subject, using)
    new = {name: instance.__dict__[name] for name in written}
    rights = {name: new[name] for name in written if name != _PASSWORD and new[name] != old[name]}
    password = _PASSWORD in new and new[_PASSWORD] != old[_PASSWORD]
    if password and _hashed_anew(instance, str(old[_PASSWORD]), update_fields):
        password = False
    if not rights and not password:
        return None

    def tell() -> None:
        if rights:
            changed("user_changed", using, subject, **rights)
        if password:
            reason = "" if is_password_usable(str(new[_PASSWORD])) else "unusable"
            emit(Event.PASSWORD_CHANGE, reason=reason, subject=subject, using=using)

    return tell


def new_user(instance: models.Model, subject: str, using: str) -> None:
    """Tell of a user that was created with more rights than others have."""
    rights = {name: True for name in RIGHTS[1:] if instance.__dict__.get(name)}
    if rights:
        changed("user_created", using, subject, **rights)


def overwritten(instance: models.Model, subject: str, using: str) -> None:
    """Tell of a row that was overwritten by an instance which did not know it: what it said before is lost."""
    changed("user_changed", using, subject, **{name: instance.__dict__.get(name) for name in RIGHTS})


def _hashed_anew(instance: models.Model, old: str, update_fields: Iterable[str] | None) -> bool:
    """Whether this is AbstractBaseUser.check_password writing the same password with the hasher of today.

    It leaves `_password` as None on the instance and saves one field. So might somebody who does not want to be
    noticed, but he cannot make the old hash outdated.
    """
    if set(update_fields or ()) != {_PASSWORD} or instance.__dict__.get("_password", "") is not None:
        return False
    preferred = get_hasher("default")
    try:
        return identify_hasher(old).algorithm != preferred.algorithm or preferred.must_update(old)
    except ValueError:  # no hash at all: it verified nothing
        return False


# -- roles -----------------------------------------------------------------------------------------------------------


def links(link: Link, verb: str, pairs: Iterable[Pair], using: str, total: int = 0) -> None:
    """Tell of roles or permissions that users have got or lost: one event a user, or one for a crowd.

    Args:
        verb: ``added`` or ``removed``.
        pairs: each user with each role; of a crowd, those of more than `MANY` users suffice.
        total: how many pairs there are, if more than were given.
    """
    by_user: dict[str, list[Any]] = {}
    for user, other in pairs:
        by_user.setdefault(tenant.subject(user), []).append(other)
    if not by_user:
        return
    reason = f"{link.label}_{verb}"
    if len(by_user) > MANY:
        others = {other for found in by_user.values() for other in found}
        changed(reason, using, users=max(total, len(by_user)), names=names(link.target, others, using))
        return
    known: dict[tuple[Any, ...], str] = {}
    for user, found in by_user.items():
        key = tuple(found)
        if key not in known:
            known[key] = names(link.target, found, using)
        changed(reason, using, user, names=known[key])


def names(model: type[models.Model], pks: Iterable[Any], using: str) -> str:
    """What groups or permissions are called, as one text."""
    wanted = list(islice(pks, NAMED))
    rows = model._base_manager.using(using).filter(pk__in=wanted)  # noqa: SLF001 - also what a manager hides
    column = name_of(model)
    return ", ".join(str(name) for name in rows.order_by(column).values_list(column, flat=True))


def of_role(instance: models.Model, using: str, update_fields: Iterable[str] | None) -> Later | None:
    """What to tell once a group is saved: roles go by name, so another name is another role for all its members."""
    column = name_of(type(instance))
    written = update_fields is None or column in update_fields
    if column != "name" or not written or column not in instance.__dict__:
        return None
    rows = type(instance)._base_manager.using(using).filter(pk=instance.pk)  # noqa: SLF001
    old, new = rows.values_list(column, flat=True).first(), instance.__dict__[column]
    if old is None or old == new:
        return None
    reason = f"{instance._meta.model_name}_renamed"
    return lambda: changed(reason, using, old=str(old), new=str(new))


def of_role_gone(instance: models.Model, using: str) -> Later:
    """What to tell once a group or a permission is deleted."""
    name = str(getattr(instance, name_of(type(instance))))
    return lambda: changed(f"{instance._meta.model_name}_deleted", using, name=name)


def group_permissions(verb: str, groups: str, permissions: str, using: str) -> None:
    """Tell of permissions that groups have got or lost."""
    changed(f"group_permissions_{verb}", using, groups=groups, names=permissions)


# -- sessions --------------------------------------------------------------------------------------------------------


def of_session(instance: Session, using: str, reason: str) -> Later:
    """What to tell once a session that `end_sessions` knows nothing of is over."""
    # Now: the instance of a deleted row has no key any more.
    session, subject = str(instance.pk), tenant.of(instance.tenant, instance.user_id)
    return lambda: emit(Event.SESSION_ENDED, reason=reason, session=session, subject=subject, using=using)


# -- bans --------------------------------------------------------------------------------------------------------------


def of_entry(instance: ListEntry, using: str) -> Later:
    """What to tell once a ban or an allowed address is saved."""
    known = ListEntry.objects.using(using).filter(pk=instance.pk).exists()
    # Later: the row has no key before it is there.
    return lambda: _entry(Event.BAN_CHANGED if known else Event.BAN_CREATED, instance, instance.pk, using)


def of_entry_gone(instance: ListEntry, using: str) -> Later:
    """What to tell once one is deleted. One that had run out was no ban any more."""
    pk = instance.pk  # the instance of a deleted row has none
    over = instance.expires_at is not None and instance.expires_at <= clock.now_datetime()
    return lambda: None if over else _entry(Event.BAN_REMOVED, instance, pk, using)


def _entry(event: Event, entry: ListEntry, pk: Any, using: str) -> None:
    details: dict[str, str | int] = {"entry": str(pk)}
    if entry.kind == ListEntry.Kind.ADDRESS:
        details["value"] = entry.value
    if entry.reason:
        details["why"] = entry.reason
    if entry.expires_at is not None:
        details["expires"] = entry.expires_at.isoformat(timespec="seconds")
    if entry.created_by:
        details["by"] = entry.created_by
    emit(
        event,
        reason=f"{entry.verb}:{entry.kind}",
        subject=entry.value if entry.kind == ListEntry.Kind.USER else "",
        session=entry.value if entry.kind == ListEntry.Kind.SESSION else "",
        details=details,
        using=using,
    )
