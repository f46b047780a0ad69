"""A project that takes messages of every vendor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from stockade import conf
from stockade.core import clock
from stockade.events.bus import Delivery, capture, release
from stockade.gate.registry import get_gate
from tests.state_servers import redis_server
from tests.webhooks import urls
from tests.webhooks.configured import STOCKADE, WEBHOOKS
from tests.webhooks.senders import Sent


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(folder=tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(autouse=True)
def project(settings: Any, db: None) -> Iterator[Any]:
    """The settings of this project; a test changes them with `configure`."""
    settings.STOCKADE = STOCKADE
    settings.MIDDLEWARE = [
        "stockade.web.Middleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ]
    settings.ROOT_URLCONF = "tests.webhooks.urls"
    urls.taken.clear()
    urls.outcome[0] = 204
    get_gate().reset()
    yield settings
    get_gate().reset()
    clock.unshift()
    conf.forget()


@pytest.fixture
def configure(project: Any) -> Callable[..., None]:
    """Change keys of STOCKADE."""

    def change(**keys: Any) -> None:
        project.STOCKADE = {**project.STOCKADE, **keys}

    return change


@pytest.fixture
def source(configure: Callable[..., None]) -> Callable[..., None]:
    """Change keys of one source of WEBHOOKS."""

    def change(name: str, **keys: Any) -> None:
        configure(WEBHOOKS={**WEBHOOKS, name: {**WEBHOOKS[name], **keys}})

    return change


@pytest.fixture
def send() -> Callable[..., Any]:
    """Send a message through Django's test client, which enforces CSRF as for a browser."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)

    def send(message: Sent, path: str = "") -> Any:
        return client.post(
            path or message.url, data=message.body, content_type=message.content_type, headers=message.headers
        )

    return send


class Log:
    def __init__(self) -> None:
        self.seen: list[Delivery] = []

    def see(self, delivery: Delivery, /) -> None:
        self.seen.append(delivery)


@pytest.fixture
def log() -> Iterator[Callable[[], list[tuple[str, str]]]]:
    """The events since, as (tag, reason)."""
    found = Log()
    capture(found)
    yield lambda: [
        (one.record.event.name, one.record.reason)
        for one in found.seen
        if not one.record.event.name.startswith("STATE")
    ]
    release(found)


@pytest.fixture
def taken() -> list[Any]:
    """What the views got."""
    return urls.taken
