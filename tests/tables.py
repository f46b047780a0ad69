"""The tables of a test database on SQLite, made once and copied for every further run."""

from __future__ import annotations

import shutil
from pathlib import Path

from django.conf import settings
from django.db import connections


def keep(path: Path) -> None:
    """Write the default database, as it is now, to `path`."""
    with connections["default"].cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(path)])


def take(path: Path) -> None:
    """Begin with the tables of `path` where a run would otherwise make its own."""
    connection = connections["default"]
    name = connection.settings_dict["TEST"]["NAME"]
    shutil.copyfile(path, name)
    connection.close()
    connection.settings_dict["NAME"] = settings.DATABASES["default"]["NAME"] = name
