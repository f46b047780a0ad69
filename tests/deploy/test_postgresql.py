"""PostgreSQL as deploy/postgresql has it: what its role may not, and that every line is one that it knows."""

from __future__ import annotations

import psycopg
import pytest

from tests.deploy import stack
from tests.deploy.files import DEPLOY


def connect(database: stack.Database, **options: str) -> psycopg.Connection:
    given = {
        "host": database.socket, "port": str(database.port), "dbname": "myproject", "user": "myproject",
        "password": database.password, **options,
    }  # fmt: skip
    return psycopg.connect("", autocommit=True, **given)


def settings(name: str) -> dict[str, str]:
    """The assignments of a file."""
    lines = (DEPLOY / "postgresql" / name).read_text().splitlines()
    pairs = [line.partition(" = ") for line in lines if line and not line.startswith("#")]
    return {key: value.strip("'") for key, _, value in pairs}


def test_the_server_took_every_line(database: stack.Database) -> None:
    with connect(database, user="postgres", dbname="postgres") as connection:
        for name, value in settings("stockade.conf").items():
            row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
            assert row is not None
            assert row[0].removesuffix("ms") in (value, "1s"), name


def test_every_line_for_tls_is_one_that_the_server_knows(database: stack.Database) -> None:
    """The server that a package brings has no TLS; its list of settings is the same."""
    with connect(database, user="postgres", dbname="postgres") as connection:
        known = {row[0] for row in connection.execute("SELECT name FROM pg_settings")}
    assert set(settings("tls.conf")) <= known


def test_the_role_of_the_application_is_nothing_else(database: stack.Database) -> None:
    with connect(database) as connection:
        for statement in (
            "CREATE ROLE intruder", "CREATE DATABASE another", "COPY (SELECT 1) TO PROGRAM 'id'",
            "SELECT pg_read_file('/etc/passwd')", "ALTER SYSTEM SET fsync = off", "SELECT * FROM pg_authid",
        ):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)  # type: ignore[call-overload]


def test_nobody_comes_with_another_password_or_to_another_database(database: stack.Database) -> None:
    for options in ({"password": "guessed"}, {"dbname": "postgres"}, {"user": "replicator"}):
        with pytest.raises(psycopg.OperationalError):
            connect(database, **options)


def test_no_request_holds_what_others_wait_for(database: stack.Database) -> None:
    with connect(database) as connection:
        for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
            row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
            assert row is not None
            assert row[0] not in ("0", "")
