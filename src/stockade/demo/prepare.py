"""`python -m stockade.demo.prepare project|twin`: migrate and seed one of the two databases of a run."""

from __future__ import annotations

import os
import sys

from stockade.demo.config import UsageError, read


def main(which: str) -> None:
    """Prepare the database of `project` or of `twin`.

    Raises:
        UsageError: the database belongs to another project.
    """
    os.environ["DJANGO_SETTINGS_MODULE"] = f"stockade.demo.{which}.settings"
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    config = read()
    if which == "twin" and connection.vendor == "postgresql":
        from stockade.demo.databases import TWIN_SCHEMA

        with connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {TWIN_SCHEMA}")
    tables = set(connection.introspection.table_names())
    if "auth_user" in tables and "stockade_demo_article" not in tables:
        # A superuser whose password is printed has no business in somebody's real database.
        raise UsageError(
            "--database holds the tables of another project: name an empty database for the demo."
        )
    call_command("migrate", verbosity=0, interactive=False)
    if which == "project":
        forget_earlier_runs()
    from stockade.demo import seeds

    seeds.plant(config.passwords)
    if which == "project":
        seeds.link()
    else:
        seeds.name_as_theirs()


def forget_earlier_runs() -> None:
    """Drop what an earlier run's keys made: its signing keys, its sessions, and what its issuer was believed."""
    from stockade.models import (
        ExternalIdentity,
        IssuerKeys,
        KnownAddress,
        SecurityEvent,
        Session,
        SigningKey,
    )

    ExternalIdentity.objects.all().delete()
    IssuerKeys.objects.all().delete()
    KnownAddress.objects.all().delete()
    SecurityEvent.objects.all().delete()
    Session.objects.all().delete()
    SigningKey.objects.all().delete()


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except UsageError as error:
        raise SystemExit(str(error)) from None
