"""A client that sends bytes as they are, and reads every answer that comes back."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from tests.proxy.stand import HOST, Front

_MOST = 60  # answers of one connection


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (names in lower case), body, and the names in order, as often as they came."""

    status: int
    headers: dict[str, str]
    body: bytes
    names: tuple[str, ...]

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Client:
    """A client of one front."""

    front: Front
    authority: Path

    @contextlib.contextmanager
    def connect(
        self,
        *,
        source: str = "127.0.0.1",
        certificate: Path | None = None,
        seconds: float = 20,
        name: str = HOST,
    ) -> Iterator[socket.socket]:
        """A connection, by TLS where the front has it.

        Args:
            source: the address that it comes from.
            certificate: a folder with client.pem and client.key.
        """
        with ExitStack() as open_:
            port = self.front.tls or self.front.plain
            connection = open_.enter_context(
                socket.create_connection(("127.0.0.1", port), timeout=seconds, source_address=(source, 0))
            )
            if self.front.tls:
                context = ssl.create_default_context(cafile=str(self.authority))
                if certificate is not None:
                    context.load_cert_chain(certificate / "client.pem", certificate / "client.key")
                connection = open_.enter_context(context.wrap_socket(connection, server_hostname=name))
            yield connection

    def send(self, data: bytes, *, method: str = "GET", **how: Any) -> list[Answer]:
        """Send bytes over one connection; the answers until it ends. A connection that is cut has none."""
        with self.connect(**how) as connection:
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                connection.sendall(data)
            return list(answers(connection, method))

    def ask(self, path: str, *lines: str, method: str = "GET", body: bytes = b"", **how: Any) -> Answer:
        """One well-formed request with these header lines."""
        found = self.send(request(path, *lines, method=method, body=body), method=method, **how)
        assert len(found) == 1, found
        return found[0]


def request(path: str, *lines: str, method: str = "GET", body: bytes = b"", host: str = HOST) -> bytes:
    """One request as bytes, the last of its connection."""
    length = (f"Content-Length: {len(body)}",) if body or method in ("POST", "PUT", "PATCH") else ()
    head = "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *length, *lines])
    return head.encode("latin-1") + b"\r\n\r\n" + body


def answers(connection: socket.socket, method: str = "GET") -> Iterator[Answer]:
    """Every answer of a connection, read from one buffer: a second one may have come with the first."""
    with connection.makefile("rb") as stream:
        for _ in range(_MOST):
            with contextlib.closing(HTTPResponse(_Shared(stream), method=method)) as response:  # type: ignore[arg-type]
                try:
                    response.begin()
                    body = response.read()
                except (HTTPException, OSError, ValueError):
                    return
                names = tuple(name.lower() for name, _ in response.getheaders())
                headers = {name.lower(): value for name, value in response.getheaders()}
                yield Answer(response.status, headers, body, names)
                if response.will_close:
                    return


class _Shared:
    """Lends an HTTPResponse a stream that it must not close."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def makefile(self, *mode: Any, **more: Any) -> Any:
        stream = self.stream

        class Lent:
            def __getattr__(self, name: str) -> Any:
                return getattr(stream, name)

            def close(self) -> None:
                pass

        return Lent()
