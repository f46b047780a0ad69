"""Which configurations are measured: one row of the table each."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

BASE = "bare"
GET = "bare-get"  # what one more round trip costs a view: its cost beyond the base is the unit for rows with Redis
MEMORY = {"state": "memory://"}
LMDB = {"state": "lmdb://"}
REDIS = {"state": "redis://"}
POSTGRES = {"database": "postgres"}
EDGE = {"profile": "api"}  # `stockade.edge.settings`: hardened, and plain HTTP refused
NEGOTIATION = "rest_framework.negotiation.DefaultContentNegotiation"
PAGE = "https://app.bench.example"
CORS = {
    "settings": {"CORS": {"ORIGINS": [PAGE], "CREDENTIALS": True}},
    "environ": {"HTTP_ORIGIN": PAGE, "HTTP_SEC_FETCH_SITE": "same-site"},
}
SERVERS = frozenset({"redis", "postgres"})


@dataclass(frozen=True, slots=True)
class Row:
    """One configuration: a full Django handler with its own settings, in a process of its own.

    Args:
        name: as in ``--only``.
        title: as in the table.
        stack: which stack builds it, a key of `bench.registered.STACKS`.
        options: what the stack reads: the state's URL, the cache, the database, limits, the path that is asked for.
        cold: every credential is new to the worker; otherwise all have been seen before the clock runs.
        sql: SQL queries that one request makes, as promised; checked by the tests.
        trips: round trips to a Redis that one request makes, counted at the server, as promised.
        warmup: requests before the clock runs; None for one of every principal.
        extra: measured only when named by ``--only``.
        source: folder that holds another `stockade` package, to compare two versions of it; "" for this one's.
    """

    name: str
    title: str
    stack: str
    options: dict[str, Any] = field(default_factory=dict)
    cold: bool = False
    sql: float = 0
    trips: float = 0
    warmup: int | None = None
    extra: bool = False
    source: str = ""

    @property
    def needs(self) -> frozenset[str]:
        """The servers that it cannot do without: ``redis``, ``postgres``."""
        asked = {self.options.get("cache"), self.options.get("database"), self.options.get("reads")}
        return SERVERS & {*asked, self.options.get("state", "").partition(":")[0]}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row runs.

    Args:
        folder: the row's own, for its database and state.
        redis: URL of the Redis that this run started, or ""; once a worker starts, with a database of the row's own.
        postgres: folder of the socket of the PostgreSQL that this run started, or "".
        principals: how many callers there are.
        core: the CPU that every worker is pinned to, or None for no pinning.
        clock: ``wall`` or ``cpu``.
        gc: ``on`` (as a server has it), ``frozen`` (gc.freeze after the warm-up) or ``off``.
    """

    folder: Path
    redis: str = ""
    postgres: str = ""
    principals: int = 10_000
    core: int | None = None
    gc: str = "on"
    clock: str = "wall"

    @property
    def servers(self) -> frozenset[str]:
        """The servers that there are."""
        return frozenset(name for name in SERVERS if getattr(self, name))


ROWS: tuple[Row, ...] = (
    Row(BASE, "bare DRF", "bare", warmup=500),
    Row("bare-again", "bare DRF, a second worker (the noise)", "bare", warmup=500),
    Row(
        GET,
        "bare DRF, one `GET` from Redis in the view",
        "bare",
        {"reads": "redis", "path": "/api/get/"},
        trips=1,
        warmup=500,
    ),
    Row(
        "observed",
        "**bare DRF, observed by Stockade without settings**",
        "bare",
        {"observed": True},
        warmup=500,
    ),
    Row("simplejwt", "simplejwt", "simplejwt", sql=1, warmup=500),
    Row("simplejwt-postgres", "the same, on PostgreSQL", "simplejwt", POSTGRES, sql=1, warmup=500),
    Row(
        "guide-redis",
        "the guide's section 13, throttles in Redis",
        "guide",
        {"cache": "redis"},
        sql=1,
        trips=2,
        warmup=500,
    ),
    Row(
        "guide-redis-postgres",
        "the same, on PostgreSQL",
        "guide",
        {"cache": "redis", **POSTGRES},
        sql=1,
        trips=2,
        warmup=500,
    ),
    Row(
        "guide-locmem",
        "the guide's section 13, throttles in each process",
        "guide",
        {"cache": "locmem"},
        sql=1,
        warmup=500,
    ),
    Row("stockade-memory", "**Stockade, everything on, `memory://`**", "stockade", MEMORY),
    Row("stockade-memory-cold", "the same, every credential new", "stockade", MEMORY, cold=True, sql=1),
    Row("stockade-lmdb", "**Stockade, everything on, `lmdb://`**", "stockade", LMDB),
    Row("stockade-lmdb-cold", "the same, every credential new", "stockade", LMDB, cold=True, sql=1),
    Row(
        "stockade-lmdb-negotiating",
        "the same, with DRF's own content negotiation at each request",
        "stockade",
        {**LMDB, "drf": {"DEFAULT_CONTENT_NEGOTIATION_CLASS": NEGOTIATION}},
    ),
    Row(
        "stockade-lmdb-edge",
        '**Stockade, `lmdb://`, hardened by `stockade.edge.settings("api")`**',
        "stockade",
        {**LMDB, **EDGE},
    ),
    Row(
        "stockade-lmdb-cors",
        "**the same, asked by a page of another origin (CORS)**",
        "stockade",
        {**LMDB, **EDGE, **CORS},
    ),
    Row("drf-token", "DRF's TokenAuthentication", "drf-token", sql=1, warmup=500),
    Row("knox", "knox's TokenAuthentication", "knox", sql=2, warmup=500),
    Row("stockade-lmdb-token", "**Stockade, opaque tokens, `lmdb://`**", "stockade-token", LMDB),
    Row(
        "stockade-lmdb-token-cold",
        "the same, every credential new",
        "stockade-token",
        LMDB,
        cold=True,
        sql=2,
    ),
    Row("drf-api-key", "djangorestframework-api-key", "drf-api-key", sql=1, warmup=500),
    Row("stockade-lmdb-key", "**Stockade, API keys of services, `lmdb://`**", "stockade-key", LMDB),
    Row(
        "stockade-lmdb-key-cold",
        "the same, every credential new",
        "stockade-key",
        LMDB,
        cold=True,
        sql=2,
    ),
    Row(
        "stockade-lmdb-external",
        "**Stockade, tokens of another issuer, `lmdb://`**",
        "stockade-external",
        LMDB,
    ),
    Row(
        "stockade-lmdb-external-cold",
        "the same, every credential new",
        "stockade-external",
        LMDB,
        cold=True,
        sql=2,
    ),
    Row("drf-session", "DRF's SessionAuthentication", "drf-session", sql=2, warmup=500),
    Row("stockade-lmdb-session", "**Stockade, sessions, `lmdb://`**", "stockade-session", LMDB),
    Row(
        "stockade-lmdb-session-cold",
        "the same, every credential new",
        "stockade-session",
        LMDB,
        cold=True,
        sql=2,
    ),
    Row("stockade-redis", "**Stockade, everything on, `redis://`**", "stockade", REDIS, trips=1),
    Row(
        "stockade-redis-cold",
        "the same, every credential new",
        "stockade",
        REDIS,
        cold=True,
        sql=1,
        trips=4,
    ),
    Row(
        "stockade-redis-postgres",
        "**Stockade, everything on, `redis://`, on PostgreSQL**",
        "stockade",
        {**REDIS, **POSTGRES},
        trips=1,
    ),
    Row(
        "stockade-redis-postgres-cold",
        "the same, every credential new",
        "stockade",
        {**REDIS, **POSTGRES},
        cold=True,
        sql=1,
        trips=4,
    ),
    Row(
        "bare-defaults",
        "bare DRF with its default authenticators",
        "bare",
        {"authenticators": True},
        warmup=500,
        extra=True,
    ),
    Row(
        "stockade-memory-few",
        "Stockade, `memory://`, 100 callers in turn",
        "stockade",
        {**MEMORY, "callers": 100},
        warmup=100,
        extra=True,
    ),
    Row(
        "stockade-lmdb-few",
        "Stockade, `lmdb://`, 100 callers in turn",
        "stockade",
        {**LMDB, "callers": 100},
        warmup=100,
        extra=True,
    ),
    Row(
        "stockade-lmdb-stock",
        "Stockade, `lmdb://`, the four stock middlewares kept",
        "stockade",
        {**LMDB, "stock_middleware": True},
        extra=True,
    ),
    Row(
        "stockade-lmdb-events",
        "Stockade, `lmdb://`, successes logged too",
        "stockade",
        {**LMDB, "settings": {"EVENTS": {"SUCCESSES": True}}},
        extra=True,
    ),
    Row(
        "stockade-lmdb-bans",
        "Stockade, `lmdb://`, 100,000 addresses banned",
        "stockade",
        {**LMDB, "bans": 100_000},
        extra=True,
    ),
    Row(
        "stockade-lmdb-user",
        "Stockade, `lmdb://`, the view reads a field of the user",
        "stockade",
        {**LMDB, "path": "/api/profile/"},
        sql=1,
        extra=True,
    ),
)


def select(names: Sequence[str], servers: Set[str]) -> list[Row]:
    """The rows to measure, the base first.

    Args:
        names: as given by ``--only``; empty for all that are not extra.
        servers: those that there are; rows that need another are left out.

    Raises:
        KeyError: there is no such row.
    """
    known = {row.name: row for row in ROWS}
    chosen = [known[name] for name in names] if names else [row for row in ROWS if not row.extra]
    chosen = [row for row in chosen if row.needs <= servers]
    return [known[BASE], *(row for row in chosen if row.name != BASE)]


def earlier(row: Row, source: str) -> Row:
    """The same row on another version of Stockade."""
    return replace(row, name=f"{row.name}-before", title=f"{row.title}, before", source=source)


def find(name: str) -> Row:
    """The row of that name.

    Raises:
        KeyError: there is none.
    """
    return {row.name: row for row in ROWS}[name]
