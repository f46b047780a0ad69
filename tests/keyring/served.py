"""The credential views as real workers serve them, with lifetimes of seconds: settings and application for granian."""

from __future__ import annotations

import os
from typing import Any

from tests.settings import *  # noqa: F403 - settings are names
from tests.settings import REST_FRAMEWORK as REST_FRAMEWORK

ACCESS, SESSION, LEEWAY = 2, 2.5, 1  # seconds
MANY = "1000000/min"


def stockade(state: str) -> dict[str, Any]:
    """What the workers and whoever rotates their keys have in common.

    Args:
        state: URL of the state.
    """
    names = ("anon", "user", "login", "login_address", "failed_auth", "session_refresh")
    return {
        "STATE": state,
        "STATE_TIMEOUT": "30s",  # a loaded machine may make a writer wait
        "LIMITS": dict.fromkeys(names, MANY),
        "EVENTS": {"SINKS": ["null"]},
        "JWT": {
            "ACCESS_LIFETIME": ACCESS, "REFRESH_IDLE": SESSION, "REFRESH_ABSOLUTE": SESSION, "LEEWAY": LEEWAY,
            "ALGORITHM": "ES256",
        },
        # The margin is for a machine that has other things to do.
        "KEYRING": {"JWKS_MAX_AGE": 1, "MARGIN": 1.5},
    }  # fmt: skip


ROOT_URLCONF = "tests.schemes.urls"
MIDDLEWARE = ["stockade.web.Middleware"]
STOCKADE = stockade(os.environ.get("STOCKADE_TEST_STATE", ""))


def __getattr__(name: str) -> object:
    """`application` and `asgi`, made when a server asks for them: settings are imported without Django."""
    if name == "application":
        from django.core.wsgi import get_wsgi_application

        return get_wsgi_application()
    if name == "asgi":
        from django.core.asgi import get_asgi_application

        return get_asgi_application()
    raise AttributeError(name)
