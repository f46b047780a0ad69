"""Reading the table of events, and forgetting what is old: for the command line, the admin and exports."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from stockade import conf
from stockade.core import clock
from stockade.events import rows
from stockade.events.bus import flush, naming_key
from stockade.events.catalogue import Event
from stockade.events.conf import EventSettings
from stockade.events.ecs import document
from stockade.events.text import digest

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from stockade.models import SecurityEvent

_CHUNK = 2_000


class Filters(TypedDict, total=False):
    """Which events: all of these must hold.

    since, until: seconds since the epoch; `until` is not included.
    after: only what has a greater `event.sequence`.
    events: only these.
    subject, session, address, request_id: only where the field is exactly this.
    account: only logins tried with this name, also where only its digest is kept.
    """

    since: float
    until: float
    after: int
    events: Collection[Event]
    subject: str
    session: str
    address: str
    request_id: str
    account: str


def export(*, using: str | None = None, **filters: Unpack[Filters]) -> Iterator[dict[str, Any]]:
    """The events in the table, oldest first, each as the log has it: keys of the Elastic Common Schema, values of JSON.

    Two keys more tell the table's own: `event.id`, text, and `event.sequence`, a number to give as `after` next time.
    Read in chunks by key, so that a long export holds neither memory nor a transaction.

    Args:
        using: database alias.
        filters: see `Filters`.
    """
    flush(1.0)
    found = _select(using, filters)
    after = filters.get("after", 0)
    while chunk := list(found.filter(pk__gt=after).order_by("pk")[:_CHUNK]):
        yield from map(_as_dict, chunk)
        after = chunk[-1].pk


def tail(count: int = 20, *, using: str | None = None, **filters: Unpack[Filters]) -> list[dict[str, Any]]:
    """The last `count` events, oldest of them first; arguments and form as for `export`."""
    flush(1.0)
    return [_as_dict(row) for row in reversed(_select(using, filters).order_by("-pk")[:count])]


def prune(older: float | None = None, *, using: str | None = None) -> int:
    """Remove events from the table.

    Args:
        older: than so many seconds; by default EVENTS["KEEP"].
        using: database alias.

    Returns:
        How many were removed. It works in short transactions, so an interruption loses nothing and blocks nobody.
    """
    age = conf.load(EventSettings).keep if older is None else older
    cutoff = datetime.datetime.fromtimestamp(clock.now() - age, datetime.UTC)
    old = _table(using).filter(at__lt=cutoff)
    removed = 0
    while boundary := list(old.order_by("pk").values_list("pk", flat=True)[:_CHUNK]):
        removed += old.filter(pk__lte=boundary[-1]).delete()[0]
    return removed


def _table(using: str | None) -> QuerySet[SecurityEvent]:
    return rows.model().objects.using(rows.alias(using))


def _select(using: str | None, filters: Filters) -> QuerySet[SecurityEvent]:
    asked: dict[str, object] = {"pk__gt": filters.get("after", 0)}
    if "since" in filters:
        asked["at__gte"] = datetime.datetime.fromtimestamp(filters["since"], datetime.UTC)
    if "until" in filters:
        asked["at__lt"] = datetime.datetime.fromtimestamp(filters["until"], datetime.UTC)
    if "events" in filters:
        asked["event__in"] = [event.tag for event in filters["events"]]
    if "account" in filters:
        asked["account__in"] = [filters["account"], digest(filters["account"], naming_key())]
    for name in ("subject", "session", "address", "request_id"):
        if name in filters:
            asked[name] = filters[name]
    return _table(using).filter(**asked)


def _as_dict(row: SecurityEvent) -> dict[str, Any]:
    try:
        found = document(rows.record(row))
    except KeyError:  # written by another version, whose catalogue has more
        found = {"@timestamp": row.at, "event.action": row.event, "event.outcome": row.outcome}
    found["@timestamp"] = row.at.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    found["event.id"] = str(row.pk)
    found["event.sequence"] = row.pk
    return found
