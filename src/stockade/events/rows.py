"""Records as rows of the table and back."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from stockade.events.catalogue import Event
from stockade.events.record import Record

if TYPE_CHECKING:
    from stockade.models import SecurityEvent

_BY_TAG = {event.tag: event for event in Event}


def row(record: Record) -> SecurityEvent:
    """The unsaved row of a record."""
    return model()(
        at=datetime.datetime.fromtimestamp(record.at, datetime.UTC),
        event=record.event.tag,
        level=record.event.level.value,
        outcome=record.outcome,
        reason=record.reason,
        status=record.status,
        request_id=record.request_id,
        address=record.address,
        method=record.method,
        route=record.route,
        user_agent=record.user_agent,
        scheme=record.scheme,
        subject=record.subject,
        credential=record.credential,
        session=record.session,
        account=record.account,
        details=dict(record.details),
    )


def record(row: SecurityEvent) -> Record:
    """The record that a row keeps.

    Raises:
        KeyError: the row's event is not in the catalogue (of another version).
    """
    return Record(
        _BY_TAG[row.event],
        row.at.timestamp(),
        row.outcome,
        row.reason,
        row.status,
        row.request_id,
        row.address,
        row.method,
        row.route,
        row.user_agent,
        row.scheme,
        row.subject,
        row.credential,
        row.session,
        row.account,
        row.details,
    )


def alias(using: str | None = None) -> str:
    """The database that takes a row: that of the change if the table is there, else where the router writes it."""
    from django.db import router

    if using is not None and router.allow_migrate_model(using, model()):
        return using
    return router.db_for_write(model())


def insert(record: Record, using: str) -> None:
    """Write one row on the connection of `using`, inside whatever transaction is open there."""
    row(record).save(using=using, force_insert=True)


def insert_many(records: Iterable[Record], using: str) -> None:
    """Write rows in one transaction of their own."""
    model().objects.using(using).bulk_create([row(record) for record in records], batch_size=500)


@cache
def model() -> type[SecurityEvent]:
    """The model, imported when Django is ready for it."""
    from stockade.models import SecurityEvent

    return SecurityEvent
