"""The settings of the cases: a project that has every scheme in use."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from tests.schemes.session.parts import BACKENDS, MIDDLEWARE as MIDDLEWARES
from tests.settings import *  # noqa: F403
from tests.settings import (
    DATABASE_NAME,
    DATABASES,
    INSTALLED_APPS as COMMON,
    PASSWORD_HASHERS as QUICK,
    RUN_DIR,
)

INSTALLED_APPS = [
    *COMMON,
    "rest_framework.authtoken",
    "knox",
    "rest_framework_api_key",
    "rest_framework_simplejwt.token_blacklist",
]
_database: dict[str, Any] = DATABASES["default"]
if DATABASE_NAME is None:
    if "sqlite" in _database["ENGINE"]:
        folder = os.environ.get("STOCKADE_TEST_FOREIGN", str(RUN_DIR))
        _database["TEST"] = {"NAME": f"{folder}/test.sqlite3"}
    else:
        _database["TEST"] = {"NAME": f"test_every_{os.getpid()}"}
ROOT_URLCONF = "tests.schemes.every.cases.urls"
MIDDLEWARE = MIDDLEWARES
AUTHENTICATION_BACKENDS = BACKENDS
SESSION_ENGINE = "stockade.schemes.session"
PASSWORD_HASHERS = [*QUICK, "django.contrib.auth.hashers.PBKDF2PasswordHasher"]  # of old keys of drf-api-key
SIMPLE_JWT = {
    "SIGNING_KEY": "k" * 64,
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
}
STOCKADE: dict[str, Any] = {
    "STATE": "memory://",
    "SCHEMES": [
        "simplejwt", "jwt", "external", "authtoken", "knox", "token", "drf-api-key", "api_key", "session",
        "tests.schemes.every.cases.urls.LegacyToken",
    ],
    "ISSUERS": {
        "corporate": {
            "ISSUER": "http://127.0.0.1:9", "AUDIENCE": "https://api.example.com", "LOOPBACK": True,
        }
    },
    "EVENTS": {"SINKS": ["null"]},
    "EXEMPT": ["admin"],
    "LIMITS": {"anon": None, "user": None, "failed_auth": None, "session_refresh": None},
}  # fmt: skip
