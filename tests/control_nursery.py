"""Runs single tests in forked children of one warm process: what every run imports is imported once.

Reads jobs from standard input, one JSON object a line, and answers each with one line. Nothing of Stockade and nothing
that reads Django's settings is imported before the fork, so each child sees only the source that its job names.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
from typing import Any

from tests.warm import warm


def child(job: dict[str, Any]) -> None:
    """Become a fresh run of pytest on the job's source; never returns."""
    status = 70
    try:
        os.setsid()
        output = os.open(job["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ.clear()
        os.environ.update(job["environment"])
        sys.path.insert(0, job["source"])
        import pytest

        status = int(pytest.main(job["arguments"]))
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 70
    except BaseException:  # noqa: BLE001 - reported by its traceback in the output
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def wait(pid: int, seconds: float) -> int | None:
    """The exit status of a child, or None if it was too slow and had to be killed with all it started."""
    descriptor = os.pidfd_open(pid)
    try:
        ended, _, _ = select.select([descriptor], [], [], seconds)
    finally:
        os.close(descriptor)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) if ended else None


def main() -> None:
    warm()
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            child(job)
        print(json.dumps(wait(pid, job["seconds"])), flush=True)


if __name__ == "__main__":
    main()
