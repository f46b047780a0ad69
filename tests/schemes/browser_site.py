"""A project in browser mode as real workers serve it, under names that a browser takes for hosts of one site."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403 - settings are names
from tests.settings import REST_FRAMEWORK as REST_FRAMEWORK

ROOT_URLCONF = "tests.schemes.urls"
ALLOWED_HOSTS = [".localhost", "127.0.0.1"]
MIDDLEWARE = [
    "stockade.web.Middleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.common.CommonMiddleware",
]
# A page on another host of the site.
CSRF_TRUSTED_ORIGINS = CORS_ALLOWED_ORIGINS = [
    os.environ.get("STOCKADE_TEST_PAGE", "http://spa.app.localhost")
]
CORS_ALLOW_CREDENTIALS = True
CORS_ALLOW_HEADERS = ["authorization", "content-type", "x-stockade-csrf"]
STOCKADE = {
    "STATE": f"lmdb://{os.environ.get('STOCKADE_TEST_STATE', '')}",
    "STATE_TIMEOUT": "30s",  # a loaded machine may make a writer wait
    "JWT": {"REFRESH_COOKIE": "__Secure-refresh-token"},
    "LIMITS": {"anon": "100000/min", "user": "100000/min", "failed_auth": "100000/min"},
    "EVENTS": {"SINKS": ["null"]},
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
