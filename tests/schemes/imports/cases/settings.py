"""The settings of the cases: a project with authtoken, knox, drf-api-key and simplejwt, and Stockade beside them."""

from __future__ import annotations

import os
from typing import Any

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
        _database["TEST"] = {"NAME": f"test_imports_{os.getpid()}"}
# What drf-api-key hashed with before its 3.0.
PASSWORD_HASHERS = [*QUICK, "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
ROOT_URLCONF = "tests.schemes.imports.cases.urls"
MIDDLEWARE = ["stockade.web.Middleware"]
SIMPLE_JWT = {"SIGNING_KEY": "k" * 64, "ROTATE_REFRESH_TOKENS": True}
STOCKADE: dict[str, Any] = {
    "STATE": "memory://",
    "SCHEMES": ["authtoken", "knox", "token", "drf-api-key", "api_key", "simplejwt", "jwt"],
    "EVENTS": {"SINKS": ["null"]},
    "LIMITS": {"anon": "100000/min", "user": "100000/min", "failed_auth": "100000/min"},
}
