"""What a small server bears: wrk against granian workers, the configurations taking turns."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pickle
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from bench import rows, stats
from bench.driver import ROOT, Client
from bench.rows import Place, Row

HERE = Path(__file__).resolve().parent
WORKERS = 2
THREADS = 2  # in each worker, as the demo has it; granian's own default is hundreds
CONNECTIONS = 32
REMEDY = "wrk is not installed: the load table is left out (Debian: apt-get install wrk)."
NAMES = (
    rows.BASE,
    "guide-redis",
    "guide-redis-postgres",
    "stockade-lmdb",
    "stockade-redis",
    "stockade-redis-postgres",
)


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """How much is measured.

    Args:
        rounds: turns that each configuration gets.
        seconds: length of a turn, and of the one before that is not counted.
        principals: callers, few enough that each worker sees each of them in the turn that is not counted.
    """

    rounds: int = 5
    seconds: int = 4
    principals: int = 2_000


@dataclass(slots=True)
class LoadOutcome:
    """What one configuration bore, one number for each round: requests a second; latencies in microseconds."""

    row: Row
    rates: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)

    def ratio(self, base: LoadOutcome) -> tuple[float, float, float]:
        """Median over rounds of this one's rate / the base's in the same round, and its 95 % bootstrap interval."""
        shares = [ours / theirs for ours, theirs in zip(self.rates, base.rates, strict=True)]
        return (median(shares), *stats.interval([shares]))


def milliseconds(values: Sequence[float]) -> float:
    """Median of microseconds, in milliseconds."""
    return median(values) / 1000


class LoadError(RuntimeError):
    """A server did not start, or did not answer everything with 200."""


def available() -> bool:
    """Whether wrk is installed."""
    return shutil.which("wrk") is not None


def select(servers: Set[str]) -> list[Row]:
    """The configurations that can be run with these servers, the base first."""
    return [row for row in map(rows.find, NAMES) if row.needs <= servers]


def measure(
    chosen: Sequence[Row], place: Place, plan: LoadPlan, tell: Callable[[str], None]
) -> list[LoadOutcome]:
    """Load each of `chosen` in turn.

    Args:
        chosen: as from `select`.
        place: where they get their folders; nothing is pinned to a core.
        plan: how much.
        tell: hears of progress.

    Raises:
        LoadError: an answer was not 200, or a connection broke.
    """
    outcomes = [LoadOutcome(row) for row in chosen]
    with ExitStack() as stack:
        targets = []
        for row in chosen:
            tell(f"load: {row.name} gets ready")
            targets.append(stack.enter_context(_serving(row, place)))
        for target in targets:  # each worker shall have seen each caller
            tell(f"load: {target.row.name} gets warm")
            target.run(0, plan.seconds)
        turns, shuffle = list(zip(outcomes, targets, strict=True)), random.Random(1)
        for turn in range(plan.rounds):
            shuffle.shuffle(turns)
            for outcome, target in turns:
                tell(f"load: round {turn + 1} of {plan.rounds}, {target.row.name}")
                found = target.run(turn * place.principals // plan.rounds, plan.seconds)
                outcome.rates.append(found["requests"] / found["microseconds"] * 1e6)
                outcome.p50.append(found["p50"])
                outcome.p99.append(found["p99"])
    return outcomes


@dataclass(frozen=True, slots=True)
class _Target:
    row: Row
    port: int
    callers: Path  # their Authorization headers, one in each line
    log: Path

    def run(self, first: int, seconds: int) -> dict[str, int]:
        """Have wrk ask for so many seconds, beginning with this caller."""
        path = self.row.options.get("path", "/api/article/")
        command = [
            "wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s",
            "--script", str(HERE / "wrk.lua"), f"http://127.0.0.1:{self.port}{path}",
            "--", str(self.callers), str(first),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=False)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode or not lines:
            raise LoadError(f"{self.row.name}: wrk failed\n{done.stdout}{done.stderr}")
        found: dict[str, int] = json.loads(lines[-1])
        if found["refused"] or found["broken"] or not found["requests"]:
            raise LoadError(f"{self.row.name}: not every answer was 200: {found}\n{self.said()}")
        return found

    def said(self) -> str:
        """The end of what the server has written."""
        return self.log.read_text(errors="replace")[-4000:]

    def expect_fine(self) -> None:
        """Ask once, as wrk does, and look at the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection), self.callers.open() as callers:
            headers = {"Host": "bench.example", "Authorization": callers.readline().strip()}
            connection.request("GET", self.row.options.get("path", "/api/article/"), headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        if answer.status != 200:
            raise LoadError(f"{self.row.name}: {answer.status} {body[:500]!r}\n{self.said()}")


@contextlib.contextmanager
def _serving(row: Row, place: Place) -> Iterator[_Target]:
    """Workers of `row` behind granian on a free port, stopped by their process group."""
    with Client(row, replace(place, core=None)) as client:
        client.call("seed")
        own = client.place
    credentials = pickle.loads((own.folder / "credentials.pickle").read_bytes())
    callers, log, served = (own.folder / name for name in ("callers.txt", "granian.log", "served.pickle"))
    callers.write_text("".join(f"{issued.credential}\n" for issued in credentials))
    served.write_bytes(pickle.dumps((row, own)))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws",
        "--host", "127.0.0.1", "--port", str(port), "--workers", str(WORKERS),
        # A thread that went to rest between two turns would come back with new connections.
        "--blocking-threads", str(THREADS), "--blocking-threads-idle-timeout", "600",
        # A worker that is told to end while it still starts does not hear it (granian 2.8): bound the wait.
        "--workers-kill-timeout", "2", "bench.served:application",
    ]  # fmt: skip
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "BENCH_SERVED": str(served),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    target = _Target(row, port, callers, log)
    try:
        _wait(process, target)
        yield target
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(process: subprocess.Popen[bytes], target: _Target, seconds: float = 30) -> None:
    """Until it answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return target.expect_fine()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise LoadError(f"{target.row.name}: granian did not start\n{target.said()}") from None
        time.sleep(0.05)
