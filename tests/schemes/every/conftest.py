"""The cases are not for this process: its INSTALLED_APPS lack the tables of the packages that are imported from."""

from __future__ import annotations

from django.conf import settings

from tests.schemes.every.test_every import SETTINGS

collect_ignore = [] if settings.SETTINGS_MODULE == SETTINGS else ["cases"]
