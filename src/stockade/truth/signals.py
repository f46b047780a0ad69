"""Hears of changes that are made through the ORM, the admin or fixtures, and has every worker read again.

Receivers are connected to the very models, never to all: a receiver for all senders would switch off Django's fast
deletes and fast m2m inserts for every model of the project.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import models
from django.db.models.expressions import DatabaseDefault
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from stockade.conf import configured
from stockade.gate.protocol import WORLD
from stockade.models import Session, SigningKey
from stockade.truth import epochs
from stockade.truth.change import Change, in_transaction, of_epochs
from stockade.truth.sessions import ending

MANY = 500  # users that one change concerns; above, everybody is read again instead
_KEPT = "_stockade_change"  # on the instance, from the signal before to the signal after
_HARMLESS = frozenset({"last_login"})  # what every login writes
_through_user: dict[
    type[models.Model], str
] = {}  # m2m tables between users and groups or permissions: user's column


def connect() -> None:
    """Connect everything; called once all models are loaded, and again if the user model was swapped (tests)."""
    user = get_user_model()
    for model in (*_family(user), *user._meta.get_parent_list()):
        _watch(model, _user_saves, _user_saved, _user_deletes, _deleted)
    for base in (Group, Permission, SigningKey):
        for model in _family(base):
            _watch(model, _world_saves, _saved, _world_deletes, _deleted)
    _watch(Session, _session_saves, _saved, _session_deletes, _deleted)
    _through_user.clear()
    for field in user._meta.many_to_many:
        target: Any = field.related_model
        if isinstance(target, type) and issubclass(target, Group | Permission):
            through: Any = field.remote_field.through
            _through_user[through] = field.m2m_field_name()
            _link(through, _membership_changes)
            if not through._meta.auto_created:
                _watch(through, _membership_saves, _saved, _membership_deletes, _deleted)
    _link(Group.permissions.through, _group_permissions_change)


def _watch(model: Any, before: Any, after: Any, before_delete: Any, after_delete: Any) -> None:
    for signal, receiver in (
        (pre_save, before),
        (post_save, after),
        (pre_delete, before_delete),
        (post_delete, after_delete),
    ):
        signal.connect(receiver, sender=model, dispatch_uid=f"stockade.{receiver.__name__}", weak=False)


def _link(through: Any, receiver: Any) -> None:
    m2m_changed.connect(receiver, sender=through, dispatch_uid=f"stockade.{receiver.__name__}", weak=False)


def _family(base: type[models.Model]) -> list[type[models.Model]]:
    """A model, its proxies and the models that inherit its table: Django sends their signals with them as sender."""
    concrete: Any = base._meta.concrete_model
    return [model for model in apps.get_models(include_auto_created=True) if issubclass(model, concrete)]


# -- users -----------------------------------------------------------------------------------------------------------


def _user_key(instance: models.Model) -> bytes | None:
    """The epoch key of a user, whatever class saved it; None before it has a primary key."""
    user = get_user_model()
    # A parent's primary key is the child's; a child of the user model inherits the column.
    pk = getattr(instance, user._meta.pk.attname, None) if isinstance(instance, user) else instance.pk
    if pk is None or isinstance(pk, DatabaseDefault):  # the database will choose it
        return None
    return epochs.subject(user._meta.pk.to_python(pk))


def _moves(instance: models.Model, raw: bool, update_fields: Iterable[str] | None) -> bool:
    """Whether a save may change what is known of an existing user."""
    return update_fields is None or raw or not set(update_fields) <= _HARMLESS


def _is_new(instance: models.Model, raw: bool) -> bool:
    """Whether Django will INSERT without looking: nothing can be known yet of a user that is being created.

    So for a primary key that is not set, and for one with a default (UUIDs): see Model._save_table.
    """
    if instance.pk is None or isinstance(instance.pk, DatabaseDefault):
        return True
    return instance._state.adding and not raw and instance._meta.pk.has_default()


def _user_saves(
    instance: models.Model, raw: bool, using: str, update_fields: Iterable[str] | None, **_: Any
) -> None:
    if configured() and _moves(instance, raw, update_fields) and not _is_new(instance, raw):
        _begin(instance, [_user_key(instance)], using)


def _user_saved(
    instance: models.Model,
    created: bool,
    raw: bool,
    using: str,
    update_fields: Iterable[str] | None,
    **_: Any,
) -> None:
    if _finish(instance) or created or not configured() or not _moves(instance, raw, update_fields):
        return
    # `save(force_update=True)` of an instance that was made by hand: it looked new and was not.
    _begin(instance, [_user_key(instance)], using)
    _finish(instance)


def _user_deletes(instance: models.Model, using: str, **_: Any) -> None:
    if configured():
        _begin(instance, [_user_key(instance)], using)


# -- groups, permissions, keys ----------------------------------------------------------------------------------------


def _world_saves(instance: models.Model, using: str, **_: Any) -> None:
    if configured() and instance.pk is not None:
        _begin(instance, [WORLD], using)


def _world_deletes(instance: models.Model, using: str, **_: Any) -> None:
    if configured():
        _begin(instance, [WORLD], using)


def _group_permissions_change(
    instance: models.Model, action: str, pk_set: set[Any] | None, using: str, **_: Any
) -> None:
    if not configured() or pk_set == set():
        return
    if action.startswith("pre_"):
        _begin(instance, [WORLD], using)
    else:
        _finish(instance)


# -- memberships ------------------------------------------------------------------------------------------------------


def _membership_changes(
    sender: type[models.Model],
    instance: models.Model,
    action: str,
    reverse: bool,
    pk_set: set[Any] | None,
    using: str,
    **_: Any,
) -> None:
    """A user's groups or permissions change: from the user's side, or (`reverse`) from the other."""
    if not configured() or pk_set == set():
        return
    if action.startswith("post_"):
        _finish(instance)
        return
    if not reverse:
        keys = [_user_key(instance)]
    elif pk_set is not None:
        keys = [epochs.subject(pk) for pk in pk_set]
    else:
        keys = _members(sender, instance, using)
    _begin(instance, keys if len(keys) <= MANY else [WORLD], using)


def _members(through: type[models.Model], instance: models.Model, using: str) -> list[bytes | None]:
    """Who is in a group, or has a permission, that is about to be cleared."""
    column = f"{_through_user[through]}_id"
    other = next(
        field.name
        for field in through._meta.get_fields()
        if isinstance(field, models.ForeignKey) and isinstance(instance, field.related_model)
    )
    rows = through._default_manager.using(using).filter(**{other: instance.pk})
    return [epochs.subject(pk) for pk in rows.values_list(column, flat=True)[: MANY + 1]]


def _membership_saves(sender: type[models.Model], instance: models.Model, using: str, **_: Any) -> None:
    if configured():
        _begin(instance, [epochs.subject(getattr(instance, f"{_through_user[sender]}_id"))], using)


def _membership_deletes(sender: type[models.Model], instance: models.Model, using: str, **_: Any) -> None:
    _membership_saves(sender, instance, using)


# -- sessions ---------------------------------------------------------------------------------------------------------


def _session_saves(instance: Session, using: str, update_fields: Iterable[str] | None, **_: Any) -> None:
    """`end_sessions` is the way, but an end that is written by hand must bite as well."""
    written = update_fields is None or "ended_at" in update_fields
    if configured() and written and instance.ended_at is not None and not instance._state.adding:
        _end(instance, using)


def _session_deletes(instance: Session, using: str, **_: Any) -> None:
    if configured() and instance.ended_at is None:
        _end(instance, using)


def _end(instance: Session, using: str) -> None:
    if in_transaction(using):
        epochs.hold_sessions([instance.pk], using)
    _keep(instance, ending([instance.pk], using).begin())


# -- between before and after -----------------------------------------------------------------------------------------


def _begin(instance: models.Model, keys: Iterable[bytes | None], using: str) -> None:
    found = [key for key in keys if key is not None]
    if found:
        _keep(instance, of_epochs(found, using).begin())


def _keep(instance: models.Model, change: Change) -> None:
    instance.__dict__[_KEPT] = change


def _finish(instance: models.Model) -> bool:
    """Publish what the signal before began, unless a commit does; whether it began anything."""
    change: Change | None = instance.__dict__.pop(_KEPT, None)
    if change is not None:
        change.finish()
    return change is not None


def _saved(instance: models.Model, **_: Any) -> None:
    _finish(instance)


def _deleted(instance: models.Model, **_: Any) -> None:
    _finish(instance)
