"""Users with credentials of each package, and the security log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from stockade import conf, keyring
from stockade.core import clock
from stockade.events import Record
from stockade.events.bus import Delivery, capture, release
from stockade.gate.registry import get_gate
from tests.schemes.imports.cases.packages import PACKAGES, Package

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def project(settings: Any) -> Iterator[Any]:
    conf.forget()
    keyring.forget()
    get_gate().reset()
    yield settings
    get_gate().reset()
    clock.unshift()
    conf.forget()
    keyring.forget()


def user(name: str) -> User:
    return User.objects.create_user(name, f"{name}@example.com", PASSWORD)


@pytest.fixture(params=sorted(PACKAGES))
def package(request: pytest.FixtureRequest) -> Package:
    """The package that the project comes from."""
    return PACKAGES[request.param]


@pytest.fixture
def alice(db: None) -> User:
    return user("alice")


@pytest.fixture
def token(alice: User, package: Package) -> str:
    """Alice's credential of the package."""
    return package.make(alice)


@pytest.fixture
def tokens(db: None, package: Package) -> list[str]:
    """Of several users."""
    return [package.make(user(f"user{number}")) for number in range(5)]


class Log:
    """Every event from now on that was committed, or that the test's own transaction holds."""

    def __init__(self) -> None:
        self._seen: list[Delivery] = []

    def see(self, delivery: Delivery, /) -> None:
        self._seen.append(delivery)

    def __call__(self, name: str = "") -> list[Record]:
        kept = [delivery.record for delivery in self._seen if delivery.arrived or delivery.waiting]
        return [record for record in kept if not name or record.event.name == name]


@pytest.fixture
def log() -> Iterator[Log]:
    """The security log of this test."""
    found = Log()
    capture(found)
    yield found
    release(found)
