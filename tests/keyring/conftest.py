"""A project with a key ring and nothing else: events in memory, the state in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stockade import conf, events, keyring
from stockade.core import clock
from stockade.gate.registry import get_gate

STOCKADE: dict[str, Any] = {"STATE": "memory://", "EVENTS": {"SINKS": ["null"]}}


@pytest.fixture(autouse=True)
def project(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The settings of this project."""
    for name in ("STOCKADE_KEY", "STOCKADE_KEY_FILE", "STOCKADE_KEY_FALLBACKS"):
        monkeypatch.delenv(name, raising=False)
    settings.STOCKADE = STOCKADE
    get_gate().reset()
    keyring.forget()
    yield settings
    clock.unshift()
    conf.forget()
    keyring.forget()


@pytest.fixture
def algorithm(project: Any) -> Callable[[str], None]:
    """Choose what new keys sign with."""

    def choose(name: str) -> None:
        project.STOCKADE = {**STOCKADE, "JWT": {"ALGORITHM": name}}

    return choose


@pytest.fixture
def log() -> Iterator[list[Any]]:
    """The events so far."""
    found: list[Any] = []

    @events.on(events.Event.KEY_CREATED, events.Event.KEY_ROTATED, events.Event.KEY_RETIRED)
    def remember(record: Any) -> None:
        found.append(record)

    yield found
    events.off(remember)
