"""A project whose reads go to a replica that lags."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from stockade.database import unpin
from tests.databases.replica import ALIAS, Copy, Replica, standby
from tests.pipeline.conftest import *  # noqa: F403 - the same project, users and tokens


@pytest.fixture(scope="session")
def lagging(tmp_path_factory: pytest.TempPathFactory, database_server: str) -> Iterator[Any]:
    """The replica's server, or its file."""
    if database_server:
        with standby(database_server) as found:
            yield found
    else:
        yield Copy(Path(tmp_path_factory.mktemp("replica")) / "replica.sqlite3")


@pytest.fixture
def replica(lagging: Any, transactional_db: None, project: Any) -> Iterator[Replica]:
    """The replica, and a router that sends every read there; empty until `catch_up`."""
    unpin()  # an earlier test of this process may have begun a login by hand and never ended it
    project.ROOT_URLCONF = "tests.databases.site"
    connections.databases[ALIAS] = {**connections.databases["default"], **lagging.settings()}
    # Connected by hand: Django's test case opens no database that it does not know.
    lagging.catch_up()
    project.DATABASE_ROUTERS = ["tests.databases.replica.Router"]
    yield lagging
    project.DATABASE_ROUTERS = []
    connections[ALIAS].close()
    del connections[ALIAS]
    del connections.databases[ALIAS]
