"""The settings of the cases: a project with authtoken, that has Stockade beside it."""

from __future__ import annotations

import os
from typing import Any

from tests.settings import *  # noqa: F403
from tests.settings import DATABASE_NAME, DATABASES, INSTALLED_APPS as COMMON, RUN_DIR

INSTALLED_APPS = [*COMMON, "rest_framework.authtoken"]
_database: dict[str, Any] = DATABASES["default"]
if DATABASE_NAME is None:
    if "sqlite" in _database["ENGINE"]:
        folder = os.environ.get("STOCKADE_TEST_FOREIGN", str(RUN_DIR))
        _database["TEST"] = {"NAME": f"{folder}/test.sqlite3"}
    else:
        _database["TEST"] = {"NAME": f"test_authtoken_{os.getpid()}"}
ROOT_URLCONF = "tests.schemes.authtoken.cases.urls"
MIDDLEWARE = ["stockade.web.Middleware"]
STOCKADE: dict[str, Any] = {
    "STATE": "memory://",
    "SCHEMES": ["authtoken", "token", "jwt"],
    "EVENTS": {"SINKS": ["null"]},
    "LIMITS": {"anon": "100000/min", "user": "100000/min", "failed_auth": "100000/min"},
}
