"""The project whose sessions are judged, as real workers serve it; each answer names the worker that gave it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from tests.settings import *  # noqa: F403 - settings are names

LEEWAY = 0.6  # seconds: short, so that sessions which outlive it are short too


def project(state: str) -> dict[str, Any]:
    """What every process of the run has in its settings."""
    many = "100000000/min"
    limits = dict.fromkeys(("anon", "user", "login", "login_address", "failed_auth", "session_refresh"), many)
    return {
        "STATE": state,
        "STATE_TIMEOUT": "30s",  # a loaded machine may make a writer wait
        "EVENTS": {"SINKS": ["database"], "FLUSH": "50ms"},
        "JWT": {"LEEWAY": LEEWAY},
        "LIMITS": limits,
    }


ROOT_URLCONF = "tests.linear.urls"
MIDDLEWARE = ["stockade.web.Middleware"]
STOCKADE = project(os.environ.get("STOCKADE_TEST_STATE", "memory://"))


def __getattr__(name: str) -> object:
    """`application`, made when a server asks for it: settings are imported without Django."""
    if name != "application":
        raise AttributeError(name)
    from django.core.wsgi import get_wsgi_application

    inner = get_wsgi_application()

    def application(environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [*headers, ("X-Worker", str(os.getpid()))], *more)

        return inner(environ, start)

    return application
