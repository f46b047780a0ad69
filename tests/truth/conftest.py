"""A project on lmdb, users, and sessions."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from stockade import conf, keyring
from stockade.core import clock
from stockade.gate.keys import session_key, subject_key
from stockade.gate.protocol import Gate
from stockade.gate.registry import get_gate
from stockade.models import Session
from stockade.truth import loading, reconciler


def configuration(directory: Path) -> dict[str, Any]:
    """STOCKADE for a state in `directory`."""
    return {"STATE": f"lmdb://{directory}", "STATE_SIZE": "4M", "EVENTS": {"SINKS": ["null"]}}


@pytest.fixture(autouse=True)
def project(settings: Any, tmp_path: Path) -> Iterator[Any]:
    """The settings of this project."""
    settings.STOCKADE = configuration(tmp_path / "state")
    yield settings
    reconciler.forget()
    loading.forget()
    clock.unshift()
    conf.forget()
    keyring.forget()


@pytest.fixture
def gate(project: Any) -> Gate:
    """The state of this process, loaded."""
    found = get_gate()
    found.load([], 0)
    return found


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", password="correct horse battery")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob", password="correct horse battery")


def make_session(user: Any, **fields: Any) -> Session:
    """A live session of a user."""
    now = clock.now_datetime()
    return Session.objects.create(
        **{
            "id": uuid.uuid4(),
            "user": user,
            "kid": "k",
            "stamp": "s",
            "created_at": now,
            "auth_time": now,
            "rotated_at": now,
            "idle_expires_at": now + timedelta(days=7),
            "expires_at": now + timedelta(days=30),
            **fields,
        }
    )


@pytest.fixture
def session_of(db: None) -> Callable[..., Session]:
    return make_session


def subject(gate: Gate, user: Any) -> int:
    """A user's epoch as workers see it: 0, a number, or DIRTY."""
    return gate.ask((subject_key(str(getattr(user, "pk", user))),), ()).epochs[0]


def session_epoch(gate: Gate, row: Any) -> int:
    """A session's epoch as workers see it."""
    return gate.ask((session_key(str(getattr(row, "pk", row))),), ()).epochs[0]


def session(gate: Gate, row: Any) -> int:
    """0 while a session's epoch has not moved, 1 once it has, or DIRTY."""
    return min(session_epoch(gate, row), 1)


def world(gate: Gate) -> int:
    """The world's epoch as workers see it."""
    return gate.ask((), ()).world
