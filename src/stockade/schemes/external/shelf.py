"""One row for each issuer: its keys as they were last fetched, for workers that start, and who fetches them next."""

from __future__ import annotations

import datetime
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from django.db import Error, connections, router, transaction
from django.db.models import Q

from stockade.core import clock
from stockade.models import IssuerKeys
from stockade.truth.epochs import bounded_wait

T = TypeVar("T")

_log = logging.getLogger("stockade.schemes")
_WAIT = 0.2  # seconds for a lock: whoever waits for keys does not wait for this


class Shelved(NamedTuple):
    """What the row says.

    Args:
        document: the JWKS.
        fetched_at: seconds since the epoch.
    """

    document: dict[str, Any]
    fetched_at: float


def take(issuer: str) -> Shelved | None:
    """The keys that any worker has fetched last; None where none has, or SQL cannot be asked.

    Args:
        issuer: its `iss`.
    """

    def ask() -> Shelved | None:
        row = _rows().filter(pk=issuer).exclude(document="").values_list("document", "fetched_at").first()
        document = json.loads(row[0]) if row is not None and row[1] is not None else None
        return Shelved(document, row[1].timestamp()) if isinstance(document, dict) else None

    return _quietly(ask, None)


def claim(issuer: str, pause: float) -> bool:
    """Whether this worker is the one to fetch now: at most one in `pause` seconds is. True where SQL cannot say.

    Args:
        issuer: its `iss`.
        pause: seconds.
    """
    now = clock.now_datetime()
    since = now - datetime.timedelta(seconds=pause)

    def ask() -> bool:
        # The second half: a clock that was set back must not lock everybody out.
        free = Q(attempted_at__lte=since) | Q(attempted_at__gt=now + datetime.timedelta(seconds=60))
        if _rows().filter(free, pk=issuer).update(attempted_at=now):
            return True
        made: bool = _rows().get_or_create(pk=issuer, defaults={"attempted_at": now})[1]
        return made

    return _quietly(lambda: _bounded(ask), True)


def put(issuer: str, document: Mapping[str, Any]) -> None:
    """Keep what was just fetched and understood."""
    text = json.dumps(document, separators=(",", ":"))
    now = clock.now_datetime()

    def write() -> None:
        _rows().update_or_create(
            pk=issuer, defaults={"document": text, "fetched_at": now, "attempted_at": now}
        )

    _quietly(lambda: _bounded(write), None)


def _rows() -> Any:
    return IssuerKeys.objects.using(_alias())


def _alias() -> str:
    return router.db_for_write(IssuerKeys)


def _bounded(ask: Callable[[], T]) -> T:
    using = _alias()
    if connections[using].vendor == "sqlite":  # where BEGIN itself waits
        with bounded_wait(using, _WAIT), transaction.atomic(using=using):
            return ask()
    with transaction.atomic(using=using), bounded_wait(using, _WAIT):
        return ask()


def _quietly(ask: Callable[[], T], otherwise: T) -> T:
    try:
        return ask()
    except (Error, ValueError) as error:
        _log.info("the row of an issuer's keys could not be used: %s", type(error).__name__)
        return otherwise
