"""A real OpenBao for tests, and a server that answers whatever a test wants."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.servers import Server, free_port, serve

ROOT_TOKEN = "root-token-of-this-test"


@dataclass(frozen=True, slots=True)
class Bao:
    """A running OpenBao in development mode."""

    server: Server
    port: int

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def call(self, method: str, path: str, body: object = None, token: str = ROOT_TOKEN) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(
                method,
                f"/v1/{path}",
                json.dumps(body) if body is not None else None,
                {"X-Vault-Token": token, "Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        assert answer.status < 300, f"{method} {path}: {answer.status} {text!r}"
        found = json.loads(text) if text else {}
        assert isinstance(found, dict)
        return found

    def put(self, path: str, **fields: object) -> int:
        """Write a document of the engine at secret/; returns its version."""
        return int(self.call("POST", f"secret/data/{path}", {"data": fields})["data"]["version"])


@contextlib.contextmanager
def bao(port: int | None = None) -> Iterator[Bao]:
    """Run OpenBao with KV version 2 at ``secret/``, in memory."""
    port = port or free_port()
    command = [
        str(Path(sys.executable).with_name("bao")), "server", "-dev", f"-dev-root-token-id={ROOT_TOKEN}",
        f"-dev-listen-address=127.0.0.1:{port}", "-dev-no-store-token",
    ]  # fmt: skip
    with serve(command, port, env=dict(os.environ), seconds=60) as server:
        running = Bao(server, port)
        deadline = time.monotonic() + 30
        while True:
            try:
                running.put("ready", yes="1")
                break
            except (AssertionError, OSError):  # its engine is made ready for versions, after it listens
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        yield running


Answer = tuple[int, dict[str, str], bytes]


@contextlib.contextmanager
def answering(
    how: Callable[[BaseHTTPRequestHandler], Answer | None], context: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[tuple[str, str, dict[str, str]]]]]:
    """Answer each request as `how` says (None: it has answered itself); yields host:port and what was asked."""
    asked: list[tuple[str, str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def _any(self) -> None:
            self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((self.command, self.path, dict(self.headers)))
            with contextlib.suppress(OSError):
                answer = how(self)
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, body = answer
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        do_GET = do_POST = do_PUT = _any  # noqa: N815

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(30)
