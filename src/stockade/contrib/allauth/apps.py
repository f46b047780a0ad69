"""The app to name in INSTALLED_APPS: it hears of allauth's logins."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.core.checks import CheckMessage, Error, register
from django.db import connections
from django.utils.module_loading import import_string

STRATEGY = "stockade.contrib.allauth.strategy.TokenStrategy"
SESSIONS = "stockade.contrib.allauth.strategy.SessionStrategy"


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
        register(check_codes, "security", deploy=True)


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
                hint=f'Set ATOMIC_REQUESTS to False, or HEADLESS_TOKEN_STRATEGY to "{SESSIONS}" and get pairs by the '
                'view "token_allauth".',
                id="stockade.E054",
            )
        )
    apps = "allauth.headless" in settings.INSTALLED_APPS and "app" in _clients()
    if apps and not _asks_for_bans(getattr(settings, "HEADLESS_TOKEN_STRATEGY", "")):
        found.append(
            checks.Warning(
                "allauth's API for apps takes the session tokens of banned users and sessions.",
                hint=f'Set HEADLESS_TOKEN_STRATEGY to "{STRATEGY}" or "{SESSIONS}", or to a strategy that is made of '
                'one of them; or HEADLESS_CLIENTS to ("browser",).',
                id="stockade.W055",
            )
        )
    return found


def check_codes(app_configs: Any = None, **rest: Any) -> list[CheckMessage]:
    """What would let codes of a second factor be guessed: allauth counts them, in Django's cache."""
    from allauth.account import app_settings
    from django.conf import settings

    if "allauth.mfa" not in settings.INSTALLED_APPS:
        return []
    if not app_settings.RATE_LIMITS.get("login_failed"):
        why = "ACCOUNT_RATE_LIMITS has no login_failed"
        hint = 'Leave ACCOUNT_RATE_LIMITS out, or write {"login_failed": "10/m/ip,5/300s/key"}.'
    elif settings.CACHES["default"]["BACKEND"].rpartition(".")[2] in _OWN_CACHES:
        why = "allauth counts them in CACHES, where each process has a cache of its own, or none"
        hint = "Write a cache that all processes share, such as django.core.cache.backends.redis.RedisCache."
    else:
        return []
    text = f"Codes of a second factor can be guessed by whoever knows the password: {why}."
    return [checks.Warning(text, hint=hint, id="stockade.W056")]


_OWN_CACHES = frozenset({"LocMemCache", "DummyCache"})


def _clients() -> tuple[str, ...]:
    from allauth.headless import app_settings

    return tuple(app_settings.CLIENTS)


def _asks_for_bans(path: str) -> bool:
    from stockade.contrib.allauth.strategy import SessionStrategy

    try:
        return isinstance(found := import_string(path), type) and issubclass(found, SessionStrategy)
    except ImportError:
        return False
