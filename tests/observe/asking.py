"""A request through a whole handler, as a server makes it, and every byte of its answer."""

from __future__ import annotations

import asyncio
import io
from typing import Any, NamedTuple

from django.core import signals
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.db import close_old_connections
from django.test import override_settings

STOCK = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
OURS = "stockade.web.Middleware"


class Answer(NamedTuple):
    """What a client and a server see of an answer.

    error: what the server was left with, while it was given the body.
    """

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    error: str = ""


class Ask(NamedTuple):
    """A request."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    peer: str = "192.0.2.1"


def handler(kind: str, with_ours: bool) -> Any:
    """A WSGI or ASGI handler with the stock middlewares, and ours first or not at all."""
    with override_settings(MIDDLEWARE=[OURS, *STOCK] if with_ours else STOCK):
        return WSGIHandler() if kind == "wsgi" else ASGIHandler()


def answer(application: Any, ask: Ask) -> Answer:
    """Every byte of the answer to one request."""
    # As Django's test client does: the test's connection is not the request's to close.
    signals.request_started.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_old_connections)
    try:
        if isinstance(application, WSGIHandler):
            return _wsgi(application, ask)
        return asyncio.run(asgi(application, ask))
    finally:
        signals.request_started.connect(close_old_connections)
        signals.request_finished.connect(close_old_connections)


def _wsgi(application: Any, ask: Ask) -> Answer:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": ask.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": ask.path,
        "QUERY_STRING": ask.query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": ask.peer,
        "HTTP_HOST": "testserver",
        "CONTENT_LENGTH": str(len(ask.body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(ask.body),
        "wsgi.errors": io.StringIO(),
    }
    for name, value in ask.headers:
        known = name.upper().replace("-", "_")
        environ[known if known == "CONTENT_TYPE" else f"HTTP_{known}"] = value
    seen: list[Any] = []
    found = application(environ, lambda status, headers, exc_info=None: seen.extend((status, headers)))
    body, error = b"", ""
    try:
        for part in found:
            body += part
    except Exception as raised:  # noqa: BLE001 - a server sees it
        error = repr(raised)
    found.close()
    return Answer(seen[0], tuple(seen[1]), body, error)


async def asgi(application: Any, ask: Ask) -> Answer:
    """The same, in a running event loop."""
    headers = [(b"host", b"testserver"), (b"content-length", str(len(ask.body)).encode())]
    headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in ask.headers]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": ask.method,
        "path": ask.path,
        "query_string": ask.query.encode(),
        "headers": headers,
        "client": (ask.peer, 40000),
        "server": ("testserver", 80),
        "scheme": "http",
        "root_path": "",
    }
    asked = iter([{"type": "http.request", "body": ask.body, "more_body": False}])
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        for message in asked:
            return message
        return await asyncio.Future()  # the client stays until it has its answer

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    error = ""
    try:
        await asyncio.wait_for(application(scope, receive, send), 20)
    except Exception as raised:  # noqa: BLE001 - a server sees it
        error = repr(raised)
    begun = sent[0] if sent else {"status": "", "headers": []}
    return Answer(
        str(begun["status"]),
        tuple((name.decode(), value.decode("latin-1")) for name, value in begun["headers"]),
        b"".join(message.get("body", b"") for message in sent),
        error,
    )
