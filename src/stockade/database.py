"""How Stockade asks SQL: where writes go, on a snapshot of now, and once more when a transaction has lost a race."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connections, router, transaction

from stockade.core.errors import Unavailable

T = TypeVar("T")

PATIENCE = 1.0  # seconds that a request waits for a thread that asks SQL in its place
_TRIES = 12  # of eight that change one row under REPEATABLE READ, one gets through each time
_PAUSE = 0.005  # seconds at most before the second try, twice as long before each further one
_LONGEST = 0.1
_ENOUGH = 3.0  # seconds after which nothing is tried again: who waits for a connection in vain waits once
_BUSY = "The service is busy. Try again shortly."

# -- where writes go -------------------------------------------------------------------------------------------------

_pinned: ContextVar[bool] = ContextVar("stockade_write_database", default=False)


class _Pin:
    """A router in front of the project's own."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        """Where writes go, inside `write_database`; else the project's routers are asked."""
        return router.db_for_write(model, **hints) if _pinned.get() else None


_pin = _Pin()


@contextmanager
def write_database() -> Iterator[None]:
    """Inside, whatever reads through the ORM reads where it would write: a replica may not have heard of a change.

    For code that is not ours to give an alias: authentication backends, `has_perm`, a project's own `is_active`. What
    names its database (`using`) is read there all the same.
    """
    token = pin()
    try:
        yield
    finally:
        unpin(token)


def pin() -> Any:
    """Begin what `write_database` does, for callers whose block ends elsewhere; returns what `unpin` takes."""
    routers = router.routers
    if routers and _pin not in routers:  # without routers there is but one database to ask
        routers.insert(0, _pin)
    return _pinned.set(True)


def unpin(token: Any = None) -> None:
    """The end of `pin`; without its token, of all of them."""
    if token is None:
        _pinned.set(False)
    else:
        _pinned.reset(token)


# -- on a snapshot of now --------------------------------------------------------------------------------------------


def snapshot_is_old(using: str) -> bool:
    """Whether this thread's transaction may not see what others have committed by now.

    So under REPEATABLE READ and SERIALIZABLE from the first statement on, and on SQLite unless BEGIN took the lock.
    What is read there must not be remembered beside an epoch, nor refuse or admit anyone: see `aside`.
    """
    connection: Any = connections[using]
    blocks = connection.atomic_blocks
    if blocks and getattr(blocks[0], "_from_testcase", False):
        return False  # Django's TestCase: nobody else commits
    if not blocks and connection.get_autocommit():
        return False
    if connection.vendor == "sqlite":
        # With the write lock held nobody commits; and nobody else sees a database in memory.
        locked = connection.transaction_mode in ("IMMEDIATE", "EXCLUSIVE")
        return not locked and not connection.is_in_memory_db()
    if connection.vendor != "postgresql":
        return True
    raw = connection.connection
    status = 0 if raw is None else int(raw.info.transaction_status)
    if status == _IDLE:  # no statement was sent: the snapshot is taken by ours
        return False
    if status != _IN_TRANSACTION:
        return True
    with connection.cursor() as cursor:  # whoever chose it: the settings, the role or the server
        cursor.execute("SELECT current_setting('transaction_isolation')")
        return not str(cursor.fetchone()[0]).startswith("read ")


_IDLE, _IN_TRANSACTION = 0, 2  # libpq's PQtransactionStatus


def aside(call: Callable[[], T], seconds: float = PATIENCE, reason: str = "database_busy") -> T:
    """Run `call` in a thread, on connections of its own: in an event loop, or where the snapshot at hand is old.

    If it takes long this request gives up and the thread goes on: it may be waiting for a connection of a pool that
    this very request has emptied.

    Args:
        call: what to run.
        seconds: to wait for it.
        reason: for the log, if that was too short.

    Raises:
        Unavailable: it took longer.
    """
    done: list[tuple[T | None, BaseException | None]] = []
    schemas = {alias: schema for alias in connections if (schema := _schema_of(alias)) is not None}

    def work() -> None:
        try:
            for alias, name in schemas.items():
                connections[alias].set_schema(name)  # type: ignore[attr-defined]
            found, error = call(), None
        except BaseException as raised:  # noqa: BLE001 - raised again below
            found, error = None, raised
        finally:
            connections.close_all()
        done.append((found, error))

    thread = threading.Thread(target=copy_context().run, args=(work,), name="stockade-aside", daemon=True)
    thread.start()
    thread.join(seconds)
    if not done:
        raise Unavailable(_BUSY, reason=reason)
    found, error = done[0]
    if error is not None:
        raise error
    return found  # type: ignore[return-value]


def _schema_of(alias: str) -> str | None:
    """The schema of django-tenants that this thread's connection is turned to; a new connection's is the public one."""
    return getattr(connections[alias], "schema_name", None)


def is_open(using: str) -> bool:
    """Whether somebody's transaction is open here; the one that Django's TestCase puts around a test is nobody's."""
    connection: Any = connections[using]
    if not connection.in_atomic_block:
        return not connection.get_autocommit()
    return not all(getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)


# -- again -----------------------------------------------------------------------------------------------------------


def is_passing(error: BaseException) -> bool:
    """Whether a database error says that the same may succeed in a second: away, locked, or overtaken by another.

    By the classes of https://www.postgresql.org/docs/current/errcodes-appendix.html: 08 connection, 40 serialisation
    failure or deadlock, 53 resources, 55P03 lock, 57 shut down or cancelled, 25006 a standby before its promotion. An
    error without a code is the driver's own: a broken connection, or none free in the pool.
    """
    if not isinstance(error, OperationalError | InterfaceError):
        return getattr(error.__cause__, "sqlstate", None) == "25006"
    cause = error.__cause__
    if type(cause).__module__.partition(".")[0] not in ("psycopg", "psycopg2", "psycopg_pool"):
        return str(error).startswith(("database is locked", "database table is locked", "unable to open"))
    code = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return code is None or code[:2] in ("08", "40", "53", "57") or code in ("25006", "55P03")


def durably(change: Callable[[], T], using: str) -> T:
    """Run `change` in a transaction of its own, again if the database was busy or another transaction came between.

    `durable`: inside another transaction its end would not be this one's end, and a rollback would undo it.

    Raises:
        Unavailable: the database stays busy or away.
        RuntimeError: called within `transaction.atomic`.
    """

    def once() -> T:
        with transaction.atomic(using=using, durable=True):
            return change()

    try:
        return again(once, using)
    except (OperationalError, InterfaceError) as error:
        raise Unavailable(_BUSY, reason="database_busy") from error


def again(call: Callable[[], T], using: str) -> T:
    """Run `call`, which begins a transaction, until the database lets it through; for a few seconds at most.

    Raises:
        django.db.OperationalError, django.db.InterfaceError: of the last time; of the first one, where a transaction
            is open that only its own beginner can begin again.
    """
    began = time.monotonic()
    for number in range(_TRIES):
        try:
            return call()
        except (OperationalError, InterfaceError):
            late = number == _TRIES - 1 or time.monotonic() - began > _ENOUGH
            if late or connections[using].in_atomic_block:
                raise
            time.sleep(random.uniform(0, min(_LONGEST, _PAUSE * 2**number)))  # noqa: S311 - apart, no secret
    raise AssertionError  # pragma: no cover - the loop returns or raises
