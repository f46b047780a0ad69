"""The cases are not for this process: its INSTALLED_APPS lack simplejwt's tables."""

from __future__ import annotations

from django.conf import settings

from tests.schemes.imported.test_imported import SETTINGS

collect_ignore = [] if settings.SETTINGS_MODULE == SETTINGS else ["cases"]
