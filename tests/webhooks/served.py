"""The project of these tests as real workers serve it: settings and application for granian."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403 - settings are names
from tests.webhooks.configured import STOCKADE as _STOCKADE

ROOT_URLCONF = "tests.webhooks.urls"
MIDDLEWARE = ["stockade.web.Middleware", "django.middleware.csrf.CsrfViewMiddleware"]
STOCKADE = {
    **_STOCKADE,
    "STATE": os.environ.get("STOCKADE_TEST_STATE", "memory://"),
    "STATE_TIMEOUT": "30s",  # a loaded machine may make a writer wait
    "LIMITS": {"anon": "3/day", "user": "3/day", "failed_auth": "100000/min"},
    "EVENTS": {"SINKS": ["database"], "FLUSH": "20ms"},
}


def __getattr__(name: str) -> object:
    """`application` and `asgi`, made when a server asks for them: settings are imported without Django."""
    if name == "application":
        from django.core.wsgi import get_wsgi_application

        return get_wsgi_application()
    if name == "asgi":
        from django.core.asgi import get_asgi_application

        return get_asgi_application()
    raise AttributeError(name)
