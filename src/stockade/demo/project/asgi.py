"""The reference API as an ASGI application."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "stockade.demo.project.settings"
application = get_asgi_application()
