"""Real servers and processes for tests: free ports, bounded waits, and everything stopped by the pid that started."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it answers, and the process that a test may signal."""

    base_url: str
    pid: int
    log: Path

    def output(self) -> str:
        return self.log.read_text(errors="replace")


class ServerError(RuntimeError):
    """A server did not start; the message carries what it printed."""


def free_port() -> int:
    """A TCP port on the loopback address that nothing listens on, and that nobody else is given.

    Not one of the kernel's choice: it gives it to the next connection from here as soon as it is free, and to another
    process of the tests. This process keeps it by a name that Linux takes back when it ends (unix(7), abstract).
    """
    draw = random.SystemRandom()
    for _ in range(1000):
        port = draw.randrange(11_000, 32_000)  # below what the kernel chooses from, 32768 to 60999 (ip(7))
        if claim(port):
            return port
    raise RuntimeError("no port was free")


def claim(port: int) -> bool:
    """Take a port for this process until it ends; False if somebody has it."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0stockade-test-port-{port}")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
    except OSError:
        name.close()
        return False
    name.detach()  # open until this process ends
    return True


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a child process that shares the current test database and the test settings."""
    from django.db import connection

    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "tests.settings"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "STOCKADE_TEST_DATABASE_NAME": str(connection.settings_dict["NAME"]),
        **(extra or {}),
    }


@contextlib.contextmanager
def serve(
    command: Sequence[str], port: int, *, env: Mapping[str, str], seconds: float = 90
) -> Iterator[Server]:
    """Run `command` until the block ends; enter the block when `port` accepts connections.

    Args:
        command: what to run, as a list.
        port: the TCP port on 127.0.0.1 it will listen on.
        env: its whole environment.
        seconds: how long to wait for it to listen.

    Raises:
        ServerError: it ended, or did not listen in time.
    """
    with tempfile.TemporaryDirectory(prefix="stockade-server-") as folder:
        log = Path(folder) / "log"
        with log.open("wb") as output:
            # A session of its own: at the end the whole group goes, also workers whose parent a test has killed.
            process = subprocess.Popen(
                command, cwd=ROOT, env=dict(env), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        server = Server(f"http://127.0.0.1:{port}", process.pid, log)
        try:
            _wait_until_listening(process, server, port, seconds)
            yield server
        finally:
            _stop(process)


def granian(
    target: str,
    *,
    interface: str = "wsgi",
    workers: int = 1,
    options: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> contextlib.AbstractContextManager[Server]:
    """Serve `module:application` with granian on a free port of the loopback address, on the test database.

    Args:
        target: what granian is to load, `module:attribute`.
        interface: `wsgi` or `asginl` (ASGI without lifespan, which Django does not speak).
        workers: number of worker processes.
        options: further granian options.
        env: added to the environment.
    """
    port = free_port()
    command = [
        sys.executable, "-m", "granian", "--interface", interface, "--host", "127.0.0.1", "--port", str(port),
        # A worker that is told to end while it still starts does not hear it (granian 2.8): bound the wait.
        "--workers", str(workers), "--workers-kill-timeout", "2", "--no-ws", *options, target,
    ]  # fmt: skip
    return serve(command, port, env=child_environment(env))


def _wait_until_listening(
    process: subprocess.Popen[bytes], server: Server, port: int, seconds: float
) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerError(f"the server ended with status {process.returncode}:\n{server.output()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)  # another process decides when; there is no clock to move
    raise ServerError(f"nothing listens on port {port} after {seconds} s:\n{server.output()}")


def _stop(process: subprocess.Popen[bytes], grace: float = 30) -> None:
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(grace)


@dataclass(frozen=True, slots=True)
class _Job:
    call: bytes  # pickled (target, args): to be opened when Django is set up, because that imports the test module
    django: bool
    database: str | None
    environment: dict[str, str]


def run_processes(
    count: int,
    target: Callable[..., Any],
    *args: Any,
    django: bool = False,
    seconds: float = 120,
) -> list[Any]:
    """Run `target(index, *args)` in `count` new processes that start it together; return the results in order.

    Args:
        count: number of processes.
        target: a module-level function of an importable module (`tests.…`); its result is pickled.
        args: given to every call, after the index.
        django: set Django up in each process first, on the database of the current test (use
            `transactional_db`, so that there is something committed to see).
        seconds: bound for all of them together; those still running are killed.

    Raises:
        RuntimeError: a call raised, or a process died or was too slow. The message says which and why.
    """
    database = None
    if django:
        from django.db import connection

        database = str(connection.settings_dict["NAME"])
    # Not forks of this process: no locks, connections or lmdb environments come along, as with the workers of a server.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.warmed"])
    barrier = context.Barrier(count)
    job = _Job(pickle.dumps((target, args)), django, database, dict(os.environ))
    deadline = time.monotonic() + seconds
    started = []
    try:
        for index in range(count):
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=_child, args=(index, job, barrier, sender))
            process.start()
            sender.close()
            started.append((process, receiver))
        return [_result(index, receiver, deadline) for index, (_, receiver) in enumerate(started)]
    finally:
        for process, receiver in started:
            process.join(max(0.0, min(5.0, deadline - time.monotonic())))
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
            receiver.close()


def _result(index: int, receiver: Any, deadline: float) -> Any:
    if not receiver.poll(max(0.0, deadline - time.monotonic())):
        raise RuntimeError(f"process {index} gave no answer in time")
    try:
        fine, value = receiver.recv()
    except EOFError:
        raise RuntimeError(f"process {index} died without an answer") from None
    if not fine:
        raise RuntimeError(f"process {index} raised:\n{value}")
    return value


def _child(index: int, job: _Job, barrier: Any, sender: Any) -> None:
    import traceback

    try:
        os.environ.clear()
        os.environ.update(job.environment)
        if job.django:
            import django
            from django.db import connection

            django.setup()
            connection.settings_dict["NAME"] = job.database
        target, args = pickle.loads(job.call)
        barrier.wait(60)
        answer = (True, target(index, *args))
    except BaseException:  # noqa: BLE001 - whatever it is, the parent must hear of it
        answer = (False, traceback.format_exc())
    sender.send(answer)
    sender.close()
