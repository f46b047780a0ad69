"""The cases are not for this process: its INSTALLED_APPS lack the tables of those packages."""

from __future__ import annotations

from django.conf import settings

from tests.schemes.imports.test_imports import SETTINGS

collect_ignore = [] if settings.SETTINGS_MODULE == SETTINGS else ["cases"]
