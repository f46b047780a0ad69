"""A client that may send what no library sends: raw header lines, over TLS by the tests' authority."""

from __future__ import annotations

import json
import socket
import ssl
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

from tests.deploy.files import HOST, PROXY_SECRET

# What nginx says and shows, for who speaks to the application in its place.
AS_NGINX = ("X-Forwarded-Proto: https", f"X-Stockade-Proxy-Secret: {PROXY_SECRET}")


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (names in lower case), body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def context(authority: Path) -> ssl.SSLContext:
    """TLS that believes the tests' authority and nobody else."""
    return ssl.create_default_context(cafile=str(authority))


def send(
    port: int,
    path: str,
    *,
    method: str = "GET",
    lines: tuple[str, ...] = (),
    body: bytes = b"",
    name: str = HOST,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """One request over one connection to a port of the loopback address.

    Args:
        lines: header lines as they go over the wire, without the end of line.
        name: of the Host header and of the certificate.
        tls: None for plain HTTP.
    """
    with ExitStack() as open_:
        connection = open_.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
        if tls is not None:
            connection = open_.enter_context(tls.wrap_socket(connection, server_hostname=name))
        length = (f"Content-Length: {len(body)}",) if body or method in ("POST", "PUT", "PATCH") else ()
        head = "\r\n".join(
            [f"{method} {path} HTTP/1.1", f"Host: {name}", "Connection: close", *length, *lines]
        )
        connection.sendall(head.encode("latin-1") + b"\r\n\r\n" + body)
        response = open_.enter_context(HTTPResponse(connection, method=method))
        response.begin()
        content = response.read()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, content)
