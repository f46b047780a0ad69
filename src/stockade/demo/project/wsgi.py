"""The reference API as an WSGI application."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "stockade.demo.project.settings"
application = get_wsgi_application()
