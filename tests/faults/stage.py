"""Everything that a run needs, started and stopped: database, workers; the state is started by who chooses it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import servers
from tests.faults.controls import YOUNG, Controls
from tests.faults.postgres import Postgres, postgres_server

WORKERS = 2  # of each server
MAX_AGE = 3  # seconds: PRINCIPAL_MAX_AGE


@dataclass(slots=True)
class Stage:
    """What is running.

    Args:
        ports: of each server, with what stands before the path of its doors.
        state: what the state's own faults need, by name.
    """

    folder: Path
    controls: Controls
    database: dict[str, Any]
    postgres: Postgres | None
    state: dict[str, Any]
    ports: list[tuple[int, str]] = field(default_factory=list)
    servers: list[servers.Server] = field(default_factory=list)
    first: set[int] = field(default_factory=set)

    def workers(self) -> list[int]:
        """The process ids of all workers that live."""
        return [pid for server in self.servers for pid in children(server.pid)]

    def mortals(self) -> list[int]:
        """Those whose death granian takes for an accident: the first ones, and who has lived for a while."""
        if not self.first:
            self.first.update(self.workers())
        return [pid for pid in self.workers() if pid in self.first or age(pid) > YOUNG]

    def output(self) -> str:
        """The last of what the servers printed."""
        return "\n".join(server.output()[-4000:] for server in self.servers)


def children(pid: int) -> list[int]:
    """The workers of one server: its child processes but Python's own resource tracker."""
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return [child for child in found if _is_worker(child)]


def age(pid: int) -> float:
    """Seconds since a process was started; 0 if it is gone."""
    try:
        started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(started) / os.sysconf("SC_CLK_TCK")


def _is_worker(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return bool(command) and b"resource_tracker" not in command  # a zombie has none


@contextlib.contextmanager
def database_of(folder: Path, kind: str) -> Iterator[tuple[dict[str, Any], Postgres | None]]:
    """An empty database: its entry in DATABASES, and its server."""
    if kind == "sqlite":
        yield (
            {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(folder / "database.sqlite3"),
                "OPTIONS": {
                    "transaction_mode": "IMMEDIATE",
                    "timeout": 20,
                    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
                },
            },
            None,
        )
        return
    with postgres_server(folder / "postgres") as server:
        server.execute("CREATE DATABASE faults")
        yield server.settings("faults"), server


def set_up(folder: Path, database: dict[str, Any], state: str, **more: Any) -> None:
    """Django in this process, as the workers will have it, and the tables.

    Args:
        more: settings of STOCKADE.
    """
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.faults.project.settings"
    os.environ["FAULTS_DIR"] = str(folder)
    stockade = {"STATE": state, "PRINCIPAL_MAX_AGE": MAX_AGE, **more}
    os.environ["FAULTS_CONFIG"] = json.dumps({"database": database, "stockade": stockade})
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


@contextlib.contextmanager
def workers(stage: Stage, each: int = WORKERS) -> Iterator[None]:
    """Sync and async granian workers of the test project, as `set_up` has set it up.

    Args:
        each: how many of each; one where none is killed.
    """
    path = os.pathsep.join([str(servers.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    with contextlib.ExitStack() as stack:
        for interface, application, prefix in (("wsgi", "wsgi", ""), ("asginl", "asgi", "/async")):
            port = servers.free_port()
            command = [
                sys.executable, "-m", "granian", "--interface", interface, "--host", "127.0.0.1", "--port", str(port),
                "--workers", str(each), "--workers-kill-timeout", "2", "--no-ws", "--respawn-failed-workers",
                "--respawn-interval", "0.1", *(["--blocking-threads", "2"] if interface == "wsgi" else []),
                f"tests.faults.project.{application}:application",
            ]  # fmt: skip
            stage.servers.append(stack.enter_context(servers.serve(command, port, env=environment)))
            stage.ports.append((port, prefix))
        yield


def kill(pid: int) -> None:
    """SIGKILL; a process that is gone already is no error."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
