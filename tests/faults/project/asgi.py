"""The test project for async workers."""

from __future__ import annotations

from django.core.asgi import get_asgi_application

from tests.faults.project import hooks

application = hooks.named_async(get_asgi_application())
hooks.install()
