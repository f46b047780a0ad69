"""`python -m stockade.demo.serve MODULE:APP HOST PORT WORKERS PARENT`: one granian server that ends with its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

# WSGI: DRF is synchronous, and under ASGI every request changes threads. GET /api/profile/ with 8 connections and two
# workers on two busy cores, medians of three interleaved runs: 2,580 a second by WSGI, 600 by ASGI (wrk).
INTERFACE = Interfaces.WSGI
# For each worker; one, two and eight did not differ in that measurement. Granian's own default would be hundreds of
# threads, each with a database connection.
THREADS = 2


def end_with_parent(parent: int) -> None:
    """Have Linux send us SIGTERM when the process that started us is gone, even if it was killed (prctl(2)).

    Args:
        parent: its process id. It may have gone before we could ask for that.
    """
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit("stockade demo: whoever started this server is gone")


def main(target: str, host: str, port: int, workers: int, parent: int) -> None:
    """Serve until a signal says otherwise. A worker that dies is replaced."""
    end_with_parent(parent)
    Granian(
        target,
        address=host,
        port=port,
        interface=INTERFACE,
        workers=workers,
        blocking_threads=THREADS,
        websockets=False,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        respawn_interval=0.2,
        workers_kill_timeout=10,
    ).serve()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6]))
