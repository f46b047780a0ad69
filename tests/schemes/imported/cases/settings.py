"""The settings of the cases: a project with simplejwt and its blacklist, that has Stockade beside it."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from tests.settings import *  # noqa: F403
from tests.settings import DATABASE_NAME, DATABASES, INSTALLED_APPS as COMMON, RUN_DIR

INSTALLED_APPS = [*COMMON, "rest_framework_simplejwt.token_blacklist"]
_database: dict[str, Any] = DATABASES["default"]
if DATABASE_NAME is None:
    if "sqlite" in _database["ENGINE"]:
        folder = os.environ.get("STOCKADE_TEST_FOREIGN", str(RUN_DIR))
        _database["TEST"] = {"NAME": f"{folder}/test.sqlite3"}
    else:
        _database["TEST"] = {"NAME": f"test_imported_{os.getpid()}"}
ROOT_URLCONF = "tests.schemes.urls"
MIDDLEWARE = ["stockade.web.Middleware"]
SIMPLE_JWT = {
    "SIGNING_KEY": "k" * 64,
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
}
STOCKADE: dict[str, Any] = {
    "STATE": "memory://",
    "SCHEMES": ["simplejwt", "jwt"],
    "JWT": {"PROFILE": "simplejwt"},
    "ERRORS": "drf",
    "EVENTS": {"SINKS": ["null"]},
    "LIMITS": {"anon": "100000/min", "user": "100000/min"},
}
