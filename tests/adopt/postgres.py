"""A database of its own for a project under test, on the run's PostgreSQL server, told by environment variables.

By hand, from the repository's root (it starts a server, runs the command, and stops the server):

    python -m tests.adopt.postgres tests/adopt/clinic/manage.py test

or, for as long as a shell lives, with the variables set in it:

    eval "$(python -m tests.adopt.postgres while $$)"
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import signal
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


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def keep(pid: int) -> None:
    """Print the variables of a database, one a line and an empty one last, and keep it as long as a process lives."""
    with database("kept") as variables:
        print(*(f"export {name}={shlex.quote(value)}" for name, value in variables.items()), "", sep="\n")
        sys.stdout.close()
        while _lives(pid) and signal.sigtimedwait({signal.SIGTERM}, 0.5) is None:
            pass


def start(pid: int) -> int:
    """`keep` in a process of its own; print what it prints."""
    command = [sys.executable, "-m", "tests.adopt.postgres", "keep", str(pid)]
    keeper = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True, text=True
    )
    assert keeper.stdout is not None
    for line in iter(keeper.stdout.readline, ""):
        if line == "\n":
            return 0
        print(line, end="")
    return keeper.wait()


def main(arguments: list[str]) -> int:
    """Run a project's `manage.py` beside a database: its path from here, and what to tell it."""
    if not arguments:
        sys.exit("usage: python -m tests.adopt.postgres PATH/TO/manage.py ARGUMENT... | while PID")
    if arguments[0] == "keep":
        keep(int(arguments[1]))
        return 0
    if arguments[0] == "while":
        return start(int(arguments[1]))
    script = Path(arguments[0]).resolve()
    with database(script.parent.name) as variables:
        command = [sys.executable, script.name, *arguments[1:]]
        return subprocess.run(command, cwd=script.parent, env={**os.environ, **variables}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
