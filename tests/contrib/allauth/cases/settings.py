"""The settings of the cases: a project with allauth's pages and API, second factors and passkeys, and Stockade."""

from __future__ import annotations

import os
from typing import Any

from tests.settings import *  # noqa: F403
from tests.settings import DATABASE_NAME, DATABASES, INSTALLED_APPS as COMMON, RUN_DIR

INSTALLED_APPS = [
    *COMMON, "allauth", "allauth.account", "allauth.mfa", "allauth.headless", "stockade.contrib.allauth",
]  # fmt: skip
_database: dict[str, Any] = DATABASES["default"]
if DATABASE_NAME is None:
    if "sqlite" in _database["ENGINE"]:
        folder = os.environ.get("STOCKADE_TEST_FOREIGN", str(RUN_DIR))
        _database["TEST"] = {"NAME": f"{folder}/test.sqlite3"}
    else:
        _database["TEST"] = {"NAME": f"test_allauth_{os.getpid()}"}
ROOT_URLCONF = "tests.contrib.allauth.cases.urls"
ALLOWED_HOSTS = ["*"]
MIDDLEWARE = [
    "stockade.web.Middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
SESSION_ENGINE = "stockade.schemes.session"
LOGIN_REDIRECT_URL = "/me/"
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_RATE_LIMITS = False
HEADLESS_TOKEN_STRATEGY = "stockade.contrib.allauth.strategy.TokenStrategy"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TRUST_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True  # the browser of the cases comes by plain HTTP
MFA_TOTP_TOLERANCE = 1  # each code is good once, and a case needs several
STOCKADE: dict[str, Any] = {
    "STATE": "memory://",
    "SCHEMES": ["session", "jwt"],
    "EXEMPT": ["allauth"],
    "EVENTS": {"SINKS": ["null"]},
    "LIMITS": {"anon": "100000/min", "user": "100000/min", "failed_auth": "100000/min"},
}
