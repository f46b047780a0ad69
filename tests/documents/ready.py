"""Waits until a demo listens on its port and has said so, or ends."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from pathlib import Path


def main(port: int, pid: int, log: Path, seconds: float = 60) -> int:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            if log.stat().st_size:
                return 0
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return 1
        time.sleep(0.05)  # another process decides when; there is no clock to move
    return 1


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
