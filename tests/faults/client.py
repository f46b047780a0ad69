"""A small HTTP client that keeps its connections, and writes each request into the history."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import select
from typing import Any

from tests.faults.history import Answer, Change, History, Request, Right, now
from tests.faults.world import Credential

TIMEOUT = 10  # seconds; a request that takes longer got no answer


class Connection:
    """One connection, opened again when it was lost."""

    def __init__(self, port: int, prefix: str = "") -> None:
        self.prefix = prefix
        self.content = b""  # of the last answer
        self._port = port
        self._http: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, *, token: str = "", body: Any = None, cookies: str = "") -> Answer:
        """Send a request; status 0 where no answer comes. It is not sent twice.

        Args:
            body: a string for a form, else JSON.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if cookies:
            headers["Cookie"] = cookies
        data = None
        if body is not None:
            form = isinstance(body, str)
            headers["Content-Type"] = "application/x-www-form-urlencoded" if form else "application/json"
            data = (body if form else json.dumps(body)).encode()
        if self._http is not None and self._ended():
            self.close()
        if self._http is None:
            self._http = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT)
        try:
            self._http.request(method, path, data, headers)
            response = self._http.getresponse()
            self.content = content = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Answer(0, type(error).__name__)
        code = ""
        if response.status >= 400:
            with contextlib.suppress(ValueError, AttributeError):
                code = str(json.loads(content).get("code", ""))
        return Answer(
            response.status,
            code,
            response.headers.get("Retry-After", ""),
            response.headers.get("X-Worker", ""),
        )

    def _ended(self) -> bool:
        """Whether the server has closed it while nothing was asked, as it does when its worker dies."""
        assert self._http is not None
        return self._http.sock is not None and bool(select.select([self._http.sock], [], [], 0)[0])

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None


class Client:
    """What one thread of the driver talks through: connections to every server.

    Args:
        ports: of each server, with what stands before the path of its doors.
        each: connections to each; they spread over its workers by chance.
    """

    def __init__(
        self, history: History, ports: list[tuple[int, str]], chance: random.Random, each: int = 2
    ) -> None:
        self.history = history
        self.connections = [Connection(port, prefix) for port, prefix in ports for _ in range(each)]
        self._chance = chance

    def any(self) -> Connection:
        return self._chance.choice(self.connections)

    def knock(self, credential: Credential, door: str, connection: Connection | None = None) -> Answer:
        """Ask for a door, at a connection or at any."""
        connection = connection or self.any()
        began = now()
        answer = connection.ask("GET", f"{connection.prefix}/{door}/", token=credential.access)
        self.history.requests.append(Request(began, now(), (credential.name, door), answer))
        return answer

    def change(
        self,
        kind: str,
        rights: list[Right],
        *,
        method: str,
        path: str,
        token: str = "",
        body: Any = None,
        cookies: str = "",
        grants: bool = False,
        holds_after: float = 0,
    ) -> Answer:
        """Make a change through the API, once.

        Args:
            holds_after: seconds after its return from which it must be seen.
        """
        began = now()
        answer = self.any().ask(method, path, token=token, body=body, cookies=cookies)
        ended = now()
        held = ended + int(holds_after * 1e9) if answer.good else None
        # A connection that broke says nothing of whether the worker still goes on.
        entry = Change(began, ended, kind, tuple(rights), grants, held, answer.status > 0, answer)
        self.history.changes.append(entry)
        return answer

    def close(self) -> None:
        for connection in self.connections:
            connection.close()
