"""`request.user` without SQL: the real user model with a trusted key, and the one query that says who a user is.

An instance made here has its primary key and `is_active`; the first touch of any other column reads the whole row in
one query. `is_active` never enters the instance's `__dict__` unless it is assigned, so that `save` has nothing to
write: else a request that began before a deactivation would undo it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar, cast

from asgiref.sync import sync_to_async
from django.core.exceptions import ValidationError
from django.db import models, router
from django.db.models.signals import post_init, pre_init

from stockade import conf
from stockade.schemes.deferral import Trusted, TrustedInactive, install, load, trust_of, withdraw
from stockade.schemes.shape import shape_of

__all__ = ["TrustedUser", "UserFacts", "aload", "load", "read_user", "recipe", "renewed", "trusted_user"]

M = TypeVar("M", bound=models.Model)


class TrustedUser:
    """Makes instances of one user: what a worker may keep, where one instance must not serve two requests.

    Args:
        model: the project's user model.
        pk: its primary key; text is converted.
        is_active: what the database said when it was last asked.
        using: alias of the database that a touched column is read from and `save` writes to; by default where the
            router writes (a replica may lag behind a change of the password).

    Raises:
        ValidationError: `pk` is text that cannot be a key of this model.
    """

    __slots__ = ("_alias", "_model", "_plan", "_state", "pk")

    def __init__(
        self, model: type[models.Model], pk: Any, is_active: bool = True, using: str | None = None
    ) -> None:
        self._plan = install(model)
        self._model = model
        self._alias = using if using is not None else _write_alias(model)
        self._state: type[Trusted] = Trusted if is_active else TrustedInactive
        self.pk = model._meta.pk.to_python(pk) if type(pk) is str else pk

    def __call__(self) -> Any:
        """A fresh instance; no SQL."""
        if not self._plan.plain or _somebody_watches(self._model):
            return self._by_django()
        user = self._model.__new__(self._model)
        trust = self._state()
        trust.db = self._alias
        own = user.__dict__
        own["_state"] = trust
        own[self._plan.keys[0]] = self.pk
        return user

    def _by_django(self) -> models.Model:
        # Its own __init__ or from_db, or a receiver of its signals, wants to see it; or its key has several columns.
        values = tuple(self.pk) if len(self._plan.keys) > 1 else (self.pk,)
        user = self._model.from_db(self._alias, self._plan.keys, values)
        trust = self._state()
        trust.__dict__.update(user._state.__dict__)
        trust.unread = len(user.__dict__.keys() & {f.attname for f in user._meta.concrete_fields}) == len(
            values
        )
        user._state = trust
        if self._plan.answers:
            withdraw(user, trust)
        return user


def trusted_user(model: type[M], pk: Any, is_active: bool = True, using: str | None = None) -> M:
    """An instance of `model` with a trusted key and `is_active`, made without SQL; arguments as for `TrustedUser`.

    `type(user) is model`; equality, hash, pickle, copy and everything that needs a column work as ever. A touched
    column of a row that is gone raises `model.DoesNotExist`; a touch in a coroutine raises SynchronousOnlyOperation,
    as Django's do: await `aload` first. `save` writes `is_active` only if it was assigned, and brings no deleted user
    back (it raises DatabaseError).
    """
    return cast(M, TrustedUser(model, pk, is_active, using)())


def renewed(user: M) -> M:
    """A fresh instance of the same user, for the next request: as trusted as `user`, with nothing read or assigned.

    Anything but a trusted instance is returned as it is.
    """
    make, of = recipe(user)
    return cast(M, make(of))


def recipe(user: models.Model) -> tuple[Callable[[Any], Any], Any]:
    """How to make what `renewed` gives, as a function and its argument.

    The function is the same for all users that are alike. A worker that keeps thousands of callers reads so one
    number of each, where `user` itself is half a dozen objects, each of which has to be fetched from main memory.
    """
    trust = trust_of(user)
    if trust is None:
        return _same, user
    return _maker(type(user), trust.active, trust.db), user.pk


def _same(user: Any) -> Any:
    return user


@lru_cache(maxsize=64)
def _maker(model: type[models.Model], is_active: bool, alias: str) -> Callable[[Any], Any]:
    plan = install(model)
    new, state, key = model.__new__, Trusted if is_active else TrustedInactive, plan.keys[0]
    plain = plan.plain

    def make(pk: Any) -> Any:
        if not plain or ((pre_init.receivers or post_init.receivers) and _somebody_watches(model)):
            return TrustedUser(model, pk, is_active, alias)()
        user = new(model)
        trust = state()
        trust.db = alias
        own = user.__dict__
        own["_state"] = trust
        own[key] = pk
        return user

    return make


async def aload(user: models.Model) -> None:
    """Read the row of a trusted instance now, if nothing of it was read; one query. For coroutines."""
    await sync_to_async(load)(user)


def _somebody_watches(model: type[models.Model]) -> bool:
    return any(signal.receivers and signal.has_listeners(model) for signal in (pre_init, post_init))


@lru_cache(maxsize=64)
def _write_alias(model: type[models.Model]) -> str:
    return router.db_for_write(model)


conf.on_change(_write_alias.cache_clear)


@dataclass(frozen=True, slots=True)
class UserFacts:
    """What schemes ask of a user.

    Args:
        is_active: True where the model has no such thing.
        is_superuser: False where the model has no such thing.
        password: the encoded hash; "" where the model has none.
        groups: names of the groups; empty where the model has none.
    """

    is_active: bool
    is_superuser: bool
    password: str = field(repr=False)
    groups: frozenset[str]


def read_user(model: type[models.Model], pk: Any, using: str | None = None) -> UserFacts | None:
    """Ask the database who that is, in one query.

    Args:
        model: the user model; its default manager decides who exists, as for Django's own backend.
        pk: its primary key; what cannot be one is nobody's.
        using: database alias; by default where the router writes.

    Returns:
        None if there is no such user.
    """
    shape = shape_of(model)
    columns = (*shape.columns, *shape.group)
    users = model._default_manager.using(using if using is not None else router.db_for_write(model))
    try:
        # An outer join: a user without groups is one row with a NULL, a user with several is one row for each.
        rows = list(users.filter(pk=pk).order_by().values_list(*(columns or ("pk",))))
    except (ValueError, TypeError, OverflowError, ValidationError):
        return None
    if not rows:
        return None
    state = shape.read(rows[0])
    groups = frozenset(row[-1] for row in rows if row[-1]) if shape.group else frozenset()
    return UserFacts(state.active, state.superuser, state.password, groups)
