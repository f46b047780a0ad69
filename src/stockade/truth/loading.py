"""Fills a state that was lost, or is new, from SQL: until then nobody is decided about, and nothing comes to life."""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from weakref import WeakKeyDictionary

from django.db import connections

from stockade import keyring
from stockade.core.errors import Unavailable
from stockade.events import Event, emit
from stockade.gate.protocol import DIRTY, Gate
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
    if marker:
        if _known.get(gate) != marker:
            _meet(gate, marker)
        return marker
    found = _load_aside(gate, since) if _in_event_loop() else _load(gate, since)
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


def _load(gate: Gate, since: float) -> bytes:
    with _only_one(gate) as mine:
        if not mine:
            return _await(gate)
        found = gate.ask((), ()).marker
        if found:  # by another, between our question and our turn
            return found
        if gate in _known:
            emit(Event.STATE_LOST, details={"state": gate.url.partition("://")[0]})
        pairs, world = epochs.recent(since)
        gate.load(pairs, world)
        found = gate.ask((), ()).marker
        if not found:
            raise Unavailable(reason="state_lost_again")
        emit(Event.STATE_LOADED, details={"state": gate.url.partition("://")[0], "epochs": len(pairs)})
        return found


def _await(gate: Gate) -> bytes:
    """Another is loading. That mostly takes milliseconds: a fleet that starts together need not refuse anyone."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        time.sleep(_POLL)
        found = gate.ask((), ()).marker
        if found:
            return found
    raise Unavailable(reason="state_loading")


def _load_aside(gate: Gate, since: float) -> bytes:
    """In an event loop SQL is refused: a thread loads. If that takes long, this request gives up and it goes on."""
    done: list[bytes | Unavailable] = []

    def work() -> None:
        try:
            done.append(_load(gate, since))
        except Unavailable as error:
            done.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work, name="stockade-load", daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    if not done:
        raise Unavailable(reason="state_loading")
    if isinstance(done[0], Unavailable):
        raise done[0]
    return done[0]


@contextmanager
def _only_one(gate: Gate) -> Iterator[bool]:
    """Whether this thread may load. One of a process, and one of a host where the state lies in a directory.

    Only so that a hundred workers do not all read the same; two loads at once do no harm (each sets what is greater,
    and a state keeps one marker). A file lock, because the kernel frees it when its holder is killed.
    """
    if not _lock.acquire(blocking=False):
        yield False
        return
    try:
        directory: Path | None = getattr(gate, "directory", None)
        if directory is None:
            yield True
            return
        descriptor = os.open(
            directory / "loading", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(descriptor)
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
