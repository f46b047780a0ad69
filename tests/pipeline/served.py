"""The pipeline's test project as real workers serve it: settings and application for granian."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403 - settings are names
from tests.settings import REST_FRAMEWORK as REST_FRAMEWORK

ROOT_URLCONF = "tests.pipeline.urls"
MIDDLEWARE = [
    "stockade.web.Middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
STOCKADE = {
    "STATE": f"lmdb://{os.environ.get('STOCKADE_TEST_STATE', '')}",
    "STATE_TIMEOUT": "30s",  # a loaded machine may make a writer wait
    "EXEMPT": ["admin"],
    "LIMITS": {"anon": "100000/min", "user": "100000/min", "uploads": "100/min", "failed_auth": "100000/min"},
    "EVENTS": {"SINKS": ["database"], "FLUSH": "50ms"},
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
