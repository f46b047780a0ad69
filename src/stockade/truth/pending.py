"""A change between the signal before it and the signal after it, kept on the instance that both are about."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models

from stockade.truth.change import Change, of_epochs
from stockade.truth.telling import Later

_KEPT = "_stockade_change"


class _Pending:
    """What was begun, and what to tell the log once it has happened."""

    __slots__ = ("change", "tell")

    def __init__(self, change: Change, tell: Later | None) -> None:
        self.change, self.tell = change, tell

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        # It stays on the instance after a save that failed: a copy must not carry it on.
        return (type(None), ())


def begin(instance: models.Model, keys: Iterable[bytes], using: str, tell: Later | None = None) -> None:
    """Begin a change of epochs; nothing if there are none.

    Args:
        instance: what is being saved or deleted, or whose relation is being changed.
        tell: called by `finish`, when the change has been made and may yet be rolled back.

    Raises:
        Unavailable: the state is away; the change must not happen then.
    """
    found = list(keys)
    if found:
        keep(instance, of_epochs(found, using).begin(), tell)


def keep(instance: models.Model, change: Change, tell: Later | None) -> None:
    """Keep a change that has begun until `finish`."""
    instance.__dict__[_KEPT] = _Pending(change, tell)


def finish(instance: models.Model) -> bool:
    """Tell of what was begun, and publish it unless a commit does; whether anything was begun."""
    pending: _Pending | None = instance.__dict__.pop(_KEPT, None)
    if pending is None:
        return False
    try:
        if pending.tell is not None:
            pending.tell()
    finally:
        pending.change.finish()
    return True
