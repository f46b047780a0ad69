"""The HTTP of one client: a few connections, so that every worker is met; and the hanging up that loses answers."""

from __future__ import annotations

import http.client
import json
import random
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 20.0
UNSENT = -1


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and when.

    Args:
        status: of HTTP; 0 if nothing came back, or was waited for; UNSENT if nobody was there to be asked.
        body: parsed JSON, or None.
        worker: the process that answered, or "".
        began, ended: nanoseconds of CLOCK_MONOTONIC around the exchange.
    """

    status: int
    body: Any
    worker: str
    began: int
    ended: int


class Client:
    """One client with `connections` connections, of which each request takes one by chance."""

    def __init__(self, base_url: str, draw: random.Random, connections: int = 4) -> None:
        self._where = urlsplit(base_url).netloc
        self._draw = draw
        self._connections = [self._new() for _ in range(connections)]

    def _new(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._where, timeout=TIMEOUT)

    def send(
        self, method: str, path: str, body: Any = None, token: str = "", patience: float = TIMEOUT
    ) -> Answer:
        """One exchange. If nothing comes for `patience` seconds the client hangs up: the request may be done anyway."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = json.dumps(body).encode() if body is not None else None
        which = self._draw.randrange(len(self._connections))
        connection = self._connections[which]
        began = time.monotonic_ns()
        if connection.sock is None:
            try:
                connection.connect()
            except OSError:  # its worker was killed, and another is not there yet
                time.sleep(0.01)
                return Answer(UNSENT, None, "", began, time.monotonic_ns())
        try:
            connection.request(method, path, data, headers)
            connection.sock.settimeout(patience)
            response = connection.getresponse()
            raw = response.read()
            ended = time.monotonic_ns()
        except (OSError, http.client.HTTPException):
            self._drop(which)
            return Answer(0, None, "", began, time.monotonic_ns())
        if response.will_close:
            self._drop(which)
        found = json.loads(raw) if raw and "json" in (response.getheader("Content-Type") or "") else None
        return Answer(response.status, found, response.getheader("X-Worker") or "", began, ended)

    def _drop(self, which: int) -> None:
        self._connections[which].close()
        self._connections[which] = self._new()

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
