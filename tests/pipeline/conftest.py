"""A project with the middleware in front, users, and tokens that were really issued."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

import stockade
from stockade import conf, events
from stockade.core import clock
from stockade.gate.registry import get_gate
from tests.pipeline import views
from tests.state_servers import redis_server

STOCKADE: dict[str, Any] = {
    "STATE": "memory://",
    "EXEMPT": ["admin"],
    "LIMITS": {
        "anon": "1000/min",
        "user": "1000/min",
        "uploads": "2/min",
        "failed_auth": "30/min",
        "login": "5/min",
    },
    "EVENTS": {"SINKS": ["memory"]},
}
MIDDLEWARE = [
    "stockade.web.Middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is marked `every_state` runs in memory and in a Redis; what each state does itself is in tests/gate."""
    if metafunc.definition.get_closest_marker("every_state") is not None:
        metafunc.parametrize("state_url", ["memory", "redis"], indirect=True)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of this run."""
    with redis_server(folder=tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def state_url(request: pytest.FixtureRequest) -> str:
    """STATE."""
    return (
        "memory://"
        if getattr(request, "param", "memory") == "memory"
        else str(request.getfixturevalue("redis_url"))
    )


@pytest.fixture(autouse=True)
def project(settings: Any, db: None, state_url: str) -> Iterator[Any]:
    """The settings of this project; a test changes them with `configure`."""
    settings.STOCKADE = {**STOCKADE, "STATE": state_url, "STATE_TIMEOUT": "30s"}
    settings.MIDDLEWARE = MIDDLEWARE
    settings.ROOT_URLCONF = "tests.pipeline.urls"
    views.reached.clear()
    get_gate().reset()
    yield settings
    get_gate().reset()
    clock.unshift()
    conf.forget()


@pytest.fixture
def configure(project: Any) -> Callable[..., None]:
    """Change single keys of STOCKADE."""

    def change(**keys: Any) -> None:
        if "LIMITS" in keys:
            off = dict.fromkeys(["anon", "user", "login", "login_address", "failed_auth"])
            keys["LIMITS"] = {**off, "uploads": "2/min", **keys["LIMITS"]}
        project.STOCKADE = {**project.STOCKADE, **keys}

    return change


@pytest.fixture
def log() -> Iterator[Callable[[], list[Any]]]:
    """The events so far, but for those that tell of the state itself, and of requests that went well."""
    found: list[Any] = []

    def remember(record: Any) -> None:
        if record.event.kind not in (events.Kind.SYSTEM, events.Kind.SUCCESS):
            found.append(record)

    events.on(*events.Event)(remember)
    yield lambda: list(found)
    events.off(remember)


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    """Make a user in groups."""

    def make(name: str, *groups: str, **fields: Any) -> User:
        user = User.objects.create_user(name, f"{name}@example.com", "correct horse battery", **fields)
        user.groups.set([Group.objects.get_or_create(name=group)[0] for group in groups])
        return user

    return make


@pytest.fixture
def alice(make_user: Callable[..., User]) -> User:
    return make_user("alice", "Editors")


@pytest.fixture
def bob(make_user: Callable[..., User]) -> User:
    return make_user("bob", "Editors")


@pytest.fixture
def carol(make_user: Callable[..., User]) -> User:
    return make_user("carol", "Viewers")


@pytest.fixture
def client_of() -> Callable[..., Client]:
    """A client that sends a freshly issued access token of a user."""

    def make(user: User) -> Client:
        pair = stockade.issue(user)
        return Client(headers={"authorization": f"Bearer {pair.access}"}, raise_request_exception=False)

    return make


@pytest.fixture
def anonymous() -> Client:
    return Client(raise_request_exception=False)
