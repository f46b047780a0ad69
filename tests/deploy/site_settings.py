"""A project's settings with deploy/django/production.py at their end, as a reader would copy it there."""

from __future__ import annotations

import os

from tests.deploy.files import DEPLOY
from tests.settings import *  # noqa: F403 - settings are names

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "rest_framework",
    "stockade",
]
MIDDLEWARE = ["stockade.web.Middleware", *MIDDLEWARE]  # noqa: F405
ROOT_URLCONF = "tests.deploy.site"
SIMPLE_JWT: dict[str, object] = {}  # of the suite, with a key that anybody guesses; nothing here reads it

_text = (DEPLOY / "django" / "production.py").read_text()
for _old, _new in (("/etc/myproject/ca.pem", os.environ["MYPROJECT_CA"]),):
    assert _old in _text
    _text = _text.replace(_old, _new)
exec(compile(_text, "deploy/django/production.py", "exec"))
DATABASES["default"]["PORT"] = os.environ.get("MYPROJECT_DATABASE_PORT", "")  # noqa: F405

if "MYPROJECT_TEST_SHIFT" in os.environ:  # a host whose clock is wrong
    from stockade.core import clock

    clock.shift(float(os.environ["MYPROJECT_TEST_SHIFT"]))
