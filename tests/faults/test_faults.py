"""Parts die under load: nothing that was revoked is let in, nobody is refused who is good, and service comes back."""

from __future__ import annotations

import json
import os

import pytest

from tests.faults import faults, faults_redis, faults_sentinel
from tests.faults.driver import drive, report

STAGES = [("lmdb", "sqlite"), ("redis", "postgres"), ("sentinel", "sqlite")]


def parts(state: str, database: str) -> set[str]:
    """The names of all that can happen on a stage."""
    own = {"lmdb": faults.LMDB, "sentinel": faults_sentinel.FAULTS}.get(state, faults_redis.FAULTS)
    return {*own, *faults.COMMON, *(faults.POSTGRES if database == "postgres" else ())}


@pytest.mark.parametrize(("state", "database"), STAGES)
def test_nothing_revoked_is_admitted_and_nobody_is_refused_while_parts_die(state: str, database: str) -> None:
    wanted, workers = parts(state, database), "2"
    if state == "sentinel":
        # The others have their turn on the other stages; a fail-over takes as long as all of them.
        wanted, workers = {"fail-over with lost writes"}, "1"
    stage = ("--state", state, "--database", database, "--workers", workers)
    found = drive("run", *stage, "--faults", ",".join(sorted(wanted)), seconds=4)
    assert set(found["recovery in ms: times, median, worst"]) == wanted
    # Else nothing was tried.
    assert found["revocations"] >= 10, found
    assert found["requests after their revocation"] >= 50, found


@pytest.mark.soak
def test_a_hole_is_found() -> None:
    """Workers whose changes move no epoch: a driver that finds nothing wrong with them would find nothing at all."""
    found = report("run", "--state", "lmdb", "--faults", "clocks step", seconds=4, FAULTS_HOLE="1")
    assert "admitted after it was taken" in "\n".join(found["problems"])


@pytest.mark.soak
@pytest.mark.parametrize(
    ("state", "database", "away"),
    [
        ("lmdb", "sqlite", "refuse"),
        ("redis", "postgres", "refuse"),
        ("valkey", "postgres", "admit"),
        ("sentinel", "sqlite", "refuse"),
    ],
)
def test_hours_of_faults_let_nothing_revoked_in(state: str, database: str, away: str) -> None:
    seconds = float(os.environ.get("SOAK_SECONDS", "60"))
    stage = ("--state", state, "--database", database, "--away", away)
    least = min(2000, round(seconds / 60 * 2000))  # a shorter soak than the default's cannot have as many
    found = drive("run", *stage, "--revocations", str(least), seconds=seconds)
    print(json.dumps(found, indent=1))
    assert found["revocations"] >= least, found
