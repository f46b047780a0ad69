"""Repairs what a dead or rolled-back writer left: each stale mark is resolved from SQL, under the row's lock."""

from __future__ import annotations

import logging
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable

from django.db import DatabaseError, OperationalError, connections, router, transaction

from stockade.core import clock
from stockade.gate.protocol import Gate, Mark
from stockade.gate.registry import get_gate
from stockade.models import Session
from stockade.truth import epochs
from stockade.truth.epochs import Pair

_log = logging.getLogger("stockade.truth")
OLD = (
    10_000_000  # microseconds: a plain `save()` is over long before; transactions are waited for however long
)
WAIT = 1.0  # seconds for one lock
_BATCH = 200
_PAUSE = 1_000_000  # microseconds between two runs of a process

_guard = threading.Lock()
_next_at = 0
_thread: threading.Thread | None = None


def reconcile(gate: Gate | None = None, *, older: int = OLD, wait: float = WAIT) -> int:
    """Resolve the marks of dead writers, and of those that left one longer ago than `older`.

    A mark is taken off only after its epoch was moved in a transaction of this function's own, which had to wait for
    the row lock: the writer's transaction is over then, committed or not.

    Args:
        gate: by default this process's.
        older: microseconds.
        wait: seconds to wait for a lock; what is locked longer is left for the next run.

    Returns:
        How many marks were taken off.
    """
    gate = gate or get_gate()
    marks = gate.stale(older)  # first of all: a mark that is set later is not ours to take off
    if not marks:
        return 0
    by_key: dict[bytes, list[Mark]] = defaultdict(list)
    for mark in marks:
        by_key[mark.key].append(mark)
    sessions = [key for key in by_key if epochs.is_session(key)]
    others = [key for key in by_key if not epochs.is_session(key)]
    pairs = _settle(others, epochs.alias(), epochs.bump, wait)
    pairs += _settle(sessions, router.db_for_write(Session), epochs.session_epochs, wait)
    count = 0
    for pair in pairs:
        for mark in by_key[pair[0]]:
            gate.publish([pair], mark.token)
            count += 1
    return count


def _settle(
    keys: list[bytes], using: str, read: Callable[[Iterable[bytes], str], list[Pair]], wait: float
) -> list[Pair]:
    """What the epochs of `keys` are, each after its writer's transaction has ended."""
    found: list[Pair] = []
    for at in range(0, len(keys), _BATCH):
        some = keys[at : at + _BATCH]
        try:
            found += _one_by_lock(some, using, read, wait)
        except OperationalError:
            # One of them is locked. Singly, then, so that the rest does not wait for it; but not for ever.
            patience = 5
            for key in some if len(some) > 1 else ():
                try:
                    found += _one_by_lock([key], using, read, wait)
                except OperationalError:
                    patience -= 1
                    if not patience:
                        break
    return found


def _one_by_lock(
    keys: list[bytes], using: str, read: Callable[[Iterable[bytes], str], list[Pair]], wait: float
) -> list[Pair]:
    connection = connections[using]
    if connection.vendor == "sqlite":  # where BEGIN itself waits
        with epochs.bounded_wait(using, wait), transaction.atomic(using=using, durable=True):
            return read(keys, using)
    with transaction.atomic(using=using, durable=True), epochs.bounded_wait(using, wait):
        return read(keys, using)


def reconcile_soon() -> None:
    """Repair in the background; for a request that met a mark. At most once a second in a process, never waits."""
    global _next_at, _thread
    now = clock.ticks()
    if now < _next_at or (_thread is not None and _thread.is_alive()):
        return
    with _guard:
        if clock.ticks() < _next_at:
            return
        _next_at = clock.ticks() + _PAUSE
        _thread = threading.Thread(target=_run, name="stockade-reconcile", daemon=True)
        _thread.start()


def _run() -> None:
    try:
        reconcile()
    except DatabaseError as error:
        _log.info("marks were left for later: %s", type(error).__name__)
    except Exception as error:  # noqa: BLE001 - a thread has nobody to raise to, and the marks keep us safe
        _log.warning("marks could not be resolved: %s: %s", type(error).__name__, error)
    finally:
        connections.close_all()


def join(timeout: float = 5.0) -> None:
    """Wait for the repair that is under way, if one is; for tests and shutdown."""
    thread = _thread
    if thread is not None:
        thread.join(timeout)


def forget() -> None:
    """Let the next `reconcile_soon` run at once; for tests, which move time."""
    global _next_at
    join()
    _next_at = 0


def _after_fork() -> None:
    global _guard, _thread
    _guard, _thread = threading.Lock(), None


os.register_at_fork(after_in_child=_after_fork)
