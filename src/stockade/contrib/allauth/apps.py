"""The app to name in INSTALLED_APPS: it hears of allauth's logins."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register
from django.db import connections

STRATEGY = "stockade.contrib.allauth.strategy.TokenStrategy"


class AllauthConfig(AppConfig):
    """`stockade.contrib.allauth`."""

    name = "stockade.contrib.allauth"
    label = "stockade_allauth"
    verbose_name = "Stockade for allauth"

    def ready(self) -> None:
        """Hear of logins, logouts and re-authentications."""
        from stockade.contrib.allauth import hearing

        hearing.connect()
        register(check, "security")


def check(app_configs: Any = None, **rest: Any) -> list[CheckMessage]:
    """What would fail at the first request."""
    from django.conf import settings

    found: list[CheckMessage] = []
    if getattr(settings, "HEADLESS_TOKEN_STRATEGY", "") == STRATEGY and any(
        connections[alias].settings_dict["ATOMIC_REQUESTS"] for alias in connections
    ):
        found.append(
            Error(
                "allauth's view of refresh tokens runs in a transaction, and what a stolen token ends must be kept.",
                hint="Set ATOMIC_REQUESTS to False, or HEADLESS_TOKEN_STRATEGY to allauth's own and get pairs by the "
                'view "token_allauth".',
                id="stockade.E054",
            )
        )
    return found
