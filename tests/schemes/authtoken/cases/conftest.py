"""Users with tokens of the package, a client that shows them, and the security log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.authtoken.models import Token

from stockade import conf, keyring
from stockade.core import clock
from stockade.events import Record
from stockade.events.bus import Delivery, capture, release
from stockade.gate.registry import get_gate

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


def token_of(owner: User) -> str:
    return str(Token.objects.create(user=owner).key)


def status(token: str, **more: Any) -> int:
    return int(Client().get("/me/", HTTP_AUTHORIZATION=f"Token {token}", **more).status_code)


@pytest.fixture
def alice(db: None) -> User:
    return user("alice")


@pytest.fixture
def token(alice: User) -> str:
    """Alice's token of the package."""
    return token_of(alice)


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
