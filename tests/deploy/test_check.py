"""`stockade check --deploy` over the files of deploy/: nothing to find as they stand; then one part goes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.deploy import stack
from tests.deploy.conftest import Site, manage
from tests.deploy.redis import Passwords, redis, sentinel
from tests.servers import ROOT
from tests.waiting import until

Row = dict[str, Any]


def check(env: dict[str, str], **extra: str) -> tuple[int, list[Row]]:
    """What the command says in a process of its own, as on a host."""
    done = subprocess.run(
        [sys.executable, "-m", "stockade", "check", "--deploy", "--format", "json"],
        cwd=ROOT, env={**env, **extra}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


def findings(rows: list[Row]) -> dict[str, Row]:
    return {row["id"]: row for row in rows if row["level"] != "note"}


def test_the_files_as_they_stand_have_no_finding(site: Site) -> None:
    status, rows = check(site.env)
    assert findings(rows) == {}
    assert status == 0
    notes = {row["id"]: row["what"] for row in rows}
    assert notes["stockade.D120"].startswith("postgresql 18")
    assert notes["stockade.D130"].startswith("The clock of the database's host is")
    assert notes["stockade.D131"].startswith("The clock of the state's host is")
    assert "512 MiB" in notes["stockade.D144"]


def test_a_database_that_is_away_is_found(site: Site) -> None:
    status, rows = check(site.env, MYPROJECT_DATABASE_HOST="/nonexistent")
    assert (status, "stockade.D120" in findings(rows)) == (1, True)


def test_a_database_that_is_not_migrated_is_found(site: Site) -> None:
    manage(site.env, "migrate", "stockade", "zero", "--fake", "--verbosity", "0")
    try:
        assert "0001_initial" in findings(check(site.env)[1])["stockade.D122"]["what"]
    finally:
        manage(site.env, "migrate", "stockade", "--fake", "--verbosity", "0")


@pytest.mark.parametrize(("seconds", "level"), [("2", "warning"), ("-60", "error")])
def test_a_host_whose_clock_is_wrong_is_found(seconds: str, level: str, site: Site) -> None:
    """The clock of the process is moved, because that of the machine is everybody's."""
    found = findings(check(site.env, MYPROJECT_TEST_SHIFT=seconds)[1])
    assert found["stockade.D130"]["level"] == found["stockade.D131"]["level"] == level


@pytest.fixture
def watched(site: Site, tmp_path: Path) -> Iterator[tuple[dict[str, str], list[Any]]]:
    """The site's environment with a STATE by Sentinel; and the servers: primary, replica, Sentinels."""
    passwords = Passwords()
    with ExitStack() as running:
        primary = running.enter_context(redis(tmp_path / "a", passwords, replicas=True))
        replica = running.enter_context(redis(tmp_path / "b", passwords, replicas=True, of=primary.port))
        sentinels = [
            running.enter_context(sentinel(tmp_path / f"s{n}", passwords, primary.port)) for n in range(3)
        ]
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in sentinels)

        def url(user: str) -> str:
            own = passwords.of["myproject"]
            return (
                f"redis+sentinel://{user}:{passwords.of[user]}@{hosts}/myproject/0"
                f"?sentinel_user=myproject&sentinel_password={own}"
            )

        kept = stack.credentials(
            tmp_path / "credentials",
            **{
                name: (Path(site.env["CREDENTIALS_DIRECTORY"]) / name).read_text()
                for name in (
                    "DJANGO_SECRET_KEY",
                    "STOCKADE_KEY",
                    "DATABASE_PASSWORD",
                    "STOCKADE_PROXY_SECRET",
                )
            },
            STATE_URL=url("myproject"),
            STOCKADE_CHECK_STATE_URL=url("operator"),
        )
        env = {**site.env, "CREDENTIALS_DIRECTORY": str(kept)}
        until(lambda: not findings(check(env)[1]))
        yield env, [primary, replica, *sentinels]


def test_sentinels_and_replicas_as_they_stand_have_no_finding_and_each_that_goes_is_found(
    watched: tuple[dict[str, str], list[Any]],
) -> None:
    env, (_, replica, *sentinels) = watched
    operator = Path(env["CREDENTIALS_DIRECTORY"]) / "STOCKADE_CHECK_STATE_URL"
    kept = operator.rename(operator.with_name("kept"))
    # What the application's own user cannot see is said, and not taken for fine.
    assert "CONFIG GET" in findings(check(env)[1])["stockade.D173"]["what"]
    kept.rename(operator)
    os.kill(sentinels[2].pid, signal.SIGKILL)
    assert "2 of the 3" in findings(check(env)[1])["stockade.D170"]["what"]
    os.kill(replica.pid, signal.SIGKILL)
    until(lambda: "stockade.D172" in findings(check(env)[1]))
