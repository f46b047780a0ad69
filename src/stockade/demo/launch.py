"""Starts the servers of a run as processes of their own, waits until they answer, and stops them by pid."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stockade.demo.config import FOLDER, Config

START = 60.0  # seconds that a server may take until it answers
GRACE = 15.0  # seconds that it may take to finish what it has begun


class LaunchError(Exception):
    """A process of the demo did not start; the message carries what it said."""


@dataclass(slots=True)
class Server:
    """One running server: where it answers, and where its output goes."""

    name: str
    host: str
    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def wait_until_ready(self, path: str) -> None:
        """Return when `path` is answered with 200.

        Raises:
            LaunchError: the server ended, or did not answer within START seconds.
        """
        deadline = time.monotonic() + START
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise LaunchError(
                    f"the {self.name} server ended with status {self.process.returncode}.\n{self.tail()}"
                )
            status = _status(self.host, self.port, path)
            if status == 200:
                return
            if status == 500:
                raise LaunchError(f"the {self.name} server cannot work.\n{self.tail()}")
            time.sleep(0.05)
        raise LaunchError(f"the {self.name} server did not answer within {START:.0f} seconds.\n{self.tail()}")

    def tail(self, size: int = 4000) -> str:
        """The end of what it wrote."""
        return self.log.read_text(errors="replace")[-size:]

    def stop(self) -> None:
        """Ask it to end, and end it if it does not; its workers go with it."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # its own group: whatever outlived the supervisor
        self.process.wait()


def environment(config: Config) -> dict[str, str]:
    """The environment of every process of this run; a settings module of the caller's own project stays outside."""
    kept = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    return {**kept, FOLDER: str(config.folder), "PYTHONUNBUFFERED": "1"}


def prepare(config: Config, *which: str) -> None:
    """Migrate and seed the databases, side by side.

    Raises:
        LaunchError: one of them could not be prepared.
    """
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "stockade.demo.prepare", name],
            env=environment(config),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name in which
    ]
    try:
        for process in started:
            output, _ = process.communicate(timeout=120)
            if process.returncode:
                raise LaunchError(f"the database could not be prepared.\n{output.strip()[-4000:]}")
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.wait()


@contextlib.contextmanager
def running(config: Config, name: str, host: str, port: int, workers: int) -> Iterator[Server]:
    """Run `stockade.demo.<name>.wsgi` on `host:port` until the block ends.

    Args:
        config: of this run, written to its folder.
        name: ``project``, ``twin`` or ``issuer``.
        host: address to listen on.
        port: TCP port to listen on.
        workers: number of worker processes.
    """
    log = config.folder / f"{name}.log"
    with log.open("wb") as output:
        # A session of its own, so that Ctrl-C reaches only the command, which then stops its servers in order.
        process = subprocess.Popen(
            [sys.executable, "-m", "stockade.demo.serve", f"stockade.demo.{name}.wsgi:application",
             host, str(port), str(workers), str(os.getpid())],
            env=environment(config), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    server = Server(name, host, port, log, process)
    try:
        yield server
    finally:
        server.stop()


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen on `host:port` now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port(host: str) -> int:
    """A port of `host` on which nothing listens now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _status(host: str, port: int, path: str) -> int:
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    connection = http.client.HTTPConnection(target, port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": f"localhost:{port}"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
