"""Every row runs, and does as many SQL queries and state trips as the table promises; never how fast."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench import driver, postgres_server, races, redis_server, rows, stats
from bench.rows import ROWS, Place
from bench.worker import SETTLE

PLAN = driver.Plan(sittings=1, rounds=2, requests=3)
# In every run: both databases, both states, and one of the stock parts, which shows that a race can be lost; what
# else there is, the rooms' own tests race for. The others run with the long tests, and whenever the bench does.
EVERY_RUN = {"race-guide-redis", "race-stockade-lmdb", "race-stockade-postgres", "race-stockade-memory"}
PRINCIPALS = PLAN.rounds * PLAN.requests + driver.SPARE


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder: Path = tmp_path_factory.mktemp("bench")
    with redis_server.running(folder) as redis, postgres_server.running() as postgres:
        place = Place(folder, redis, postgres, PRINCIPALS)
        assert place.servers == rows.SERVERS, "both servers come with the locked packages"
        yield place


def few_bans(row: rows.Row) -> rows.Row:
    """The row without the time that it takes to write a hundred thousand bans: no count depends on how many."""
    return replace(row, options={**row.options, "bans": 1000}) if "bans" in row.options else row


@pytest.fixture(scope="module")
def results(place: Place) -> dict[str, stats.Result]:
    chosen = [few_bans(row) for row in rows.select([row.name for row in ROWS], rows.SERVERS)]
    samples = driver.measure(chosen, place, PLAN)
    return {result.row.name: result for result in stats.evaluate(samples, samples[0])}


def test_every_row_is_in_the_table(results: dict[str, stats.Result]) -> None:
    assert list(results) == [row.name for row in ROWS]
    assert all(result.ratio > 0 and result.p99 >= result.p50 > 0 for result in results.values())


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_queries_and_state_trips_are_as_promised(row: rows.Row, results: dict[str, stats.Result]) -> None:
    assert results[row.name].trips == row.trips
    # Every 20 seconds a worker reads its copy of the ban lists again, in whichever request comes then.
    assert 0 <= results[row.name].sql - row.sql <= 1 / (driver.SPARE - SETTLE)


@pytest.mark.parametrize("missing", sorted(rows.SERVERS))
def test_rows_whose_server_is_missing_are_left_out(missing: str) -> None:
    assert any(missing in row.needs for row in rows.select([], rows.SERVERS))
    assert not any(missing in row.needs for row in rows.select([], rows.SERVERS - {missing}))


@pytest.mark.parametrize(
    "race",
    [
        pytest.param(race, marks=() if race.row.name in EVERY_RUN else pytest.mark.soak, id=race.row.name)
        for race in races.RACES
        if race.row.stack == "stockade" or race is races.RACES[0]  # the other stock parts promise nothing
    ],
)
def test_the_races_count_every_request(race: races.Race, place: Place) -> None:
    ours = race.row.stack == "stockade"
    (limit,), tokens = races.run([race], place, 1, 2 if ours else 0, lambda _: None)
    assert limit.admitted[0] + sum(limit.other.values()) == races.REQUESTS
    assert limit.admitted[0] >= races.LIMIT
    if ours:
        assert limit.admitted == [races.LIMIT]
    if ours and race.refresh:
        assert [token.distinct for token in tokens] == [[1, 1]]
        assert tokens[0].statuses == {200: 2 * races.REDEMPTIONS}
