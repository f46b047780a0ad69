"""The cases are not for this process: its INSTALLED_APPS lack the packages that they import."""

from __future__ import annotations

from django.conf import settings

from tests.drf.foreign.inner import SETTINGS

collect_ignore = [] if settings.SETTINGS_MODULE == SETTINGS else ["cases"]
