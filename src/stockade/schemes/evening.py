"""Evens out what a failed login costs, so that its time does not tell whether the account exists.

Django hashes once for an unknown account, with the preferred hasher. An account whose stored hash is of another hasher
(before its upgrade at the next login) costs that one instead, and the difference names the accounts that exist. So
every failure costs the same list: the preferred hasher once, and each other kind of hash that is in use once.
"""

from __future__ import annotations

import threading
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import (
    BasePasswordHasher,
    get_hasher,
    identify_hasher,
    is_password_usable,
    make_password,
)

from stockade.conf import on_change
from stockade.schemes.shape import shape_of

# Hashers of one algorithm even out their own older parameters (`harden_runtime`), except these, where Django cannot.
_UNHARDENED = frozenset({"argon2", "scrypt"})
_MOST = 2  # kinds beside the preferred one; more would make a failed login an attack on the server
_SAMPLE = 50
_NOT_COST = frozenset({"salt", "hash", "checksum", "params"})

Kind = tuple[str, ...]
PREFERRED: Kind = ()


def kind_of(encoded: str | None) -> Kind:
    """What verifying against `encoded` costs: the empty kind for the preferred hasher, else algorithm and parameters.

    What Django cannot verify it answers with one run of the preferred hasher.
    """
    if not encoded or not is_password_usable(encoded):
        return PREFERRED
    try:
        hasher = identify_hasher(encoded)
    except ValueError:
        return PREFERRED
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


class Evener:
    """The kinds of hash that one process has seen in use, each with something to verify against.

    It is a user's hash whose digest part is scrambled: it costs the same and matches nothing.
    """

    def __init__(self) -> None:
        self._kinds: dict[Kind, str] = {}
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

    def _learn(self, encoded: str | None) -> Kind:
        kind = kind_of(encoded)
        if encoded and kind != PREFERRED and kind not in self._kinds and len(self._kinds) < _MOST:
            self._kinds[kind] = _scrambled(encoded)
        return kind

    def even_out(self, password: str, encoded: str | None) -> None:
        """Do what this failure has not cost yet.

        Args:
            password: that was tried.
            encoded: the account's stored hash; None where there is no such account.
        """
        spent = self._learn(encoded)
        if spent != PREFERRED:
            make_password(password)
        for kind, dummy in list(self._kinds.items()):
            if kind != spent:
                identify_hasher(dummy).verify(password, dummy)


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
