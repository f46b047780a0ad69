"""Gates that must know of a fork: locks, files and map of the parent are not the child's."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forked(Protocol):
    """What is told in the child, before anything else runs there."""

    def after_fork(self) -> None: ...


_watched: weakref.WeakSet[Forked] = weakref.WeakSet()
_registered = False


def watch(gate: Forked) -> None:
    """Have `gate.after_fork()` called in every child that this process forks."""
    global _registered
    if not _registered:
        os.register_at_fork(after_in_child=_tell)
        _registered = True
    _watched.add(gate)


def _tell() -> None:
    for gate in list(_watched):
        gate.after_fork()
