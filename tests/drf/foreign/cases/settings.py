"""The settings of the cases: a project that uses every package at once."""

from __future__ import annotations

import os
from typing import Any

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS as COMMON, RUN_DIR

INSTALLED_APPS = [
    *COMMON,
    "rest_framework.authtoken",
    "knox",
    "oauth2_provider",
    "rest_framework_api_key",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "dj_rest_auth",
]
_database: dict[str, Any] = DATABASES["default"]
if "sqlite" in _database["ENGINE"]:
    folder = os.environ.get("STOCKADE_TEST_FOREIGN", str(RUN_DIR))
    _database["TEST"] = {"NAME": f"{folder}/test.sqlite3"}
else:
    _database["TEST"] = {"NAME": f"test_foreign_{os.getpid()}"}
ROOT_URLCONF = "tests.drf.foreign.cases.urls"
MIDDLEWARE = [
    "stockade.web.Middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "stockade.schemes.backend.LoginLimits",
    "django.contrib.auth.backends.ModelBackend",
]
SIMPLE_JWT = {"SIGNING_KEY": "k" * 64, "CHECK_REVOKE_TOKEN": False}
REST_AUTH = {"USE_JWT": True, "JWT_AUTH_COOKIE": "jwt-auth", "JWT_AUTH_COOKIE_USE_CSRF": True}
OAUTH2_PROVIDER = {"SCOPES": {"read": "Read", "write": "Write"}}
ACCOUNT_EMAIL_VERIFICATION = "none"
