"""The test project for sync workers."""

from __future__ import annotations

from django.core.wsgi import get_wsgi_application

from tests.faults.project import hooks

application = hooks.named(get_wsgi_application())
hooks.install()
