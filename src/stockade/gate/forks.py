"""Gates that must know of a fork: locks, files and map of the parent are not the child's."""

from __future__ import annotations

import os
import weakref
from typing import Protocol

from stockade.gate import host


class Forked(Protocol):
    """What is told around every fork of this process."""

    def before_fork(self) -> None:
        """In the parent. Not called by servers that fork in C (uWSGI)."""

    def after_fork_parent(self) -> None:
        """In the parent, once the child is there."""

    def after_fork_child(self) -> None:
        """In the child, before anything else runs there."""


# A list, and no WeakSet: it is copied whole while another thread makes a gate.
_watched: list[weakref.ref[Forked]] = []
_registered = False


def watch(gate: Forked) -> None:
    """Tell `gate` of every fork from now on."""
    global _registered
    if not _registered:
        os.register_at_fork(before=_before, after_in_parent=_parent, after_in_child=_child)
        _registered = True
    _watched.append(weakref.ref(gate, _watched.remove))


def _alive() -> list[Forked]:
    return [gate for found in list(_watched) if (gate := found()) is not None]


def _before() -> None:
    for gate in _alive():
        gate.before_fork()


def _parent() -> None:
    for gate in _alive():
        gate.after_fork_parent()


def _child() -> None:
    host.id.cache_clear()
    host.own_start.cache_clear()
    for gate in _alive():
        gate.after_fork_child()
