"""The site of these tests as a WSGI application."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.proxy.site_settings"
application = get_wsgi_application()
