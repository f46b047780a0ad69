"""Stands between a gate and its server, in this process: forwards, and cuts, holds back or swallows answers."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Iterator


class Between:
    """Args: target: port of the server on the loopback address.

    Attributes:
        port: where it listens.
        cut_after: bytes of the next answer that are let through before the connection is cut; -1 for all.
        swallow: whether answers are thrown away.
        hold: seconds for which the next answer is held back.
        connections: how many were made.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.cut_after = -1
        self.swallow = False
        self.hold = 0.0
        self.connections = 0
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.connections += 1
                far = socket.create_connection(("127.0.0.1", self._target))
                self._open += [near, far]
                threading.Thread(target=self._forward, args=(near, far), daemon=True).start()

    def _forward(self, near: socket.socket, far: socket.socket) -> None:
        with near, far, contextlib.suppress(OSError, ValueError):
            while True:
                ready, _, _ = select.select([near, far], [], [], 30)
                if not ready:
                    return
                if near in ready:
                    data = near.recv(65536)
                    if not data:
                        return
                    far.sendall(data)
                if far in ready:
                    data = far.recv(65536)
                    if not data:
                        return
                    if self.swallow:
                        continue
                    if self.hold:
                        seconds, self.hold = self.hold, 0.0
                        time.sleep(seconds)
                    if self.cut_after >= 0:
                        cut, self.cut_after = self.cut_after, -1
                        near.sendall(data[:cut])
                        return
                    near.sendall(data)

    def drop(self) -> None:
        """Close every connection there is, as a server does with idle ones."""
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self) -> None:
        self._listener.close()
        self.drop()


@contextlib.contextmanager
def between(target: int) -> Iterator[Between]:
    found = Between(target)
    try:
        yield found
    finally:
        found.close()
