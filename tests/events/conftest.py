"""Configures the security log for one test, and lets go of it after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from stockade import conf
from stockade.core.context import RequestContext, current
from stockade.events.bus import Bus, start


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    conf.forget()
    token = current.set(None)
    yield
    current.reset(token)
    conf.forget()


@pytest.fixture
def configure(settings: Any) -> Callable[..., Bus]:
    """Set EVENTS and return the sinks made from it."""

    def set_events(**events: Any) -> Bus:
        settings.STOCKADE = {"EVENTS": events}
        conf.forget()
        return start()

    return set_events


@pytest.fixture
def request_context() -> RequestContext:
    """A request at hand."""
    context = RequestContext(
        "req-1", {"REQUEST_METHOD": "POST", "HTTP_USER_AGENT": "curl/8.5.0"}, address="192.0.2.7"
    )
    context.route = "api/articles/<uuid:pk>/"
    current.set(context)
    return context


@pytest.fixture
def log(tmp_path: Path, configure: Callable[..., Bus]) -> Callable[[], list[dict[str, Any]]]:
    """Log into a file; call it for what was written."""
    path = tmp_path / "security.log"
    configure(SINKS=["log"], LOG=str(path))
    return lambda: read(path)


def read(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]
