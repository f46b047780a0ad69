"""The site of these tests as real workers serve it: settings and application for granian."""

from __future__ import annotations

import os

from tests.schemes.session import parts
from tests.settings import *  # noqa: F403 - settings are names
from tests.settings import REST_FRAMEWORK as REST_FRAMEWORK

ROOT_URLCONF = "tests.schemes.session.site"
SESSION_ENGINE = "stockade.schemes.session"
MIDDLEWARE = parts.MIDDLEWARE
AUTHENTICATION_BACKENDS = parts.BACKENDS
STOCKADE = {
    "STATE": os.environ.get("STOCKADE_TEST_STATE", "memory://"),
    "STATE_TIMEOUT": "30s",  # a loaded machine may make a writer wait
    "SCHEMES": ["session", "jwt"],
    "EXEMPT": ["admin"],
    "LIMITS": {"anon": "100000/min", "user": "100000/min", "failed_auth": "100000/min"},
    "EVENTS": {"SINKS": ["null"]},
}


def __getattr__(name: str) -> object:
    """`application`, made when a server asks for it: settings are imported without Django."""
    if name == "application":
        from django.core.wsgi import get_wsgi_application

        return get_wsgi_application()
    raise AttributeError(name)
