"""One running demo, with several workers, for all tests that only look at it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from stockade.demo.attacks.client import Target
from tests.demo.runs import Run, running


def database_options(socket: str) -> list[str]:
    """The database of this run: SQLite, or one of its own on the suite's PostgreSQL."""
    if not socket:
        return []
    import psycopg

    name = f"demo_{os.getpid()}"
    with psycopg.connect(host=socket, user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
    return ["--database", f"postgres://postgres@/{name}?host={socket}"]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, database_server: str) -> Iterator[Run]:
    """A demo with three workers. Its limits are wide, so that one test does not spend what another needs.

    A run without a control starts it for one test, to which one worker is enough.
    """
    options = [
        "--workers",
        "1" if "STOCKADE_TEST_SOURCE" in os.environ else "3",
        "--limit",
        "anon=100000/min",
        "--limit",
        "user=100000/min",
        "--limit",
        "failed_auth=100000/min",
    ]
    with running(tmp_path_factory.mktemp("demo"), *options, *database_options(database_server)) as run:
        yield run


@pytest.fixture
def target(demo: Run) -> Target:
    """The demo as a client sees it, from an address of its own."""
    passwords = {name: user["password"] for name, user in demo.credentials["users"].items()}
    return Target("stockade", demo.base_url, passwords, 5, 100, lambda header, claims: "").elsewhere()
