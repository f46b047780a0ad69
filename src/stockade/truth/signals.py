"""Hears of changes that are made through the ORM, the admin or fixtures, and has every worker read again.

Receivers are connected to the very models, never to all: a receiver for all senders would switch off Django's fast
deletes and fast m2m inserts for every model of the project.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import models
from django.db.models.expressions import DatabaseDefault
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from stockade.conf import configured
from stockade.core import tenant
from stockade.events import Event, emit
from stockade.gate.keys import subject_key
from stockade.gate.protocol import LISTS, WORLD
from stockade.models import ExternalIdentity, ListEntry, OpaqueToken, Session, SigningKey
from stockade.truth import epochs, lists, telling
from stockade.truth.change import in_transaction, of_epochs
from stockade.truth.links import Link, links_of, role_models
from stockade.truth.pending import begin, finish, keep
from stockade.truth.sessions import ending
from stockade.truth.telling import Later
from stockade.truth.tokens import judge_bounds, of_row, tell as tell_of_tokens, token_key

MANY = 500  # users that one change concerns; above, everybody is read again instead
_HARMLESS = frozenset({"last_login"})  # what every login writes
_links: dict[type[models.Model], Link] = {}  # tables between users and their roles or permissions


def connect() -> None:
    """Connect everything; called once all models are loaded, and again if the user model was swapped (tests)."""
    user = get_user_model()
    for model in (*_family(user), *user._meta.get_parent_list()):
        _watch(model, _user_saves, _user_saved, _user_deletes, _deleted)
    bases: set[type[models.Model]] = {*role_models(user), SigningKey}
    for base in bases:
        for model in _family(base):
            _watch(model, _world_saves, _saved, _world_deletes, _deleted)
    _watch(Session, _session_saves, _saved, _session_deletes, _deleted)
    _watch(OpaqueToken, _token_saves, _saved, _token_deletes, _deleted)
    _watch(ExternalIdentity, _identity_saves, _saved, _identity_deletes, _deleted)
    for model in _family(ListEntry):
        _watch(model, _entry_saves, _saved, _entry_deletes, _deleted)
    _links.clear()
    for link in links_of(user):
        _links[link.through] = link
        if link.other:
            _link(link.through, _membership_changes)
        if not link.through._meta.auto_created:
            _watch(link.through, _membership_saves, _saved, _membership_deletes, _deleted)
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


def _user_pk(instance: models.Model) -> Any:
    """The primary key of a user, whatever class saved it; None before it has one."""
    user = get_user_model()
    # A parent's primary key is the child's; a child of the user model inherits the column.
    pk = getattr(instance, user._meta.pk.attname, None) if isinstance(instance, user) else instance.pk
    if pk is None or isinstance(pk, DatabaseDefault):  # the database will choose it
        return None
    return user._meta.pk.to_python(pk)


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
    if not configured() or not _moves(instance, raw, update_fields) or _is_new(instance, raw):
        return
    pk = _user_pk(instance)
    if pk is not None:
        change = of_epochs([epochs.subject(pk)], using).begin()
        keep(instance, change, telling.of_user(instance, tenant.subject(pk), using, update_fields))


def _user_saved(
    instance: models.Model,
    created: bool,
    raw: bool,
    using: str,
    update_fields: Iterable[str] | None,
    **_: Any,
) -> None:
    if finish(instance) or not configured() or not _moves(instance, raw, update_fields):
        return
    pk = _user_pk(instance)
    if created:
        telling.new_user(instance, tenant.subject(pk), using)
    elif pk is not None:
        # `save(force_update=True)` of an instance that was made by hand: it looked new and was not.
        telling.overwritten(instance, tenant.subject(pk), using)
        begin(instance, [epochs.subject(pk)], using)
        finish(instance)


def _user_deletes(instance: models.Model, using: str, **_: Any) -> None:
    pk = _user_pk(instance)
    if configured() and pk is not None:
        subject = tenant.subject(pk)
        begin(
            instance,
            [epochs.subject(pk)],
            using,
            lambda: telling.changed("user_deleted", using, subject),
        )


# -- groups, permissions, keys ----------------------------------------------------------------------------------------


def _world_saves(instance: models.Model, using: str, update_fields: Iterable[str] | None, **_: Any) -> None:
    if configured() and instance.pk is not None:
        change = of_epochs([WORLD], using).begin()
        keep(instance, change, None if _is_key(instance) else telling.of_role(instance, using, update_fields))


def _world_deletes(instance: models.Model, using: str, **_: Any) -> None:
    if configured():
        begin(instance, [WORLD], using, None if _is_key(instance) else telling.of_role_gone(instance, using))


def _is_key(instance: models.Model) -> bool:
    return isinstance(instance, SigningKey)  # the key ring tells of its keys itself


def _group_permissions_change(
    instance: models.Model,
    action: str,
    reverse: bool,
    model: type[models.Model],
    pk_set: set[Any] | None,
    using: str,
    **_: Any,
) -> None:
    if not configured() or pk_set == set():
        return
    if action.startswith("pre_"):
        begin(instance, [WORLD], using)
    if action in ("post_add", "pre_remove", "pre_clear"):
        others: Any = pk_set
        if action != "post_add":  # what is taken away: only what is there
            through: Any = Group.permissions.through
            mine, theirs = ("permission_id", "group_id") if reverse else ("group_id", "permission_id")
            rows = through.objects.using(using).filter(**{mine: instance.pk})
            rows = rows if pk_set is None else rows.filter(**{f"{theirs}__in": pk_set})
            others = list(rows.values_list(theirs, flat=True))
        if others:
            own, found = (
                telling.names(type(instance), [instance.pk], using),
                telling.names(model, others, using),
            )
            groups, permissions = (found, own) if reverse else (own, found)
            telling.group_permissions(_verb(action), groups, permissions, using)
    if action.startswith("post_"):
        finish(instance)


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
    """A user's roles or permissions change: from the user's side, or from the other."""
    if not configured() or pk_set == set():
        return
    link = _links[sender]
    of_user = reverse is not link.owned
    if action == "post_add":
        pairs = [(instance.pk, pk) if of_user else (pk, instance.pk) for pk in pk_set or ()]
        telling.links(link, "added", pairs, using)
    if action.startswith("post_"):
        finish(instance)
        return
    users: list[Any] = [instance.pk] if of_user else list(pk_set or ())
    if action != "pre_add":
        rows = sender._default_manager.using(using).filter(
            **{link.user if of_user else link.other: instance.pk}
        )
        if pk_set is not None:
            rows = rows.filter(**{f"{link.other if of_user else link.user}__in": pk_set})
        pairs = list(rows.values_list(link.user_id, link.other_id)[: MANY + 1])
        telling.links(link, "removed", pairs, using, rows.count() if len(pairs) > MANY else 0)
        if not of_user and pk_set is None:
            users = [user for user, _ in pairs]
    begin(instance, [epochs.subject(pk) for pk in users] if len(users) <= MANY else [WORLD], using)


def _verb(action: str) -> str:
    return "added" if action == "post_add" else "removed"


def _membership_saves(sender: type[models.Model], instance: models.Model, using: str, **_: Any) -> None:
    """A row of a membership with a model of its own: it may be new, or be moved from one user to another."""
    if not configured():
        return
    link = _links[sender]
    old = None
    if instance.pk is not None and not isinstance(instance.pk, DatabaseDefault):
        rows = sender._base_manager.using(using).filter(pk=instance.pk)
        old = rows.values_list(link.user_id, link.other_id).first()
    users = {getattr(instance, link.user_id)} | ({old[0]} if old is not None else set())

    def tell() -> None:
        new = (getattr(instance, link.user_id), getattr(instance, link.other_id))
        if new != old:
            telling.links(link, "removed", [old] if old is not None else [], using)
            telling.links(link, "added", [new], using)

    begin(instance, [epochs.subject(pk) for pk in users], using, tell)


def _membership_deletes(sender: type[models.Model], instance: models.Model, using: str, **_: Any) -> None:
    if not configured():
        return
    link = _links[sender]
    pair = (getattr(instance, link.user_id), getattr(instance, link.other_id))
    telling.links(link, "removed", [pair], using)
    begin(instance, [epochs.subject(pair[0])], using)


# -- sessions ---------------------------------------------------------------------------------------------------------


def _session_saves(instance: Session, using: str, update_fields: Iterable[str] | None, **_: Any) -> None:
    """`end_sessions` is the way, but an end that is written by hand must bite as well."""
    written = update_fields is None or "ended_at" in update_fields
    if configured() and written and instance.ended_at is not None:
        live = Session.objects.using(using).filter(pk=instance.pk, ended_at=None).exists()
        _end(instance, using, telling.of_session(instance, using, "by_hand") if live else None)


def _session_deletes(instance: Session, using: str, **_: Any) -> None:
    if configured() and instance.ended_at is None:
        _end(instance, using, telling.of_session(instance, using, "deleted"))


def _end(instance: Session, using: str, tell: Later | None) -> None:
    if in_transaction(using):
        epochs.hold_sessions([instance.pk], using)
    keep(instance, ending([instance.pk], using).begin(), tell)


# -- tokens -----------------------------------------------------------------------------------------------------------


def _token_saves(instance: OpaqueToken, raw: bool, using: str, **_: Any) -> None:
    """`end_tokens` is the way, but what is written by hand must bite as well: an end, a bound, fewer scopes."""
    if configured():
        judge_bounds(instance)
    if configured() and not _is_new(instance, raw):
        live = OpaqueToken.objects.using(using).filter(pk=instance.pk, ended_at=None).exists()
        begin(instance, [token_key(instance.pk)], using, _end_of(instance, "by_hand", using, live))


def _token_deletes(instance: OpaqueToken, using: str, **_: Any) -> None:
    if configured():
        live = instance.ended_at is None
        begin(instance, [token_key(instance.pk)], using, _end_of(instance, "deleted", using, live, gone=True))


def _end_of(
    instance: OpaqueToken, reason: str, using: str, live: bool, *, gone: bool = False
) -> Later | None:
    if not live or not (gone or instance.ended_at is not None):
        return None
    ended = of_row(instance)  # now: the instance of a deleted row has no key any more
    return lambda: tell_of_tokens([ended], reason, using)


# -- links to other issuers -------------------------------------------------------------------------------------------


def _identity_saves(instance: ExternalIdentity, raw: bool, using: str, **_: Any) -> None:
    """A new link changes nothing that anybody knows; another user, or an end of tokens, does."""
    if not configured():
        return
    rows = ExternalIdentity.objects.using(using).filter(pk=instance.pk)
    old = rows.values_list("tenant", "user_id").first()
    if old is None:
        return
    pairs = {old, (instance.tenant, instance.user_id)}
    begin(instance, [subject_key(tenant.of(*pair)) for pair in sorted(pairs, key=str)], using)


def _identity_deletes(instance: ExternalIdentity, using: str, **_: Any) -> None:
    if configured():
        subject = tenant.of(instance.tenant, instance.user_id)
        details = {"issuer": instance.issuer}

        def tell() -> None:
            emit(Event.IDENTITY_UNLINKED, reason="deleted", subject=subject, details=details, using=using)

        begin(instance, [subject_key(subject)], using, tell)


# -- bans --------------------------------------------------------------------------------------------------------------


def _entry_saves(instance: ListEntry, raw: bool, using: str, **_: Any) -> None:
    if raw:  # a fixture's row does not pass `save`
        instance.normalise()
    lists.suspect()
    if configured():
        change = of_epochs([LISTS], using).begin()
        keep(instance, change, telling.of_entry(instance, using))


def _entry_deletes(instance: ListEntry, using: str, **_: Any) -> None:
    if configured():
        begin(instance, [LISTS], using, telling.of_entry_gone(instance, using))


def _saved(instance: models.Model, **_: Any) -> None:
    finish(instance)


def _deleted(instance: models.Model, **_: Any) -> None:
    finish(instance)
