"""What the checks of a deployment look at: asked for once, when the first check wants it."""

from __future__ import annotations

import ipaddress
import statistics
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import DatabaseError, connections

from stockade import conf, truth
from stockade.core import clock
from stockade.core.errors import Unavailable
from stockade.gate.conf import GateSettings
from stockade.gate.protocol import Gate, StateReport
from stockade.gate.registry import get_gate, open_gate
from stockade.keyring.store import alias
from stockade.vault import secret

_TRIPS = 5


@dataclass(frozen=True, slots=True)
class Clock:
    """Another machine's clock beside this one's.

    Args:
        ahead: seconds by which it is ahead of this host's; negative if it is behind.
        unsure: seconds by which the measurement may be wrong: half of the time that asking took.
    """

    ahead: float
    unsure: float

    @property
    def at_least(self) -> float:
        """Seconds by which the two certainly differ."""
        return max(0.0, abs(self.ahead) - self.unsure)


@dataclass(frozen=True, slots=True)
class DatabaseReport:
    """What the database that holds the truth says of itself.

    Args:
        vendor: as Django names it.
        version: as numbers.
        clock: its clock; None where it has none of its own.
        round_trip: seconds, the median of a few.
        tls: whether this connection is encrypted; None where that means nothing.
    """

    vendor: str
    version: tuple[int, ...]
    clock: Clock | None
    round_trip: float
    tls: bool | None


class Facts:
    """One deployment, as seen from this host now."""

    @cached_property
    def settings(self) -> Any:
        """Django's settings."""
        from django.conf import settings

        return settings

    @cached_property
    def state_url(self) -> str:
        """STATE as written; it may hold a password: never show it."""
        return conf.load(GateSettings).state

    @cached_property
    def gate(self) -> Gate:
        """The state of this process. A place that will not do is a system check's finding, and nothing here runs."""
        return get_gate()

    @cached_property
    def _told_by(self) -> Gate:
        """The state as an operator sees it, where STOCKADE_CHECK_STATE_URL names one who may read its settings."""
        url = secret("STOCKADE_CHECK_STATE_URL", default=None, min_length=0)
        return self.gate if url is None else open_gate(str(url))

    @cached_property
    def _asked(self) -> tuple[StateReport | None, Clock | None, str]:
        before = clock.now()
        try:
            report = self._told_by.describe()
        except Unavailable as error:
            return None, None, error.reason
        found = None
        if report.clock is not None:
            found = beside(report.clock / 1_000_000, before, clock.now())
        return report, found, ""

    @property
    def state(self) -> StateReport | None:
        """What the state says of itself; None while it is away."""
        return self._asked[0]

    @property
    def state_clock(self) -> Clock | None:
        """The clock of the server that holds the state."""
        return self._asked[1]

    @property
    def state_away(self) -> str:
        """Why the state does not answer; "" if it does."""
        return self._asked[2]

    @cached_property
    def loading(self) -> tuple[bytes, str]:
        """The birth marker before we looked, b"" if there was none; and why none could be had, "" if it could."""
        try:
            marker = self.gate.ask((), ()).marker
            truth.ensure_loaded(self.gate, marker)
        except Unavailable as error:
            return b"", error.reason
        except DatabaseError as error:
            return b"", _first_line(error)
        return marker, ""

    @cached_property
    def database(self) -> DatabaseReport | str:
        """What the database says of itself, or why it does not answer."""
        connection = connections[alias()]
        try:
            return _describe(connection)
        except DatabaseError as error:
            return _first_line(error)


def _first_line(error: DatabaseError) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def beside(other: float, before: float, after: float) -> Clock:
    """A clock that was read between two readings of ours."""
    return Clock(other - (before + after) / 2, (after - before) / 2)


def _describe(connection: Any) -> DatabaseReport:
    trips = []
    with connection.cursor() as cursor:
        for _ in range(_TRIPS):
            started = time.perf_counter()
            cursor.execute("SELECT 1")
            cursor.fetchone()
            trips.append(time.perf_counter() - started)
        other, tls = None, None
        if connection.vendor == "postgresql":
            before = clock.now()
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
            other = beside(float(cursor.fetchone()[0]), before, clock.now())
            cursor.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            row = cursor.fetchone()
            tls = bool(row and row[0])
        version = tuple(connection.get_database_version())
    return DatabaseReport(connection.vendor, version, other, statistics.median(trips), tls)


def is_near(host: str) -> bool:
    """Whether what is sent to `host` stays on this machine: a loopback address, or the folder of a unix socket."""
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
