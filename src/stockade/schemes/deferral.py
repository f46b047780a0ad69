"""What a user model must do for instances with a trusted `is_active`: answer it, load the rest at once, never save it.

Installed once on each model, at the first instance. Instances of other origin are not touched by any of it: their
columns are in their `__dict__`, which Python reads before it asks these descriptors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, wraps
from inspect import getattr_static
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist
from django.db import models
from django.db.models.base import ModelState
from django.db.models.query_utils import DeferredAttribute

ACTIVE = "is_active"
_GONE = "_stockade_gone"


class Trusted(ModelState):
    """The state of an instance whose key and `is_active` are trusted. Pickles name these classes: the names stay."""

    adding = False
    active = True
    unread = True  # no column was read yet


class TrustedInactive(Trusted):
    """The same for a user who is not active."""

    active = False


@dataclass(frozen=True, slots=True)
class Plan:
    """How to make a bare instance of a model.

    Args:
        keys: attribute names of its primary key.
        plain: whether Django's own `__init__` would have done nothing that a bare instance lacks.
        answers: whether `is_active` can be answered without being in the instance's `__dict__`.
    """

    keys: tuple[str, ...]
    plain: bool
    answers: bool


def trust_of(user: models.Model) -> Trusted | None:
    """The state of a trusted instance; None for any other."""
    state = user.__dict__.get("_state")
    return state if isinstance(state, Trusted) else None


@lru_cache(maxsize=64)
def install(model: type[models.Model]) -> Plan:
    """Teach `model`, and tell how to make its instances."""
    answers = _teach_active(model)
    _wrap(model, "refresh_from_db", _refresh)
    if answers:
        _wrap(model, "save_base", _save_base)
        _wrap(model, "clean_fields", _clean_fields)
    plain = (
        model.__new__ is models.Model.__new__
        and model.__init__ is models.Model.__init__
        and getattr(model.from_db, "__func__", None) is getattr(models.Model.from_db, "__func__", None)
        and len(model._meta.pk_fields) == 1
    )
    return Plan(tuple(f.attname for f in model._meta.pk_fields), plain, answers)


def is_gone(error: BaseException) -> bool:
    """Whether `error` tells that the row of a trusted instance is not there any more.

    It is the model's own DoesNotExist, which a view raises for other rows too; the mark tells them apart.
    """
    return _GONE in error.__dict__


def withdraw(user: models.Model, trust: Trusted) -> None:
    """Take `is_active` out of the instance, where `save` would find it, into its state, which answers for it."""
    if ACTIVE in user.__dict__ and install(type(user)).answers:
        trust.active = bool(user.__dict__.pop(ACTIVE))


# -- is_active -------------------------------------------------------------------------------------------------------


class _Answer:
    """Mixed into the field's own descriptor: not a data descriptor, so an assigned value is found before it."""

    field: models.Field[Any, Any]

    def __get__(self, instance: models.Model | None, cls: type[models.Model] | None = None) -> Any:
        if instance is not None:
            trust = trust_of(instance)
            if trust is not None and ACTIVE not in instance.__dict__:
                return trust.active
        return super().__get__(instance, cls)  # type: ignore[misc]


def _teach_active(model: type[models.Model]) -> bool:
    try:
        field = model._meta.get_field(ACTIVE)
    except FieldDoesNotExist:
        return False
    own = getattr_static(model, ACTIVE, None)
    if isinstance(own, _Answer):
        return True
    # A library that replaced the descriptor (to track changes) or a relation: leave it, the column is read like others.
    if not isinstance(own, DeferredAttribute) or hasattr(own, "__set__") or not field.concrete:
        return False
    taught = type(own)
    answering = type("Trusted" + taught.__name__, (_Answer, taught), {})
    descriptor: Any = object.__new__(answering)
    descriptor.__dict__.update(own.__dict__)
    setattr(model, ACTIVE, descriptor)
    return True


# -- the rest --------------------------------------------------------------------------------------------------------


def _wrap(model: type[models.Model], name: str, around: Callable[..., Any]) -> None:
    original = getattr(model, name)
    if getattr(original, "stockade", False):
        return  # inherited from a model that was taught

    @wraps(original)
    def method(self: models.Model, *args: Any, **kwargs: Any) -> Any:
        trust = trust_of(self)
        if trust is None:
            return original(self, *args, **kwargs)
        return around(original, self, trust, *args, **kwargs)

    method.stockade = True  # type: ignore[attr-defined]
    setattr(model, name, method)


def _refresh(
    original: Callable[..., None],
    user: models.Model,
    trust: Trusted,
    using: str | None = None,
    fields: Iterable[str] | None = None,
    **rest: Any,
) -> None:
    """At the first touch read all that was not assigned; keep `is_active` where `save` does not look."""
    try:
        _read(original, user, trust, using, fields, **rest)
    except ObjectDoesNotExist as error:
        error.__dict__[_GONE] = True
        raise


def _read(
    original: Callable[..., None],
    user: models.Model,
    trust: Trusted,
    using: str | None,
    fields: Iterable[str] | None,
    **rest: Any,
) -> None:
    own, alias = user.__dict__, trust.db
    absent = [f.attname for f in user._meta.concrete_fields if f.attname not in own]
    if fields is None:
        # Everything, `is_active` too: Django reloads what is not deferred, so nothing may be.
        own.update(dict.fromkeys(absent))
        try:
            original(user, using=using or alias, fields=None, **rest)
        except BaseException:
            for name in absent:
                own.pop(name, None)
            raise
        withdraw(user, trust)
    else:
        wanted = set(fields)
        kept = ACTIVE in own and ACTIVE not in wanted
        if trust.unread:
            wanted.update(_to_read(user, absent))
        original(user, using=using or alias, fields=wanted, **rest)
        if not kept:
            withdraw(user, trust)
    trust.unread = False
    # Where it was read may be a replica. Saving to a database other than this one would write every column.
    trust.db = alias


def _save_base(
    original: Callable[..., None],
    user: models.Model,
    trust: Trusted,
    raw: bool = False,
    force_insert: bool | tuple[Any, ...] = False,
    force_update: bool = False,
    using: str | None = None,
    update_fields: Iterable[str] | None = None,
) -> None:
    """Write what is loaded or was assigned, by name: `is_active` was assigned, or is not among it."""
    if not (ACTIVE in user.__dict__ or raw or force_insert):
        if update_fields is None:
            # Nothing was touched yet, or another database is written to: Django would write every column, asking the
            # descriptor for those that are absent. An UPDATE by name also never brings a deleted user back.
            load(user)
            update_fields = {
                f.attname for f in user._meta.concrete_fields if not f.primary_key
            } & user.__dict__.keys()
        update_fields = frozenset(update_fields) - {ACTIVE}
        if not update_fields:
            return
    original(
        user,
        raw=raw,
        force_insert=force_insert,
        force_update=force_update,
        using=using,
        update_fields=update_fields,
    )


def _clean_fields(
    original: Callable[..., None], user: models.Model, trust: Trusted, exclude: Iterable[str] | None = None
) -> None:
    """Validation assigns what it has validated; a trusted `is_active` needs neither."""
    excluded = set(exclude or ())
    if ACTIVE not in user.__dict__:
        excluded.add(ACTIVE)
    original(user, exclude=excluded)


def load(user: models.Model) -> None:
    """Read the row of a trusted instance now, if nothing of it was read; one query."""
    trust = trust_of(user)
    if trust is not None and trust.unread:
        absent = [f.attname for f in user._meta.concrete_fields if f.attname not in user.__dict__]
        wanted = _to_read(user, absent)
        if wanted:
            user.refresh_from_db(fields=wanted)


def _to_read(user: models.Model, absent: list[str]) -> list[str]:
    return [name for name in absent if name != ACTIVE] if install(type(user)).answers else absent
