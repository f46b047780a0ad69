"""The cases are not for this process: its INSTALLED_APPS lack allauth."""

from __future__ import annotations

from django.conf import settings

from tests.contrib.allauth.test_allauth import SETTINGS

collect_ignore = [] if settings.SETTINGS_MODULE == SETTINGS else ["cases"]
