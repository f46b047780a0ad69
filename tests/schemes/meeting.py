"""A barrier for threads of several processes: all go when the last has come, round after round."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def meeting(count: int, seconds: float = 120) -> Iterator[int]:
    """Run the barrier for `count` parties; gives the port on the loopback address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(seconds)
        thread = threading.Thread(target=_serve, args=(server, count, seconds), daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
    thread.join(seconds)


def _serve(server: socket.socket, count: int, seconds: float) -> None:
    with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
        parties = [stack.enter_context(server.accept()[0]) for _ in range(count)]
        for party in parties:
            party.settimeout(seconds)
            party.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while all(party.recv(1) for party in parties):
            for party in parties:
                party.sendall(b"g")


class Party:
    """One who waits for the others."""

    def __init__(self, port: int, seconds: float = 120) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def wait(self) -> None:
        """Return when all parties have called this."""
        self._socket.sendall(b"r")
        if self._socket.recv(1) != b"g":
            raise RuntimeError("the others are gone")

    def close(self) -> None:
        self._socket.close()
