"""The one function that every room calls when something happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stockade.core.credential import Credential
from stockade.core.principal import Principal
from stockade.events.bus import Bus, start, state
from stockade.events.catalogue import Event, Kind
from stockade.events.record import Details, Record, build
from stockade.events.rows import alias, insert
from stockade.events.subscribers import wanted

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

_SUCCESS, _LIFE = Kind.SUCCESS, Kind.LIFE


class OnCommit:
    """A record of the life of credentials, between its row and the commit that tells everyone else."""

    __slots__ = ("_bus", "_connection", "arrived", "record")

    def __init__(self, bus: Bus, record: Record, connection: BaseDatabaseWrapper) -> None:
        self._bus, self.record, self._connection = bus, record, connection
        self.arrived = False

    def __call__(self) -> None:
        self.arrived = True
        self._bus.deliver(self.record)

    @property
    def waiting(self) -> bool:
        """Whether its transaction is still open; one that was rolled back has forgotten it."""
        return any(entry[1] is self for entry in self._connection.run_on_commit)


class AtOnce:
    """A record that waits for nothing."""

    __slots__ = ("record",)
    arrived, waiting = True, False

    def __init__(self, record: Record) -> None:
        self.record = record


def emit(
    event: Event,
    *,
    reason: str = "",
    outcome: str = "",
    status: int | None = None,
    account: str = "",
    principal: Principal | None = None,
    credential: Credential | None = None,
    session: str = "",
    subject: str = "",
    details: Details | None = None,
    using: str | None = None,
) -> None:
    """Record that something happened. Who called and which request it was is taken from the request at hand.

    A refusal's event is on its way at once and survives the rollback of the request's transaction. An event of the
    life of credentials (`Kind.LIFE`) is a row of the transaction that is open on `using`: if that rolls back there is
    no such event, if it commits there is; other sinks and subscribers get it on commit.

    Args:
        event: from the catalogue.
        reason: machine-readable cause, for example ``limit:login``.
        outcome: ``success``, ``failure`` or ``unknown``; by default what the event means.
        status: HTTP status of the answer that the event decided.
        account: the name that a login was tried with. Give `subject` too if that account exists: only then it is
            written in clear (EVENTS["ACCOUNTS"]), because people type passwords into the wrong field.
        principal: who called, if not the request's.
        credential: what was shown, if not the principal's.
        session: the session's id; never a Django session key.
        subject: whom it is about, if not the principal.
        details: at most 16 texts, numbers and booleans; never a secret.
        using: the database alias of the change that this event belongs to.

    Raises:
        django.db.Error: the row of an event of the life of credentials could not be written; the change must then
            fail too. No other event raises.
        SynchronousOnlyOperation: such an event from a coroutine; call through `sync_to_async`, as for the change.
    """
    if event.kind is _SUCCESS and state.quiet:
        return
    bus = state.bus or start()
    kept = bus.successes if event.kind is _SUCCESS else bus.keeps
    if not (kept or state.captures or wanted(event)):
        return
    record = build(
        event,
        bus.naming,
        reason=reason,
        outcome=outcome,
        status=status,
        account=account,
        principal=principal,
        credential=credential,
        session=session,
        subject=subject,
        details=details,
    )
    if event.kind is _LIFE:
        _emit_life(bus, record, using)
        return
    bus.deliver(record)
    if bus.writer is not None:
        bus.writer.put(record)
    for capture in state.captures:
        capture.see(AtOnce(record))


def _emit_life(bus: Bus, record: Record, using: str | None) -> None:
    from django.db import transaction

    using = alias(using)
    connection = transaction.get_connection(using)
    if connection.in_atomic_block and connection.needs_rollback:
        return  # the change is already lost, and so is what would tell of it
    if bus.writer is not None:
        insert(record, using)
    delivery = OnCommit(bus, record, connection)
    for capture in state.captures:
        capture.see(delivery)
    transaction.on_commit(delivery, using=using)
