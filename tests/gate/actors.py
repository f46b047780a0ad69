"""Other processes over one state: started as `python -m tests.gate.actors ACTION PLACE [ARGUMENT...]`.

The place is the folder of an lmdb state, or the URL of a Redis; the clock is the real one of either.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from stockade.core.errors import StockadeError
from stockade.gate.keys import limit_key, subject_key
from stockade.gate.lmdb import LmdbGate
from stockade.gate.protocol import Charge, Limit
from stockade.gate.redis.address import parse
from stockade.gate.redis.gate import RedisGate
from tests.gate.oracle import SECOND, cost_of

HUNDRED = Limit("hundred", 100, 86_400_000_000)
SLOTS = Limit("slots", 200, 100_000)
EXACT = Limit("exact", 60, 31_000)
THOUSAND = Limit("thousand", 1_000, 86_400_000_000)
MAP = 16 << 20
# Real time passes while they are charged: windows shorter than a run, so that places come free in it.
SHARED = (
    Limit("one", 1, 2_003),
    Limit("seven", 7, 10_007),
    Limit("sixty", 60, 50_021),
    Limit("slots61", 61, 61_003),
    Limit("slots100", 100, 40_009),
    Limit("slots500", 500, 150_001),
    Limit("long", 300, 3600 * SECOND),
)
AnyGate = LmdbGate | RedisGate


def gate_at(place: str, **options: float) -> AnyGate:
    """A gate over the state at a place."""
    if "://" in place:
        return RedisGate(parse(place), **options)
    return LmdbGate(Path(place), map_size=MAP, **options)


def charges(limit: Limit, who: str = "all") -> tuple[Charge, ...]:
    return (Charge(limit, limit_key(limit, who)),)


def start(action: str, place: str | Path, *arguments: str) -> subprocess.Popen[str]:
    """Start an actor; its lines come on stdout, and it waits for a line on stdin where it says so."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.gate.actors", action, str(place), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def say(word: object) -> None:
    """One line at once, in one write: a kill leaves whole lines."""
    os.write(1, f"{word}\n".encode())


def ready(gate: AnyGate) -> None:
    """Open the state, say so, and wait for a line on stdin."""
    gate.ask((), ())
    say("ready")
    sys.stdin.readline()


def hammer(place: str, tries: str) -> None:
    """Say how many of `tries` were admitted, after a line on stdin."""
    gate = gate_at(place)
    ready(gate)
    say(sum(gate.ask((), charges(HUNDRED)).refused < 0 for _ in range(int(tries))))


def burst(place: str, tries: str) -> None:
    """Say the tick of each admission out of `tries` on two short limits, after a line on stdin."""
    gate = gate_at(place)
    ready(gate)
    at = []
    for _ in range(int(tries)):
        verdict = gate.ask((), tuple(charges(SLOTS) + charges(EXACT)))
        if verdict.refused < 0:
            at.append(verdict.at)
    say(" ".join(map(str, at)))


def wander(place: str, seed: str, tries: str) -> None:
    """Charge limits at random that others charge too, and give some back; say each admission.

    Each as ``limit cost who tick gone``: `gone` is a tick at which it was not yet given back, or ``-`` if it stays.
    """
    draw = random.Random(int(seed))
    gate = gate_at(place)
    ready(gate)
    made: list[tuple[list[tuple[int, str, int]], tuple[Charge, ...], int]] = []
    now = 0
    for _ in range(int(tries)):
        if made and draw.random() < 0.05:
            wanted, charged, at = made.pop(draw.randrange(max(0, len(made) - 20), len(made)))
            gate.refund(charged, at)
            tell(wanted, at, str(now))
            continue
        chosen = draw.sample(range(len(SHARED)), draw.randint(1, 3))
        wanted = [(which, draw.choice("ab"), cost_of(draw, SHARED[which])) for which in chosen]
        charged = tuple(
            Charge(SHARED[which], limit_key(SHARED[which], who), cost) for which, who, cost in wanted
        )
        verdict = gate.ask((), charged)
        now = verdict.at
        if verdict.refused < 0:
            made.append((wanted, charged, now))
    for wanted, _, at in made:
        tell(wanted, at, "-")
    say("done")


def tell(wanted: list[tuple[int, str, int]], at: int, gone: str) -> None:
    for which, who, cost in wanted:
        say(f"{which} {cost} {who} {at} {gone}")


def churn(place: str, name: str) -> None:
    """Publish one epoch after another, and charge; say each number when it is written, ``+`` when admitted."""
    gate = gate_at(place)
    key = subject_key(name)
    say("ready")
    for number in range(1, 1_000_000):
        gate.mark([key], b"churning")
        gate.publish([(key, number)], b"churning")
        say(number)
        if gate.ask((key,), charges(THOUSAND)).refused < 0:
            say("+")


def clear(place: str) -> None:
    """Forget what is used of the limit of a hundred; say how many were in use."""
    gate = gate_at(place)
    ready(gate)
    say(gate.clear(limit_key(HUNDRED, "all")))


def mark(place: str, name: str) -> None:
    """Mark an epoch and end without publishing."""
    gate = gate_at(place)
    gate.mark([subject_key(name)], b"the-dead")
    say("marked")
    sys.stdin.readline()
    os._exit(0)


def stop(place: str) -> None:
    """Stop for good in the middle of a write transaction."""
    gate = LmdbGate(Path(place), map_size=MAP)

    def work(txn: object) -> None:
        say("stopping")
        os.kill(os.getpid(), signal.SIGSTOP)

    gate._write(work)
    say("went on")


def fork(place: str) -> None:
    """Fork four children with the gate open, while a thread writes; say how many were admitted in all."""
    gate = gate_at(place)
    gate.ask((), charges(HUNDRED))
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            gate.publish([(subject_key("thread"), number)], b"threaded")

    writer = threading.Thread(target=write)
    writer.start()
    pids, ends = [], []
    for _ in range(4):
        read, put = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                admitted = sum(gate.ask((), charges(HUNDRED)).refused < 0 for _ in range(60))
                os.write(put, bytes([admitted]))
                status = 0
            finally:
                os._exit(status)
        pids.append(pid)
        ends.append(read)
    admitted = 1 + sum(gate.ask((), charges(HUNDRED)).refused < 0 for _ in range(60))
    statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    done.set()
    writer.join()
    if statuses == [0] * 4:
        admitted += sum(os.read(end, 1)[0] for end in ends)
    say(admitted if statuses == [0] * 4 else f"failed: {statuses}")
    sys.stdin.readline()


def fork_in_c(place: str) -> None:
    """Fork as a server written in C does: Python hears of it in the child only.

    From Python 3.13 it must hear before as well: its child ends at a lock that it does not own otherwise.
    """
    gate = gate_at(place)
    gate.ask((), charges(HUNDRED))
    gate.ask((), ())
    if sys.version_info >= (3, 13):
        ctypes.pythonapi.PyOS_BeforeFork()
    pid = ctypes.CDLL(None).fork()
    if pid == 0:
        status = 1
        try:
            ctypes.pythonapi.PyOS_AfterFork_Child()
            status = 0 if gate.ask((), charges(HUNDRED)).remaining == (98,) else 2
        finally:
            os._exit(status)
    if sys.version_info >= (3, 13):
        ctypes.pythonapi.PyOS_AfterFork_Parent()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    say(f"{status} {gate.ask((), charges(HUNDRED)).remaining[0]}")
    sys.stdin.readline()


def hold(place: str) -> None:
    """Have the state open until a line comes on stdin."""
    gate = LmdbGate(Path(place), map_size=MAP)
    try:
        gate.open()
    except StockadeError as error:
        say(str(error).partition(":")[0])
        return
    say("open")
    sys.stdin.readline()


if __name__ == "__main__":
    action, place, *arguments = sys.argv[1:]
    actions: dict[str, Callable[..., None]] = {
        each.__name__: each
        for each in (hammer, burst, wander, churn, clear, mark, stop, fork, fork_in_c, hold)
    }
    actions[action](place, *arguments)
