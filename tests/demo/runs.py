"""Runs of the command `stockade demo` for tests: started for real, found by their credentials file, stopped by pid."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.waiting import PATIENCE, eventually

COMMAND = str(Path(sys.executable).with_name("stockade"))
START = 90.0  # seconds; several helpers of a run may compete for two cores


@dataclass(frozen=True, slots=True)
class Run:
    """A demo that runs.

    Args:
        process: the command; its servers are its children.
        credentials: what it wrote for programs.
        file: where it wrote that.
        output: its standard output.
        errors: its standard error.
    """

    process: subprocess.Popen[bytes]
    credentials: dict[str, Any]
    file: Path
    output: Path
    errors: Path

    @property
    def base_url(self) -> str:
        return str(self.credentials["base_url"])

    @property
    def twin_url(self) -> str:
        return str(self.credentials["twin_url"])

    @property
    def folder(self) -> Path:
        return Path(self.credentials["folder"])

    def password(self, user: str) -> str:
        return str(self.credentials["users"][user]["password"])

    def printed(self) -> str:
        return self.output.read_text()


def environment() -> dict[str, str]:
    """As a newcomer's shell: no settings module, no test database."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("STOCKADE_TEST_")}
    kept.pop("DJANGO_SETTINGS_MODULE", None)
    return kept


@contextlib.contextmanager
def running(where: Path, *options: str) -> Iterator[Run]:
    """Run `stockade demo` with `options` until the block ends; enter it when everything answers."""
    path, output, errors = (where / f"{secrets.token_hex(4)}.{kind}" for kind in ("json", "out", "err"))
    with output.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(
            [COMMAND, "demo", "--port", "0", "--credentials", str(path), *options],
            env=environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + START
        while not path.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)  # another process decides when
        if not path.exists():
            raise RuntimeError(f"the demo did not start: {errors.read_text()}")
        # What it prints follows the file at once; wait for the last of it.
        while (
            "--quiet" not in options
            and "by buttons" not in output.read_text()
            and time.monotonic() < deadline
        ):
            time.sleep(0.02)
        yield Run(process, json.loads(path.read_text()), path, output, errors)
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> int:
    """Ask it to end; its exit status."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `stockade demo` with `arguments` to its end."""
    return subprocess.run(
        [COMMAND, "demo", *arguments],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def children(pid: int) -> list[int]:
    """All processes that descend from `pid` (Linux)."""
    found: list[int] = []
    waiting: Sequence[int] = [pid]
    while waiting:
        below: list[int] = []
        for parent in waiting:
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{parent}/task").iterdir():
                    below += [int(child) for child in (task / "children").read_text().split()]
        found += below
        waiting = below
    return found


def alive(pid: int) -> bool:
    """Whether `pid` runs, zombies not counted."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pids: Sequence[int], seconds: float = PATIENCE) -> list[int]:
    """Those of `pids` that still run after `seconds`."""
    eventually(lambda: not any(map(alive, pids)), seconds=seconds)
    return [pid for pid in pids if alive(pid)]
