"""The cases are not for this process: its INSTALLED_APPS lack the table of authtoken."""

from __future__ import annotations

from django.conf import settings

from tests.schemes.authtoken.test_authtoken import SETTINGS

collect_ignore = [] if settings.SETTINGS_MODULE == SETTINGS else ["cases"]
