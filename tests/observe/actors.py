"""Other processes over one file of counts: started as `python -m tests.observe.actors ACTION FOLDER [ARGUMENT...]`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from stockade.observe.counts import Counts
from stockade.observe.store import Store


def start(action: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start an actor; its lines come on stdout, and it waits for a line on stdin where it says so."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.observe.actors", action, str(folder), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def _say(word: object) -> None:
    os.write(1, f"{word}\n".encode())


def _note(counts: Counts, view: str = "shop.views.Orders") -> None:
    counts.note(view, "GET", "policies", "undeclared")


def count(counts: Counts, times: str) -> None:
    """Count, after a line on stdin, and end as processes do."""
    _say("ready")
    sys.stdin.readline()
    for _ in range(int(times)):
        _note(counts)


def written(counts: Counts, times: str) -> None:
    """Count and write, say so, count once more, and wait to be killed."""
    for _ in range(int(times)):
        _note(counts)
    _say("written" if counts.flush() else "failed")
    sys.stdin.readline()


def write_on(counts: Counts) -> None:
    """Write one after the other, saying how many are written, until killed."""
    for at in range(1, 1_000_000):
        _note(counts)
        if counts.flush():
            _say(at)


def idle(counts: Counts) -> None:
    """Count a few times within a second, and then nothing comes any more."""
    for _ in range(5):
        _note(counts)
    _say("counted")
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGKILL)


def fork(counts: Counts) -> None:
    """Count, fork with something unwritten, count in both, and end both in order."""
    for _ in range(10):
        _note(counts, "parent")
    pid = os.fork()
    for _ in range(10):
        _note(counts, "parent" if pid else "child")
    if not pid:
        sys.exit(0)
    os.waitpid(pid, 0)


ACTIONS: dict[str, Callable[..., None]] = {
    "count": count, "written": written, "write_on": write_on, "idle": idle, "fork": fork,
}  # fmt: skip


def main() -> None:
    from django.conf import settings

    settings.configure()
    action, folder, *arguments = sys.argv[1:]
    ACTIONS[action](Counts(Store(Path(folder))), *arguments)


if __name__ == "__main__":
    main()
