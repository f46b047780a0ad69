"""Settings of the test project; what differs from run to run stands in FAULTS_CONFIG, as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import stockade.drf

FOLDER = Path(os.environ["FAULTS_DIR"])
_config = json.loads(os.environ["FAULTS_CONFIG"])

SECRET_KEY = "the fault test's own, and no secret"
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "tests.faults.project.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES = {"default": _config["database"]}
STATIC_URL = "/static/"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "rest_framework",
    "stockade",
    "tests.faults.project",
]
MIDDLEWARE = [
    "stockade.web.Middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STOCKADE = {
    "EXEMPT": ["admin"],
    # Limits are charged, and never reached: a 429 would hide what is looked for.
    "LIMITS": dict.fromkeys(
        ["anon", "user", "credential", "login", "login_address", "failed_auth", "session_refresh"],
        "100000000/min",
    ),
    # Clocks are set back and forth by up to 25 s: neither ends a token early, nor makes one of tomorrow.
    "JWT": {"ACCESS_LIFETIME": "2h", "CLOCK_SKEW": "60s"},
    "EVENTS": {"SINKS": ["log"], "LOG": str(FOLDER / "security.log")},
    **_config["stockade"],
}
REST_FRAMEWORK = {
    **stockade.drf.defaults(),
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"failures": {"()": "tests.faults.project.hooks.Failures"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["failures"]}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"django.request": {"level": "ERROR"}},  # refusals stand in the security log
}
