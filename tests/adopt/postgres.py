"""A database of its own for a project under test, on the run's PostgreSQL server, told by environment variables.

By hand, from the repository's root (it starts a server, runs the command, and stops the server):

    python -m tests.adopt.postgres tests/adopt/clinic/manage.py test
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests import postgres


@contextlib.contextmanager
def database(name: str) -> Iterator[dict[str, str]]:
    """Yield the variables that name a new, empty database; it and what a test runner made of it go at the end.

    Args:
        name: what its name begins with.
    """
    import psycopg
    from psycopg.sql import SQL, Identifier

    started = "STOCKADE_TEST_POSTGRES" not in os.environ
    host = postgres.start() if started else os.environ["STOCKADE_TEST_POSTGRES"]
    made = f"{name}_{secrets.token_hex(4)}"

    def execute(statement: SQL, database: str) -> None:
        with psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement.format(Identifier(database)))

    try:
        execute(SQL("CREATE DATABASE {}"), made)
        yield {
            "DATABASE_HOST": host,
            "DATABASE_PORT": "5432",
            "DATABASE_USER": "postgres",
            "DATABASE_PASSWORD": "",
            "DATABASE_NAME": made,
        }
    finally:
        if started:
            postgres.stop()
        else:
            for database in (made, f"test_{made}"):  # Django's runner puts test_ before it
                execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"), database)


def main(arguments: list[str]) -> int:
    """Run a project's `manage.py` beside a database: its path from here, and what to tell it."""
    if not arguments:
        sys.exit("usage: python -m tests.adopt.postgres PATH/TO/manage.py ARGUMENT...")
    script = Path(arguments[0]).resolve()
    with database(script.parent.name) as variables:
        command = [sys.executable, script.name, *arguments[1:]]
        return subprocess.run(command, cwd=script.parent, env={**os.environ, **variables}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
