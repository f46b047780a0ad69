"""What the test project adds to a worker: a clock that can be set, points to die at, and its name in each answer."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from stockade.core import clock
from tests.faults.controls import YOUNG, Controls

HOLE = "FAULTS_HOLE"  # in the environment: no epoch ever moves, for the test that this is found
_page = Controls(Path(os.environ["FAULTS_DIR"]) / "controls")
# granian takes a worker that dies within 5.5 s of its respawn for a crash loop, and gives up.
_mortal_from = time.monotonic() + YOUNG if _page.begun else 0.0


class Failures(logging.Filter):
    """Lets through what nobody has announced."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "status_code", 0) != 503


def install() -> None:
    """Put the hooks in; once, when the worker has loaded Django."""
    clock._wall = lambda: time.time() + _page.offset(os.getpid())
    kind: Any = _gate_class()
    mark, publish = kind.mark, kind.publish

    def mark_and_die(self: Any, keys: Any, token: bytes) -> None:
        mark(self, keys, token)
        die("after-mark")

    def die_or_publish(self: Any, epochs: Any, token: bytes) -> None:
        die("after-commit")
        publish(self, epochs, token)

    kind.mark, kind.publish = mark_and_die, die_or_publish
    if HOLE in os.environ:
        kind.publish = lambda self, epochs, token: publish(self, [(key, 0) for key, _ in epochs], token)


def _gate_class() -> type:
    """The class of the state, which is not opened: it may be away just now."""
    from django.conf import settings

    if settings.STOCKADE["STATE"].startswith("lmdb"):
        from stockade.gate.lmdb import LmdbGate

        return LmdbGate
    from stockade.gate.redis.gate import RedisGate

    return RedisGate


def die(point: str) -> None:
    """SIGKILL, if the driver has armed this point."""
    if time.monotonic() >= _mortal_from and _page.dies(point):
        os.kill(os.getpid(), signal.SIGKILL)


def named(application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """A WSGI application that says in each answer which process it came from."""

    def call(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, ("X-Worker", str(os.getpid()))], *rest)

        return application(environ, start)

    return call


def named_async(application: Callable[..., Any]) -> Callable[..., Any]:
    """The same for ASGI."""

    async def call(scope: dict[str, Any], receive: Any, send: Any) -> None:
        async def tell(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"x-worker", str(os.getpid()).encode())]
                message = {**message, "headers": headers}
            await send(message)

        await application(scope, receive, tell)

    return call
