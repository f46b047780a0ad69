"""The pipeline's test project, and the plugin's fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from stockade import conf
from stockade.core import clock
from stockade.testing.plugin import (
    as_principal,
    captured_events,
    moving_time,
    stockade_api_client,
    stockade_client,
    stockade_settings,
)
from stockade.testing.state import reset

__all__ = [
    "as_principal",
    "captured_events",
    "moving_time",
    "stockade_api_client",
    "stockade_client",
    "stockade_settings",
]

STOCKADE = {
    "STATE": "memory://",
    "EXEMPT": ["admin"],
    "LIMITS": {"anon": "3/min", "user": "5/min", "uploads": "2/min"},
    "EVENTS": {"SINKS": ["database"]},
}
MIDDLEWARE = [
    "stockade.web.Middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]


@pytest.fixture(autouse=True)
def project(settings: Any) -> Iterator[Any]:
    settings.STOCKADE = STOCKADE
    settings.MIDDLEWARE = MIDDLEWARE
    settings.ROOT_URLCONF = "tests.pipeline.urls"
    reset()
    yield settings
    clock.unshift()
    conf.forget()


@pytest.fixture
def alice(db: None) -> User:
    user = User.objects.create_user("alice", "alice@example.org", "secret")
    user.groups.add(Group.objects.create(name="Editors"))
    return user
