"""The ring of this process: read from SQL, kept until it is forgotten, and moved on by the clock alone."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

from django.db import connections, router, transaction

from stockade.conf import load as settings, on_change
from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.database import aside, snapshot_is_old
from stockade.keyring.conf import KeyringSettings
from stockade.keyring.material import Material, unpack
from stockade.keyring.ring import Entry, Ring
from stockade.keyring.wrapping import Wrapper, configured_wrapper
from stockade.models import SigningKey

State = SigningKey.State
GONE = (State.RETIRED, State.REVOKED)  # their secrets are deleted: they are in no ring
_PAUSE = (
    1_000_000  # microseconds between two readings for kids that are not known: a forger must not cost SQL
)

_MAKING = 5.0  # seconds to wait for a key that is made, or is to sign for longer than before

_lock = threading.Lock()
_ring: Ring | None = None
_read_at = 0  # ticks
_opened: tuple[Wrapper | None, dict[bytes, Material]] = (
    None,
    {},
)  # what the rows hold, by the rows' own bytes
_forgotten = 0  # how often: a ring whose reading began before the last time is not kept


def alias() -> str:
    """The database that the keys are in; always the one that is written, as a replica may lag behind."""
    return router.db_for_write(SigningKey)


def ring() -> Ring:
    """The ring as it is now. SQL is asked when it was forgotten, never because time has passed.

    Raises:
        ConfigurationError: E070, a key cannot be unwrapped; E074, its row was changed.
    """
    found = _ring
    if found is not None and found.since <= clock.now() < found.until:
        return found
    return _moved(found) if found is not None else _read()


@on_change
def forget() -> None:
    """Drop the ring of this process; the next use reads it again. For when the keys have changed."""
    global _ring, _forgotten
    with _lock:
        _ring = None
        _forgotten += 1


def generation() -> int:
    """A number that changes whenever this process forgets its ring: what was verified before it did may not hold."""
    return _forgotten


def _moved(found: Ring) -> Ring:
    global _ring
    moved = found.at(clock.now())
    with _lock:
        if _ring is found:
            _ring = moved
    return moved


def _read() -> Ring:
    """Read the ring, and keep it unless it shows what may yet be rolled back."""
    # In an event loop Django refuses SQL. And a transaction's old snapshot may still show a key that was revoked, which
    # this process would then keep. Both are rare.
    if _in_event_loop() or (not _unsettled() and snapshot_is_old(alias())):
        return aside(_read)
    global _ring, _read_at
    with _lock:
        began = _forgotten
    found = load()
    if not _unsettled():
        with _lock:
            _read_at = clock.ticks()
            if began == _forgotten:
                _ring = found
    return found


def load(using: str | None = None) -> Ring:
    """A new ring from SQL, which is not kept."""
    global _opened
    rows = SigningKey.objects.using(using or alias()).exclude(state__in=GONE)
    wrapper = configured_wrapper()
    now = clock.now()
    # While keys or groups are under change, or the state is away, every request reads the ring: what was unwrapped once
    # is not unwrapped again (five keys took 10 milliseconds). What is gone from the table goes from here.
    opener, before = _opened
    if opener is not wrapper:
        before = {}
    opened: dict[bytes, Material] = {}
    entries = []
    for row in rows:
        name = b"\0".join((row.kid.encode(), row.algorithm.encode(), bytes(row.wrapped)))
        material = before.get(name) or open_row(row, wrapper, now)
        if material is not None:
            opened[name] = material
        entries.append(entry(row, material))
    _opened = (wrapper, opened)
    return Ring(entries, now, _source)


def open_row(row: SigningKey, wrapper: Wrapper, now: float) -> Material | None:
    """The secrets of a row; None if they cannot be unwrapped, and it is so old that nothing but MACs depends on it.

    Raises:
        ConfigurationError: they cannot be unwrapped.
    """
    try:
        return unpack(wrapper.unwrap(bytes(row.wrapped), row.kid, row.algorithm), row.kid, row.algorithm)
    except ConfigurationError:
        if row.state != State.VERIFYING or row.verifies_until is None or row.verifies_until.timestamp() > now:
            raise
        return None


def entry(row: SigningKey, material: Material | None = None) -> Entry:
    """A row as the ring has it; without secrets for whoever only asks what it is."""
    created = row.created_at.timestamp()
    return Entry(
        row.kid,
        row.algorithm,
        row.state,
        created,
        row.signs_from.timestamp() if row.signs_from else created,
        row.stopped_at.timestamp() if row.stopped_at else None,
        row.verifies_until.timestamp() if row.verifies_until else None,
        row.token_lifetime,
        row.jwks_max_age,
        settings(KeyringSettings).margin,
        material,
    )


class _Source:
    """What a ring asks for more; see `stockade.keyring.ring.Source`."""

    def again(self, ring: Ring) -> Ring:
        if _in_event_loop():
            return ring
        if _unsettled():
            forget()
            return _read()
        kept = _ring
        if kept is None or kept.version != ring.version:
            # Another thread has read a newer one since, or has forgotten it: what all of them do then is bounded.
            return kept if kept is not None else _read()
        if not _may_look():
            return ring
        found = _read()
        if found.version != ring.version:
            _have_changed()
        return found

    def signing(self, lifetime: float) -> Ring:
        from stockade.keyring.life import ensure  # it writes, and needs this module for what it has written

        if _in_event_loop():
            return aside(lambda: ensure(lifetime=lifetime), _MAKING)
        return ensure(lifetime=lifetime)


def _may_look() -> bool:
    """Whether the ring may be read for a kid that it does not have; says so to one thread a second.

    The turn is taken before the reading: a forger in many threads must not cost a reading each while the first lasts.
    """
    global _read_at
    with _lock:
        now = clock.ticks()
        if now - _read_at < _PAUSE:
            return False
        _read_at = now
        return True


def _have_changed() -> None:
    """The keys turned out to be others: what was verified before may not hold, see `generation`."""
    global _forgotten
    with _lock:
        _forgotten += 1


_source = _Source()


# -- what is not committed yet ---------------------------------------------------------------------------------------


def changed(using: str) -> None:
    """Called in the transaction that changes the keys: forget now and after the commit, and keep nothing between."""
    connection: Any = connections[using]
    connection.stockade_ring_unsettled = True
    forget()
    transaction.on_commit(lambda: _committed(using), using=using)


def _committed(using: str) -> None:
    connection: Any = connections[using]
    connection.stockade_ring_unsettled = False
    forget()


def _unsettled() -> bool:
    """Whether this thread's transaction has changed the keys and may still be rolled back."""
    connection: Any = connections[alias()]
    if not getattr(connection, "stockade_ring_unsettled", False):
        return False
    # A rollback calls nobody; that its transaction is over shows it. Django's TestCase never commits: its outermost
    # atomic counts as none.
    if not any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
        connection.stockade_ring_unsettled = False
        return False
    return True


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
