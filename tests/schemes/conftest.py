"""A project with sessions: settings, users, issued pairs, the security log, and a state that starts empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from stockade.core import clock
from stockade.schemes.jwt import Pair, issue
from tests.around import Log, fresh, listening

STOCKADE: dict[str, Any] = {
    "STATE": "memory://",
    "EVENTS": {"SINKS": ["null"]},
    "LIMITS": {"anon": "100000/min", "user": "100000/min"},
}
PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def project(settings: Any) -> Iterator[Any]:
    """The settings of this project; a test changes STOCKADE with `configure`."""
    settings.STOCKADE = STOCKADE
    with fresh():
        yield settings


@pytest.fixture
def configure(project: Any) -> Callable[..., None]:
    """Change keys of STOCKADE."""

    def change(**keys: Any) -> None:
        project.STOCKADE = {**project.STOCKADE, **keys}

    return change


@pytest.fixture
def later() -> Callable[[float], None]:
    """Move both clocks by seconds."""
    return clock.shift


@pytest.fixture
def log() -> Iterator[Log]:
    """The security log of this test."""
    with listening() as found:
        yield found


@pytest.fixture
def make_user(db: None) -> Callable[..., Any]:
    """Make a user."""

    def make(name: str = "alice", password: str = PASSWORD, **fields: Any) -> Any:
        return get_user_model().objects.create_user(name, f"{name}@example.com", password, **fields)

    return make


@pytest.fixture
def alice(make_user: Callable[..., Any]) -> Any:
    """A user."""
    return make_user()


@pytest.fixture
def pair(alice: Any) -> Pair:
    """A pair of tokens of alice."""
    return issue(alice)
