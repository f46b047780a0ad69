"""A project that a browser attacks from pages of other origins; with OFF in the environment, without the controls."""

from __future__ import annotations

import os

import stockade.edge
from tests.settings import *  # noqa: F403 - settings are names

OFF = os.environ.get("STOCKADE_TEST_EDGE") == "off"
PAGE = os.environ.get("STOCKADE_TEST_PAGE", "http://spa.localhost")
_HEADERS = (
    "Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options", "Cross-Origin-Resource-Policy",
    "Cross-Origin-Embedder-Policy",
)  # fmt: skip

if not OFF:
    # As it is deployed, but for TLS, which the loopback address has no certificate for.
    globals().update(stockade.edge.settings("browser", CSRF_TRUSTED_ORIGINS=[PAGE]))
ALLOWED_HOSTS = [".localhost", "127.0.0.1"]
ROOT_URLCONF = "tests.edge.browser_urls"
MIDDLEWARE = [
    "stockade.web.Middleware",
    *(["corsheaders.middleware.CorsMiddleware"] if OFF else []),
    "django.middleware.common.CommonMiddleware",
]
CORS_ALLOW_ALL_ORIGINS = CORS_ALLOW_CREDENTIALS = OFF
STOCKADE = {
    "STATE": "memory://",
    "SCHEMES": ["jwt", "tests.edge.browser_urls.OfACookie"],
    "LIMITS": dict.fromkeys(["anon", "user", "login", "login_address", "failed_auth"]),
    "EVENTS": {"SINKS": ["null"]},
    "PLAIN_HTTP": "serve",
    **(
        {"HEADERS": dict.fromkeys(_HEADERS)}
        if OFF
        else {
            "CORS": {
                "ORIGINS": [PAGE],
                "CREDENTIALS": True,
                "PATHS": {"/public/": {"ORIGINS": "*", "CREDENTIALS": False}},
            }
        }
    ),
}


def __getattr__(name: str) -> object:
    """`application`, made when a server asks for it: settings are imported without Django."""
    if name == "application":
        from django.core.wsgi import get_wsgi_application

        return get_wsgi_application()
    raise AttributeError(name)
