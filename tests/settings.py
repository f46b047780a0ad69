"""The Django settings of the test suite: SQLite in WAL mode, or PostgreSQL when the run asks for it.

Read from the environment:

- `STOCKADE_TEST_DATABASE`: `sqlite` (default) or `postgres`;
- `STOCKADE_TEST_DIR`: the folder of this run, made and removed by `tests/conftest.py`;
- `STOCKADE_TEST_POSTGRES`: the folder of the server's Unix socket, set by `tests/postgres.py`;
- `STOCKADE_TEST_DATABASE_NAME`: the database a child process shares with the test that started it, see
  `tests.servers.child_environment`.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import stockade.drf

# A run under pytest gets one folder for everything it writes. Its processes (xdist workers, servers) inherit it.
if "PYTEST_VERSION" in os.environ and "STOCKADE_TEST_DIR" not in os.environ:
    os.environ["STOCKADE_TEST_DIR"] = tempfile.mkdtemp(prefix="stockade-tests-")
    os.environ["STOCKADE_TEST_DIR_OWNER"] = str(os.getpid())
    # lmdb:// without a path: here, not at home.
    os.environ["XDG_STATE_HOME"] = os.environ["STOCKADE_TEST_DIR"]

RUN_DIR = Path(os.environ["STOCKADE_TEST_DIR"]) if "STOCKADE_TEST_DIR" in os.environ else None
DATABASE = os.environ.get("STOCKADE_TEST_DATABASE", "sqlite")
DATABASE_NAME = os.environ.get("STOCKADE_TEST_DATABASE_NAME")

DATABASES: dict[str, dict[str, Any]]
if DATABASE == "postgres":
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": DATABASE_NAME or "stockade",
            "HOST": os.environ.get("STOCKADE_TEST_POSTGRES", ""),
            "USER": "postgres",
            "TEST": {"NAME": "test_stockade"},
        }
    }
else:
    # A file, not ":memory:", so that threads and other processes see the same rows.
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATABASE_NAME or (str(RUN_DIR / "stockade.sqlite3") if RUN_DIR else ":memory:"),
            "TEST": {"NAME": str(RUN_DIR / "test.sqlite3") if RUN_DIR else None},
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    }

SECRET_KEY = "the tests' own, and no secret"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1", "[::1]"]
USE_TZ = True
LANGUAGE_CODE = "en"
ROOT_URLCONF = "tests.urls"
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# The cheapest hasher Django ships: a test that is about password hashing names its own.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "stockade",
    "stockade.demo.articles",
    "guardian",
    "tests.policy_app",
]
ANONYMOUS_USER_NAME = None  # guardian would put a user of its own into every test database
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
# DRF's view classes read these once, when they are imported: one choice for the whole suite.
REST_FRAMEWORK = {
    **stockade.drf.defaults({}),
    # As in a project that had throttles before; a test says which (DRF freezes the classes of its views at the start).
    "DEFAULT_THROTTLE_CLASSES": ["stockade.drf.throttling.StockadeThrottle"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
# simplejwt's modules keep the settings that they were imported with, whoever imports them first: so they are here.
SIMPLE_JWT = {"ROTATE_REFRESH_TOKENS": True, "SIGNING_KEY": "k" * 64}
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
