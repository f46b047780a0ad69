"""The demo's settings behind a proxy that shows a secret; its folder is named by the environment, as the demo's is."""

from __future__ import annotations

import os

from stockade.demo.project.settings import *  # noqa: F403 - settings are names
from stockade.vault import secret
from tests.proxy import stand

ALLOWED_HOSTS = [*ALLOWED_HOSTS, stand.HOST]  # noqa: F405
ROOT_URLCONF = "tests.proxy.site"
MIDDLEWARE = [*MIDDLEWARE, "tests.edge.test_headers.outer"]  # noqa: F405
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
STOCKADE = {
    **STOCKADE,  # noqa: F405
    "LIMITS": {**STOCKADE["LIMITS"], "anon": os.environ.get("PROXY_TEST_ANON", "100000/min"),  # noqa: F405
               "user": "100000/min", "failed_auth": "100000/min"},
    "CORS": {"ORIGINS": [stand.ORIGIN]},
    "TRUSTED_PROXIES": ["127.0.0.1/32", "unix"],
    "PROXY_SECRET": secret("STOCKADE_PROXY_SECRET"),
}  # fmt: skip
