"""The load table: real servers answer for each row, and what wrk could not get is never taken for throughput."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import load, redis_server, rows
from bench.load import LoadError, LoadOutcome, LoadPlan
from bench.rows import Place

FINE = '{"requests": 400, "microseconds": 2000000, "refused": 0, "broken": 0, "p50": 5000, "p99": 9000}'


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with redis_server.running(tmp_path) as redis:
        yield Place(tmp_path, redis, principals=50)


@pytest.fixture
def wrk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for wrk, which comes from the system and not with the locks; says what `answer` beside it holds."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program, answer = folder / "wrk", folder / "answer"
    program.write_text(f'#!/bin/sh\necho "$@" >>{folder}/asked\necho Running\ncat {answer}\n')
    program.chmod(0o755)
    answer.write_text(FINE)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return answer


def test_real_workers_serve_each_row_and_take_turns(place: Place, wrk: Path) -> None:
    chosen = [rows.find(rows.BASE), rows.find("guide-redis"), rows.find("stockade-lmdb")]
    outcomes = load.measure(chosen, place, LoadPlan(rounds=2, seconds=1), lambda _: None)
    assert [outcome.row.name for outcome in outcomes] == [row.name for row in chosen]
    assert all(outcome.rates == [200, 200] for outcome in outcomes)
    assert outcomes[2].ratio(outcomes[0]) == (1, 1, 1)
    asked = (wrk.parent / "asked").read_text().splitlines()
    assert len(asked) == 3 * (1 + 2), "once to get warm, then one turn in each round"
    assert len({line.partition("http://")[2].partition("/")[0] for line in asked}) == 3


@pytest.mark.parametrize("trouble", ["refused", "broken"])
def test_a_server_that_refuses_or_breaks_off_is_not_fast(place: Place, wrk: Path, trouble: str) -> None:
    wrk.write_text(FINE.replace(f'"{trouble}": 0', f'"{trouble}": 1'))
    with pytest.raises(LoadError, match="not every answer was 200"):
        load.measure([rows.find(rows.BASE)], place, LoadPlan(rounds=1, seconds=1), lambda _: None)


def test_a_run_of_wrk_that_ends_without_figures_is_an_error(place: Place, wrk: Path) -> None:
    wrk.write_text("unable to connect")
    with pytest.raises(LoadError, match="unable to connect"):
        load.measure([rows.find(rows.BASE)], place, LoadPlan(rounds=1, seconds=1), lambda _: None)


def test_without_wrk_the_other_tables_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert not load.available()
    assert "apt-get install wrk" in load.REMEDY


def test_the_ratio_is_taken_within_a_round() -> None:
    row = rows.find(rows.BASE)
    base, ours = LoadOutcome(row, [1000, 200, 1000]), LoadOutcome(row, [500, 100, 500])
    assert ours.ratio(base) == (0.5, 0.5, 0.5)


def test_rows_whose_server_is_missing_are_left_out() -> None:
    assert [row.name for row in load.select(frozenset())] == [rows.BASE, "stockade-lmdb"]
    assert load.select(rows.SERVERS)[0].name == rows.BASE
