"""The database that holds the truth: there, migrated, encrypted on the way, and with the right time."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from stockade.cli.deployed.facts import DatabaseReport, Facts, is_near
from stockade.cli.deployed.faults import Fault, error, note, warning
from stockade.keyring.store import alias

SLOW = 0.010  # seconds
_OLDEST = {"postgresql": 14, "sqlite": 3, "mysql": 8, "oracle": 19}


def answers(facts: Facts) -> Iterator[Fault]:
    """The database answers, and quickly."""
    found = facts.database
    if isinstance(found, str):
        yield error(
            f"The database does not answer: {found}.",
            "No login, no refresh, no change; and a state that is lost cannot be loaded again: 503 to everybody.",
            "Start it, and see HOST, PORT, USER and OPTIONS in DATABASES.",
        )
        return
    yield note(
        f"{found.vendor} {'.'.join(map(str, found.version))} answers within {found.round_trip * 1000:.2f} ms."
    )
    if found.round_trip > SLOW:
        yield warning(
            f"A round trip to the database takes {found.round_trip * 1000:.0f} ms.",
            "Logins and refreshes hold a thread for several of them.",
            "Serve beside the database: in the same data centre.",
        )


def version(facts: Facts) -> Iterator[Fault]:
    """The database is of a version that Stockade is tested with."""
    found = facts.database
    if isinstance(found, DatabaseReport) and found.version and found.version[0] < _OLDEST[found.vendor]:
        yield error(
            f"{found.vendor} {'.'.join(map(str, found.version))} is too old.",
            "Locks and conflicts of the truth were not tested with it.",
            f"Upgrade to {_OLDEST[found.vendor]} or newer.",
        )


def migrated(facts: Facts) -> Iterator[Fault]:
    """Every migration of Stockade is applied."""
    if isinstance(facts.database, str):
        return
    executor = MigrationExecutor(connections[alias()])
    targets = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "stockade"]
    missing = [f"{migration.app_label}.{migration.name}" for migration, _ in executor.migration_plan(targets)]
    if missing:
        yield error(
            f"Migrations are not applied: {', '.join(missing)}.",
            "Requests that read or write what is missing answer 500.",
            "Run `manage.py migrate` before the new code serves.",
        )


def encrypted(facts: Facts) -> Iterator[Fault]:
    """What goes to a PostgreSQL on another host is encrypted, and the host proves its name."""
    if not isinstance(facts.database, DatabaseReport) or facts.database.vendor != "postgresql":
        return
    settings = connections[alias()].settings_dict
    options = settings.get("OPTIONS") or {}
    mode = options.get("sslmode", "prefer")
    if is_near(str(settings.get("HOST") or "")) or (facts.database.tls and mode == "verify-full"):
        return
    what = (
        f"nobody checks whose certificate it is (sslmode={mode})"
        if facts.database.tls
        else "it is not encrypted"
    )
    yield error(
        f"The connection to the database leaves this host, and {what}.",
        "Who is on the way reads names, digests and private keys (wrapped), and can change what is answered.",
        'Write "OPTIONS": {"sslmode": "verify-full", "sslrootcert": "/etc/myproject/ca.pem"}.',
    )
