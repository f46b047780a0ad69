"""A project that names each package in SCHEMES, beside our own tokens."""

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
from tests.drf.foreign.cases import views
from tests.drf.foreign.cases.packages import PACKAGES, PASSWORD, Package

STOCKADE: dict[str, Any] = {
    "STATE": "memory://",
    "SCHEMES": ["jwt"],
    "EXEMPT": ["exempt"],
    "LIMITS": dict.fromkeys(["anon", "user", "login", "login_address", "failed_auth"]),
    "EVENTS": {"SINKS": ["memory"]},
}
ORDERS = ("first", "last")


@pytest.fixture(autouse=True)
def project(settings: Any, db: None) -> Iterator[Any]:
    settings.STOCKADE = STOCKADE
    views.seen.clear()
    get_gate().reset()
    yield settings
    get_gate().reset()
    clock.unshift()
    conf.forget()


@pytest.fixture
def configure(project: Any) -> Callable[..., None]:
    """Change single keys of STOCKADE; limits that are not named stay off."""

    def change(*schemes: str, **keys: Any) -> None:
        if schemes:
            keys["SCHEMES"] = list(schemes)
        if "LIMITS" in keys:
            keys["LIMITS"] = {**STOCKADE["LIMITS"], **keys["LIMITS"]}
        project.STOCKADE = {**project.STOCKADE, **keys}

    return change


@pytest.fixture(params=PACKAGES)
def package(request: pytest.FixtureRequest) -> Package:
    return PACKAGES[request.param]


@pytest.fixture
def user() -> User:
    made = User.objects.create_user("alice", "alice@example.com", PASSWORD)
    made.groups.add(Group.objects.create(name="Editors"))
    return made


@pytest.fixture
def bearer(user: User) -> Client:
    """A client with a token of our own."""
    pair = stockade.issue(user)
    return Client(headers={"authorization": f"Bearer {pair.access}"}, raise_request_exception=False)


@pytest.fixture
def anonymous() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture
def log() -> Iterator[Callable[[], list[Any]]]:
    """Every event of the requests so far."""
    found: list[Any] = []

    def remember(record: Any) -> None:
        if record.event.kind is not events.Kind.SYSTEM:
            found.append(record)

    events.on(*events.Event)(remember)
    yield lambda: list(found)
    events.off(remember)
