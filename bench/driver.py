"""Starts the workers and takes turns among them, so that a slow second of the machine hits every row alike."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.messages import Counts
from bench.rows import Place, Row
from bench.worker import SETTLE

SPARE = 60  # callers that no turn uses: for settling in, and for counting SQL
ROOT = Path(__file__).resolve().parent.parent


_numbering = threading.Lock()


class WorkerError(RuntimeError):
    """A worker failed; the message carries its traceback."""


class Client:
    """The driver's end of one worker. Use as a context manager: the process ends with the block.

    Args:
        row: what it is to serve.
        place: where; the row gets a folder of its own in it.
    """

    def __init__(self, row: Row, place: Place) -> None:
        self.row = row
        folder = place.folder / row.name
        folder.mkdir(exist_ok=True)
        self.place = replace(place, folder=folder, redis=_own_database(place.redis, folder))

    def __enter__(self) -> Client:
        ours, theirs = socket.socketpair()
        # Without hash randomisation two workers lay out their dicts alike, which makes their times more alike too.
        paths = [
            self.row.source or str(ROOT / "src"),
            str(ROOT),
        ]  # what stands beside the bench, however installed
        environ = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(paths)}
        # Stockade's security log goes there, as well as what a worker says before it can answer.
        self._log = self.place.folder / "worker.log"
        with theirs, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bench.worker", str(theirs.fileno())],
                cwd=ROOT, env=environ, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
            )  # fmt: skip
        self._connection = Connection(ours.detach())
        try:
            self.call("start", self.row, self.place)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()  # the worker's recv ends, and so does the worker
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def call(self, command: str, *args: Any, seconds: float = 600) -> Any:
        """Have the worker do one command and return its result."""
        self.send(command, *args)
        return self.receive(seconds)

    def send(self, command: str, *args: Any) -> None:
        """Start one command; `receive` gets its result."""
        self._connection.send((command, args))

    def receive(self, seconds: float = 600) -> Any:
        """The result of the command that was sent.

        Raises:
            WorkerError: it raised, the process died, or took longer than `seconds`.
        """
        if not self._connection.poll(seconds):
            raise WorkerError(f"{self.row.name}: no answer in {seconds} s")
        try:
            fine, result = self._connection.recv()
        except EOFError:
            status = self._process.wait()
            raise WorkerError(f"{self.row.name}: the worker died with {status}\n{self._said()}") from None
        if not fine:
            raise WorkerError(f"{self.row.name}:\n{result}\n{self._said()}")
        return result

    def _said(self) -> str:
        """The end of what the worker has written."""
        return self._log.read_text(errors="replace")[-4000:]


def _own_database(redis: str, folder: Path) -> str:
    """A database of the row's own on the run's Redis, the same for each of its workers, as its folder on disk is."""
    if not redis:
        return ""
    number = folder / "redis-database"
    with _numbering:  # workers get ready side by side
        if not number.exists():
            number.write_text(str(len(list(folder.parent.glob("*/redis-database")))))
    return f"{redis}/{number.read_text()}"


@contextmanager
def ready(row: Row, place: Place) -> Iterator[Client]:
    """A worker of `row` that is seeded and warm."""
    with Client(row, place) as client:
        client.call("seed")
        client.call("warm")
        yield client


@dataclass(slots=True)
class Samples:
    """What was measured of one row: nanoseconds by sitting, round and request; and the counts."""

    row: Row
    rounds: list[list[list[int]]] = field(default_factory=list)
    counts: Counts | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Args:
        sittings: how often everything starts anew with fresh workers; memory layout differs from process to process.
        rounds: turns that each row gets in a sitting.
        requests: requests of one turn.
    """

    sittings: int = 4
    rounds: int = 50
    requests: int = 100


def measure(
    rows: Sequence[Row], place: Place, plan: Plan, tell: Callable[[str], None] = lambda _: None
) -> list[Samples]:
    """Measure all rows interleaved.

    Args:
        rows: the base among them.
        place: where the rows get their folders.
        plan: how much.
        tell: hears of progress.
    """
    samples = [Samples(row) for row in rows]
    shuffle = random.Random(1)
    for sitting in range(plan.sittings):
        with ExitStack() as stack:
            tell(f"sitting {sitting + 1} of {plan.sittings}: {len(rows)} workers get ready")
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                clients = list(pool.map(stack.enter_context, [ready(row, place) for row in rows]))
            for sample in samples:
                sample.rounds.append([])
            turns = list(zip(samples, clients, strict=True))
            first = (
                sitting * plan.rounds * plan.requests
            )  # go on where the last sitting ended: all callers get a turn
            for turn in range(plan.rounds):
                tell(f"sitting {sitting + 1} of {plan.sittings}: round {turn + 1} of {plan.rounds}")
                shuffle.shuffle(turns)  # nobody always comes after the same neighbour
                for sample, client in turns:
                    sample.rounds[-1].append(client.call("run", first + turn * plan.requests, plan.requests))
            for sample, client in turns:  # with callers that a cold worker has not seen
                sample.counts = client.call("count", first + plan.rounds * plan.requests, SPARE - SETTLE)
    return samples
