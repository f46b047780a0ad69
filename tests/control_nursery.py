"""Runs single tests in forked children of one warm process: what every run imports is imported once.

Reads jobs from standard input, one JSON object a line, and answers each with one line. For a `cold` one nothing of
Stockade and nothing that reads Django's settings is imported before the fork, so its child sees only the source that
the job names. For an `amended` one the child is forked from a process in which pytest has begun and Django is set up on
the source as it was, and the functions that the job changes are given their new bodies (`tests/amending.py`), which is
quicker. Where that cannot be done it ends with `UNFIT`, and a cold one must decide. Such a process is made by `grow`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.amending import NotAmendableError, amend, live
from tests.warm import warm

UNFIT = 71  # the exit status of an amended run that could not be amended


def child(job: dict[str, Any]) -> None:
    """Become a fresh run of pytest on the job's source; never returns."""
    status = 70
    try:
        _stand_alone(job["output"], job["environment"])
        sys.path.insert(0, job["source"])
        import pytest

        status = int(pytest.main([f"--junitxml={job['report']}", *job["options"], job["test"]]))
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 70
    except BaseException:  # noqa: BLE001 - reported by its traceback in the output
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


class Grown:
    """A process in which a run of pytest has begun, for all amended runs under the same settings.

    Args:
        job: what to import, and under which settings.
        others: those there are already, whose pipes it must not keep open: their ends tell them that all is over.
    """

    def __init__(self, job: dict[str, Any], others: Iterable[Grown]) -> None:
        jobs, here = os.pipe()
        there, answers = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(here)
            os.close(there)
            for other in others:
                other.leave()
            grow(job, jobs, answers)
        os.close(jobs)
        os.close(answers)
        self._jobs, self._answers = os.fdopen(here, "w"), os.fdopen(there)
        self._answers.readline()  # it has imported the source: from now on that may change

    def run(self, job: dict[str, Any]) -> int | None:
        """The exit status of a run; UNFIT where this process has ended."""
        try:
            self._jobs.write(json.dumps(job) + "\n")
            self._jobs.flush()
            status: int | None = json.loads(self._answers.readline())
        except (OSError, ValueError):
            return UNFIT
        return status

    def leave(self) -> None:
        """Close this process's ends of the pipes."""
        with contextlib.suppress(OSError):
            self._jobs.close()
        self._answers.close()


def grow(job: dict[str, Any], jobs: int, answers: int) -> None:
    """Begin a run of pytest that goes on in one child for each job; never returns."""
    status = 70
    try:
        _stand_alone(job["output"], job["environment"])
        sys.path.insert(0, job["source"])
        import pytest

        # Not captured: what is shown goes where the child's standard output goes.
        arguments = ["-s", f"--junitxml={job['report']}", *job["options"], job["test"]]
        status = int(pytest.main(arguments, plugins=[Forks(job, jobs, answers)]))
    except BaseException:  # noqa: BLE001 - reported by its traceback in the output
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


class Forks:
    """A plugin of pytest: each job is a fork that collects and runs another test than the one that was named."""

    def __init__(self, job: dict[str, Any], jobs: int, answers: int) -> None:
        self._source, self._jobs, self._answers = (
            Path(job["source"]),
            os.fdopen(jobs),
            os.fdopen(answers, "w"),
        )

    def pytest_collection(self, session: Any) -> None:
        """Before pytest's own, which a child comes to."""
        functions = live(self._source)
        print("ready", file=self._answers, flush=True)
        for line in self._jobs:
            job = json.loads(line)
            pid = os.fork()
            if pid == 0:
                self._become(job, session.config, functions)
                return
            print(json.dumps(wait(pid, job["seconds"])), file=self._answers, flush=True)
        os._exit(0)

    def _become(self, job: dict[str, Any], config: Any, functions: Any) -> None:
        from _pytest.junitxml import xml_key

        folder = Path(job["folder"])
        run = folder / "run"
        run.mkdir()
        more = {"STOCKADE_TEST_DIR": str(run), "XDG_STATE_HOME": str(run)}
        os.environ.pop("STOCKADE_TEST_DIR_OWNER", None)
        _stand_alone(job["output"], {**os.environ, **job["environment"], **more})
        tempfile.tempdir = None  # it is remembered
        try:
            amend(Path(job["amend"]), job["before"], job["after"], functions)
        except NotAmendableError:
            os._exit(UNFIT)
        config.args = [job["test"]]
        config.stash[xml_key].logfile = job["report"]
        from django.db import connections

        for alias in connections:
            settings = connections[alias].settings_dict
            settings["NAME"] = str(folder / f"{alias}.sqlite3")
            settings["TEST"]["NAME"] = str(folder / f"test-{alias}.sqlite3")


def _stand_alone(path: str, environment: dict[str, str]) -> None:
    """A session, an output and an environment of this process's own."""
    os.setsid()
    output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(environment)


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
    grown: dict[str, Grown] = {}
    for line in sys.stdin:
        job = json.loads(line)
        status: int | None
        if job["kind"] == "grow":
            grown[job["settings"]] = Grown(job, grown.values())
            status = 0
        elif job["kind"] == "amended":
            status = grown[job["settings"]].run(job)
        else:
            pid = os.fork()
            if pid == 0:
                child(job)
            status = wait(pid, job["seconds"])
        print(json.dumps(status), flush=True)
    for one in grown.values():
        one.leave()
        os.waitpid(one.pid, 0)


if __name__ == "__main__":
    main()
