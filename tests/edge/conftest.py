"""A project with the middleware in front and one view for every kind of answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from stockade import conf, events, observe
from stockade.core import clock
from stockade.gate.registry import get_gate
from stockade.pipeline import reporting

STOCKADE: dict[str, Any] = {
    "STATE": "memory://",
    "LIMITS": dict.fromkeys(["anon", "user", "login", "login_address", "failed_auth"]),
    "EVENTS": {"SINKS": ["memory"]},
}


@pytest.fixture(autouse=True)
def project(settings: Any, db: None) -> Iterator[Any]:
    """Its settings; a test changes STOCKADE with `configure`."""
    settings.STOCKADE = STOCKADE
    settings.MIDDLEWARE = [
        "stockade.web.Middleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ]
    settings.ROOT_URLCONF = "tests.edge.urls"
    get_gate().reset()
    observe.clear()
    reporting.forget()
    yield settings
    get_gate().reset()
    observe.clear()
    clock.unshift()
    conf.forget()


@pytest.fixture
def configure(project: Any) -> Callable[..., None]:
    """Change single keys of STOCKADE."""

    def change(**keys: Any) -> None:
        project.STOCKADE = {**project.STOCKADE, **keys}

    return change


@pytest.fixture
def client() -> Client:
    """A stranger's; a 500 is an answer."""
    return Client(raise_request_exception=False)


@pytest.fixture
def log() -> Iterator[Callable[[], list[Any]]]:
    """The events of refusals so far."""
    found: list[Any] = []

    def remember(record: Any) -> None:
        if record.event.kind is events.Kind.REFUSAL:
            found.append(record)

    events.on(*events.Event)(remember)
    yield lambda: list(found)
    events.off(remember)
