"""What a secrets manager did, told to whoever listens: the security log once Django is set up, nobody before."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class What(Enum):
    """What happened to a place that secrets come from."""

    AWAY = "away"  # it gives nothing that can be used; what it gave last is used on
    BACK = "back"
    CHANGED = "changed"  # it has another value than before


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that happened.

    Args:
        what: see `What`.
        place: where, as an URL without anything secret.
        reason: in one word; empty where all is well.
        names: of the secrets that it is about; empty where it is about all.
        version: that the place has now, or that is used on.
    """

    what: What
    place: str
    reason: str = ""
    names: tuple[str, ...] = ()
    version: str = ""


_MOST = 64  # what waits for a listener: settings.py is read long before there is one
_guard = threading.Lock()
_waiting: deque[Notice] = deque(maxlen=_MOST)
_listener: Callable[[Notice], None] | None = None


def listen(listener: Callable[[Notice], None] | None) -> None:
    """Hear of everything from now on, and of what waited; None: nobody does."""
    global _listener
    with _guard:
        _listener = listener
        waited = list(_waiting) if listener is not None else []
        if listener is not None:
            _waiting.clear()
    for notice in waited:
        tell(notice)


def tell(notice: Notice) -> None:
    """Tell it, or keep it for who will listen."""
    listener = _listener
    if listener is not None:
        listener(notice)
    else:
        _waiting.append(notice)


def after_fork() -> None:
    """Another thread of the parent may have held the lock."""
    global _guard
    _guard = threading.Lock()
