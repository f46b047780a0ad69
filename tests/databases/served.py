"""The project of these tests as real workers serve it; what differs in DATABASES stands in the environment, as JSON."""

from __future__ import annotations

import json
import os

from tests.settings import *  # noqa: F403 - settings are names
from tests.settings import DATABASES as DATABASES

_more = json.loads(os.environ.get("STOCKADE_TEST_OPTIONS", "{}"))
DATABASES["default"] |= {name: value for name, value in _more.items() if name != "OPTIONS"}
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"].get("OPTIONS", {}),
    **_more.get("OPTIONS", {}),
    # By which a test finds the connections of this project.
    "application_name": os.environ.get("STOCKADE_TEST_APPLICATION", "served"),
}
ROOT_URLCONF = "tests.databases.site"
MIDDLEWARE = [
    "stockade.web.Middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
STOCKADE = {
    "STATE": f"lmdb://{os.environ.get('STOCKADE_TEST_STATE', '')}",
    "STATE_TIMEOUT": "30s",  # a loaded machine may make a writer wait
    "EXEMPT": ["admin"],
    "LIMITS": dict.fromkeys(
        ["anon", "user", "failed_auth", "login", "login_address", "session_refresh"], "1000000/min"
    ),
    "EVENTS": {"SINKS": ["database"], "FLUSH": "20ms"},
}


def __getattr__(name: str) -> object:
    """`wsgi` and `asgi`, made when a server asks for them: settings are imported without Django."""
    if name == "wsgi":
        from django.core.wsgi import get_wsgi_application

        return get_wsgi_application()
    if name == "asgi":
        from django.core.asgi import get_asgi_application

        return get_asgi_application()
    raise AttributeError(name)
