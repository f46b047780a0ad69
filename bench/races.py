"""Whether the controls hold when several processes come at once: limits, and refresh tokens."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from bench.driver import Client
from bench.messages import Answer
from bench.rows import POSTGRES, Place, Row

LIMIT = 100
REQUESTS = 400
REDEMPTIONS = 8
_RATE = {"rate": f"{LIMIT}/day"}
LEAD = 0.05  # seconds between the start signal and the start: every process has heard it by then


@dataclass(frozen=True, slots=True)
class Race:
    """One stack under attack.

    Args:
        row: what serves; its options carry the rate.
        processes: how many of it.
        threads: how many threads ask in each.
        refresh: path where refresh tokens are redeemed; "" where there are none.
    """

    row: Row
    processes: int
    threads: int
    refresh: str = ""


@dataclass(slots=True)
class LimitOutcome:
    """How many of `REQUESTS` were admitted through a limit of `LIMIT`, one number for each repetition."""

    race: Race
    admitted: list[int] = field(default_factory=list)
    other: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class RefreshOutcome:
    """What `REDEMPTIONS` concurrent redemptions of one refresh token gave, one number for each repetition."""

    race: Race
    distinct: list[int] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)


def _guide(name: str, cache: str, title: str, **more: str) -> Row:
    return Row(f"race-guide-{name}", title, "guide", {"cache": cache, **_RATE, **more})


def _stockade(name: str, state: str, title: str, **more: str) -> Row:
    return Row(f"race-stockade-{name}", title, "stockade", {"state": state, **_RATE, **more})


_REFRESH = "/api/token/refresh/"
RACES: tuple[Race, ...] = (
    Race(_guide("redis", "redis", "the guide's section 13, throttles in Redis"), 4, 1, _REFRESH),
    Race(_guide("redis-threads", "redis", "the same, 5 threads in each process"), 4, 5),
    Race(_guide("locmem", "locmem", "the guide's section 13, throttles in each process"), 4, 1),
    Race(
        _guide("postgres", "redis", "the guide's section 13, throttles in Redis, on PostgreSQL", **POSTGRES),
        8,
        1,
        _REFRESH,
    ),
    Race(_stockade("lmdb", "lmdb://", "**Stockade, `lmdb://`**"), 4, 1, _REFRESH),
    Race(_stockade("lmdb-threads", "lmdb://", "the same, 5 threads in each process"), 4, 5),
    Race(_stockade("redis", "redis://", "**Stockade, `redis://`**"), 8, 1, _REFRESH),
    Race(_stockade("redis-threads", "redis://", "the same, 5 threads in each process"), 4, 5),
    Race(
        _stockade("postgres", "redis://", "**Stockade, `redis://`, on PostgreSQL**", **POSTGRES),
        8,
        1,
        _REFRESH,
    ),
    Race(_stockade("memory", "memory://", "**Stockade, `memory://`**, one process, 20 threads"), 1, 20),
)


def select(servers: Set[str]) -> list[Race]:
    """The races that can be run with these servers."""
    return [race for race in RACES if race.row.needs <= servers]


def run(
    races: Sequence[Race], place: Place, limits: int, refreshes: int, tell: Callable[[str], None]
) -> tuple[list[LimitOutcome], list[RefreshOutcome]]:
    """Run each race.

    Args:
        races: as from `select`.
        place: where the rows get their folders; nothing is pinned to a core.
        limits: how often each limit is raced for, each time as another caller.
        refreshes: how often a refresh token is, each time another one; where there are any.
        tell: hears of progress.
    """
    for_limits, for_tokens = [], []
    for race in races:
        tell(f"{race.row.title}: workers get ready")
        with ExitStack() as stack:
            count = max(race.processes, REDEMPTIONS if race.refresh and refreshes else 0)
            clients = _start(stack, race, place, count)
            tell(f"{race.row.title}: limit race")
            for_limits.append(_limits(race, clients[: race.processes], limits))
            if race.refresh and refreshes:
                tell(f"{race.row.title}: refresh race")
                for_tokens.append(_refreshes(race, clients[:REDEMPTIONS], refreshes))
    return for_limits, for_tokens


def _limits(race: Race, clients: Sequence[Client], repeat: int) -> LimitOutcome:
    """Send `REQUESTS` at once through a limit of `LIMIT`."""
    outcome = LimitOutcome(race)
    for turn in range(repeat):
        times, at = REQUESTS // (race.processes * race.threads), time.monotonic() + LEAD
        for client in clients:
            client.send("hammer", turn, times, race.threads, at)
        statuses: Counter[int] = Counter()
        for client in clients:
            statuses.update(client.receive())
        outcome.admitted.append(statuses.pop(200, 0))
        outcome.other.update(statuses)
    return outcome


def _refreshes(race: Race, clients: Sequence[Client], repeat: int) -> RefreshOutcome:
    """Redeem one refresh token in `REDEMPTIONS` processes at once."""
    outcome = RefreshOutcome(race)
    for turn, token in enumerate(clients[0].call("refresh_tokens", repeat)):
        at = time.monotonic() + LEAD
        for client in clients:
            client.send("redeem", turn, token, race.refresh, at)
        answers: list[Answer] = [client.receive() for client in clients]
        fine = [json.loads(answer.body)["refresh"] for answer in answers if answer.status == 200]
        outcome.distinct.append(len(set(fine)))
        outcome.statuses.update(answer.status for answer in answers)
    return outcome


def _start(stack: ExitStack, race: Race, place: Place, count: int) -> list[Client]:
    """That many workers of one row, on all cores, on one database."""
    free = replace(place, core=None)
    with ThreadPoolExecutor(count) as pool:  # each waits for its worker to have loaded Django
        starting = [pool.submit(stack.enter_context, Client(race.row, free)) for _ in range(count)]
    first, *others = clients = [each.result() for each in starting]
    first.call("seed")  # fills the database
    for client in others:
        client.send("seed")
    for client in others:
        client.receive()
    return clients
