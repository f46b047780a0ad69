"""Evens out what a failed login costs, so that its time does not tell whether the account exists.

Django hashes once for an unknown account, with the preferred hasher. An account whose stored hash is of another hasher
(before its upgrade at the next login) costs that one instead, and the difference names the accounts that exist. With
several backends it costs that many times over, or an account that exists costs more than one that does not. So what a
login has hashed is counted, and every failure costs the same list in the end: each kind of hash that is in use, as
often as any of them was ever used in one login.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import (
    BasePasswordHasher,
    get_hasher,
    get_hashers,
    identify_hasher,
    is_password_usable,
    make_password,
)
from django.views.decorators.debug import sensitive_variables

from stockade.conf import on_change
from stockade.schemes.passwords import Wrapped
from stockade.schemes.shape import shape_of
from stockade.schemes.wrapped import inner

# Hashers of one algorithm even out their own older parameters (`harden_runtime`), except these, where Django cannot.
_UNHARDENED = frozenset({"argon2", "scrypt"})
_MOST = 2  # kinds beside the preferred one; more would make a failed login an attack on the server
_OFTEN = 4  # times that one kind is run for one login at most, for the same reason
_SAMPLE = 50
_NOT_COST = frozenset({"salt", "hash", "checksum", "params"})

Kind = tuple[str, ...]
PREFERRED: Kind = ()


def kinds_of(encoded: str | None) -> tuple[Kind, ...]:
    """What verifying against `encoded` costs: one kind of hash, or that of the old hash and Argon2 where it is wrapped.

    A kind is empty for the preferred hasher, else algorithm and parameters. What Django cannot verify it answers with
    one run of the preferred hasher. So wrapped and plain old hashes of one kind, which stand side by side until all are
    wrapped, are evened out together; and what is wrapped for next to nothing costs what a hash of today does.
    """
    if not encoded or not is_password_usable(encoded):
        return (PREFERRED,)
    try:
        hasher = identify_hasher(encoded)
    except ValueError:
        return (PREFERRED,)
    if isinstance(hasher, Wrapped):
        return _kinds_of_wrapped(hasher, encoded)
    return (_kind_of(hasher, encoded),)


def _kinds_of_wrapped(hasher: Wrapped, encoded: str) -> tuple[Kind, ...]:
    try:
        parts = hasher.parts(encoded)
        inside = inner.cost(parts.recipe)
    except (ValueError, IndexError, StopIteration):
        return (PREFERRED,)
    first: Any = get_hasher("default")
    cost = (parts.memory, parts.passes, parts.lanes)
    names = ("memory_cost", "time_cost", "parallelism")
    outside: Kind = PREFERRED
    if tuple(getattr(first, name, None) for name in names) != cost:
        outside = (hasher.algorithm, *(f"{n}={v}" for n, v in zip(names, cost, strict=True)))
    return (outside, inside) if inside else (outside,)


def _kind_of(hasher: BasePasswordHasher, encoded: str) -> Kind:
    preferred = get_hasher("default")
    if hasher.algorithm == preferred.algorithm and hasher.algorithm not in _UNHARDENED:
        return PREFERRED
    kind = _parameters(hasher, encoded)
    if hasher.algorithm == preferred.algorithm and not preferred.must_update(encoded):
        return PREFERRED
    return kind


def _parameters(hasher: BasePasswordHasher, encoded: str) -> Kind:
    try:
        decoded = hasher.decode(encoded)
    except (ValueError, AssertionError, KeyError, NotImplementedError):
        decoded = {}
    cost = [f"{name}={value}" for name, value in sorted(decoded.items()) if name not in _NOT_COST]
    return (str(hasher.algorithm), *cost)


# -- what a login has hashed -----------------------------------------------------------------------------------------


class Ledger(Counter[Kind]):
    """How often each kind of hash was run."""

    inside = False  # a verification encodes, which is one run and not two


_ledger: ContextVar[Ledger | None] = ContextVar("stockade_hashes", default=None)
_WATCHED = "_stockade_watched"


@contextmanager
def counted() -> Iterator[Ledger]:
    """Count what is hashed in the block, by this thread or task."""
    found = count_from_now()
    try:
        yield found
    finally:
        count_no_more()


def count_from_now() -> Ledger:
    """Begin to count; for callers whose block ends elsewhere."""
    for hasher in get_hashers():
        if _WATCHED not in hasher.__dict__:
            hasher.__dict__[_WATCHED] = True
            _watch(hasher, "verify", lambda password, encoded, *_, **__: kinds_of(encoded))
            _watch(hasher, "encode", lambda *_, **__: (PREFERRED,))
            # What a cheaper hash of the preferred algorithm lacks to a whole one: together they are one run.
            _watch(hasher, "harden_runtime", lambda *_, **__: ())
    found = Ledger()
    _ledger.set(found)
    return found


def count_no_more() -> None:
    """The end of `count_from_now`."""
    _ledger.set(None)


def _watch(hasher: BasePasswordHasher, name: str, kinds_of_run: Callable[..., tuple[Kind, ...]]) -> None:
    @wraps(getattr(hasher, name))  # and `sensitive_variables`: its arguments are passwords
    def method(*args: Any, **kwargs: Any) -> Any:
        original = getattr(type(hasher), name)
        ledger = _ledger.get()
        if ledger is None or ledger.inside:
            return original(hasher, *args, **kwargs)
        ledger.update(kinds_of_run(*args, **kwargs))
        ledger.inside = True
        try:
            return original(hasher, *args, **kwargs)
        finally:
            ledger.inside = False

    # Of this one instance, which Django keeps until PASSWORD_HASHERS changes.
    hasher.__dict__[name] = sensitive_variables()(method)


# -- the rest of it --------------------------------------------------------------------------------------------------


class Evener:
    """The kinds of hash that one process has seen in use, each with something to verify against.

    It is a user's hash whose digest part is scrambled: it costs the same and matches nothing.
    """

    def __init__(self) -> None:
        self._kinds: dict[Kind, str] = {}
        self._often = 1
        self._prepared = False
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Learn which kinds are in use from the oldest and the newest accounts. Two queries, once a process."""
        if not self._prepared:
            with self._lock:
                self._sample()

    def _sample(self) -> None:
        if self._prepared:
            return
        model = get_user_model()
        if "password" in shape_of(model).columns:
            rows: Any = model._default_manager.values_list("password", flat=True)
            for encoded in [*rows.order_by("pk")[:_SAMPLE], *rows.order_by("-pk")[:_SAMPLE]]:
                self._learn(encoded)
        self._prepared = True

    def _learn(self, encoded: str | None) -> None:
        for kind in kinds_of(encoded):
            if encoded and kind != PREFERRED and kind not in self._kinds and len(self._kinds) < _MOST:
                self._kinds[kind] = _scrambled(encoded)

    def even_out(self, password: str, encoded: str | None, spent: Counter[Kind]) -> None:
        """Do what this failure has not cost yet.

        Args:
            password: that was tried.
            encoded: the account's stored hash; None where there is no such account.
            spent: what was hashed until now.
        """
        self._learn(encoded)
        self._often = min(_OFTEN, max((self._often, *spent.values())))
        for _ in range(self._often - spent[PREFERRED]):
            make_password(password)
        for kind, dummy in list(self._kinds.items()):
            for _ in range(self._often - spent[kind]):
                _run(kind, password, dummy)


def _run(kind: Kind, password: str, dummy: str) -> None:
    """Do what one run of this kind costs."""
    hasher = identify_hasher(dummy)
    if not isinstance(hasher, Wrapped):
        hasher.verify(password, dummy)
    elif kind[0] == hasher.algorithm:
        hasher.run_outer(dummy)
    else:
        hasher.run_inner(password, dummy)


def _scrambled(encoded: str) -> str:
    """`encoded` with other characters near its end, of the same kind, so that it still decodes and matches nothing."""
    head, middle, tail = encoded[:-20], encoded[-20:-2], encoded[-2:]
    return head + middle.translate(_TURN) + tail


def _turn(characters: str) -> dict[int, str]:
    return {ord(character): characters[index - 1] for index, character in enumerate(characters)}


_TURN = {**_turn("abcdef0123456789"), **_turn("ghijklmnopqrstuvwxyz"), **_turn("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}

_evener = Evener()


def evener() -> Evener:
    """The one of this process."""
    return _evener


@on_change
def _forget() -> None:
    global _evener
    _evener = Evener()
