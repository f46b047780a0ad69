"""Fills a state that was lost, or is new, from SQL: until then nobody is decided about, and nothing comes to life."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from weakref import WeakKeyDictionary

from stockade import keyring
from stockade.core.errors import Unavailable
from stockade.database import aside, snapshot_is_old
from stockade.events import Event, emit
from stockade.gate.protocol import DIRTY, NOBODY, Gate, owner_of
from stockade.truth import epochs

F = TypeVar("F", bound=Callable[[], object])
# Longer than any access token may live (JWT["ACCESS_LIFETIME"] ends at a day), and an hour for clocks and long commits.
SINCE = 86_400.0 + 3_600.0
_PATIENCE = 1.0  # seconds that a request waits for a load at most
_POLL = 0.005  # seconds

_known: WeakKeyDictionary[Gate, bytes] = WeakKeyDictionary()
_worlds: WeakKeyDictionary[Gate, int] = WeakKeyDictionary()  # under which the ring of this process was read
_listeners: list[Callable[[], object]] = []
_lock = threading.Lock()


def on_world_change(listener: F) -> F:
    """Have `listener()` called when this process meets a state that it does not know: its memory may be wrong."""
    _listeners.append(listener)
    return listener


def ensure_loaded(gate: Gate, marker: bytes, *, since: float = SINCE) -> bytes:
    """The marker of the state, once it is loaded. Costs nothing while that is the marker that was seen last.

    Args:
        gate: the state.
        marker: as the last verdict has it; b"" while the state is not loaded.
        since: seconds; sessions that ended and epochs that moved earlier are not loaded. At least the longest
            lifetime of a credential that is verified without SQL.

    Returns:
        The marker. If it is not the one that was given, the verdict says nothing: ask again.

    Raises:
        Unavailable: another worker is loading it and takes long, or it could not be loaded; try again in a second.
    """
    if marker and _known.get(gate) == marker:
        return marker
    if _in_event_loop() or snapshot_is_old(epochs.alias()):
        # There SQL is refused, and here a transaction does not see what was revoked since it began.
        found = aside(lambda: _load(gate, since, marker), _PATIENCE, "state_loading")
    else:
        found = _load(gate, since, marker)
    _meet(gate, found)
    return found


def follow(gate: Gate, world: int) -> None:
    """Have the key ring read again if the world has moved since it was read.

    Call it with the world's epoch of a verdict that was asked for AFTER a signature was verified, then compare
    `keyring.generation()` with what it was before: if it has changed, verify again. Else a worker that has not heard of
    a revoked key takes its signature for good, and remembers that under an epoch that says so.
    """
    if world == DIRTY or _worlds.get(gate) != world:
        keyring.forget()
        if world != DIRTY:
            _worlds[gate] = world


def _meet(gate: Gate, marker: bytes) -> None:
    _known[gate] = marker
    _worlds.pop(gate, None)
    keyring.forget()
    for listener in _listeners:
        listener()


def _load(gate: Gate, since: float, marker: bytes) -> bytes:
    if marker and (owner_of(marker) == NOBODY or owner_of(marker) == epochs.owner()):
        return marker  # filled by a test, or by another worker from the database that is ours too
    with _only_one(gate) as mine:
        if not mine:
            return _await(gate)
        owner = epochs.owner()
        found = gate.ask((), ()).marker
        if found and owner_of(found) == owner:  # by another, between our question and our turn
            return found
        if gate in _known or found:
            reason = "another_database" if found else ""
            emit(Event.STATE_LOST, reason=reason, details={"state": gate.url.partition("://")[0]})
        pairs, world = epochs.recent(since)
        gate.load(pairs, world, owner)
        found = gate.ask((), ()).marker
        if not found or owner_of(found) != owner:
            raise Unavailable(reason="state_lost_again")
        emit(Event.STATE_LOADED, details={"state": gate.url.partition("://")[0], "epochs": len(pairs)})
        return found


def _await(gate: Gate) -> bytes:
    """Another is loading. That mostly takes milliseconds: a fleet that starts together need not refuse anyone."""
    owner = epochs.owner()
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        time.sleep(_POLL)
        found = gate.ask((), ()).marker
        if found and owner_of(found) == owner:
            return found
    raise Unavailable(reason="state_loading")


@contextmanager
def _only_one(gate: Gate) -> Iterator[bool]:
    """Whether this thread may load: one of a process, and one of all that share the state.

    Only so that a hundred workers do not all read the same; two loads at once do no harm (each sets what is greater,
    and a state keeps one marker).
    """
    if not _lock.acquire(blocking=False):
        yield False
        return
    try:
        with gate.loading() as mine:
            yield mine
    finally:
        _lock.release()


def forget() -> None:
    """Forget which states this process has met; for tests."""
    _known.clear()
    _worlds.clear()


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return not os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
