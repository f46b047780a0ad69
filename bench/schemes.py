"""The stacks of other schemes than JWT, ours and those that each stands beside."""

from __future__ import annotations

from typing import Any

from bench.rows import Place, Row
from bench.stacks import APPS, MIDDLEWARE, REST_FRAMEWORK, Issued, Stockade

COOKIE = "HTTP_COOKIE"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
LOGGED_IN = "rest_framework.permissions.IsAuthenticated"


class StockadeToken(Stockade):
    """The same with opaque tokens."""

    def settings(self, row: Row, place: Place) -> dict[str, Any]:
        values = super().settings(row, place)
        return {**values, "STOCKADE": {**values["STOCKADE"], "SCHEMES": ["token"]}}

    def issue(self, users: list[Any]) -> list[Issued]:
        from django.db import transaction

        import stockade
        from stockade.core import clock
        from stockade.models import OpaqueToken

        with transaction.atomic():
            issued = [Issued(f"Token {stockade.create_token(user).token}") for user in users]
            # As in the middle of a day: that a token is in use is written once in ten minutes, not in this run.
            OpaqueToken.objects.update(last_used_at=clock.now_datetime())
        return issued


class DrfToken:
    """TokenAuthentication and IsAuthenticated."""

    def settings(self, row: Row, place: Place) -> dict[str, Any]:
        return {
            "ROOT_URLCONF": "bench.sites.bare",
            "INSTALLED_APPS": [*APPS, "rest_framework.authtoken"],
            "REST_FRAMEWORK": {
                **REST_FRAMEWORK,
                "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
                "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
            },
            "BENCH_REDIS": place.redis,
        }

    def issue(self, users: list[Any]) -> list[Issued]:
        from rest_framework.authtoken.models import Token

        keys = [Token(user=user, key=Token.generate_key()) for user in users]
        return [Issued(f"Token {token.key}") for token in Token.objects.bulk_create(keys)]


class StockadeKey(Stockade):
    """The same with API keys of services."""

    def settings(self, row: Row, place: Place) -> dict[str, Any]:
        values = super().settings(row, place)
        return {**values, "STOCKADE": {**values["STOCKADE"], "SCHEMES": ["api_key"]}}

    def issue(self, users: list[Any]) -> list[Issued]:
        from django.db import transaction

        import stockade
        from stockade.core import clock
        from stockade.models import OpaqueToken

        with transaction.atomic():
            made = [stockade.create_key(f"service {user.pk}", scopes=["read"]) for user in users]
            OpaqueToken.objects.update(last_used_at=clock.now_datetime())
        return [Issued(f"Api-Key {one.token}") for one in made]


class StockadeSession(Stockade):
    """The same with a session in a cookie, beside Django's own middleware for it."""

    def settings(self, row: Row, place: Place) -> dict[str, Any]:
        values = super().settings(row, place)
        first, *others = values["MIDDLEWARE"]
        return {
            **values,
            "INSTALLED_APPS": [*APPS, "stockade"],
            "MIDDLEWARE": [first, SESSIONS, *others, "django.middleware.csrf.CsrfViewMiddleware"],
            "SESSION_ENGINE": "stockade.schemes.session",
            "STOCKADE": {**values["STOCKADE"], "SCHEMES": ["session"]},
        }

    def issue(self, users: list[Any]) -> list[Issued]:
        from django.db import transaction

        with transaction.atomic():
            return sessions(users)


class DrfSession:
    """SessionAuthentication and IsAuthenticated, sessions in the database."""

    def settings(self, row: Row, place: Place) -> dict[str, Any]:
        return {
            "ROOT_URLCONF": "bench.sites.bare",
            "INSTALLED_APPS": [*APPS, "django.contrib.sessions"],
            "MIDDLEWARE": [
                SESSIONS,
                *MIDDLEWARE,
                "django.contrib.auth.middleware.AuthenticationMiddleware",
            ],
            "REST_FRAMEWORK": {
                **REST_FRAMEWORK,
                "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
                "DEFAULT_PERMISSION_CLASSES": [LOGGED_IN],
            },
        }

    def issue(self, users: list[Any]) -> list[Issued]:
        from django.db import transaction

        with transaction.atomic():
            return sessions(users)


class Knox:
    """knox's TokenAuthentication and IsAuthenticated."""

    def settings(self, row: Row, place: Place) -> dict[str, Any]:
        return {
            "ROOT_URLCONF": "bench.sites.bare",
            "INSTALLED_APPS": [*APPS, "knox"],
            "REST_FRAMEWORK": {
                **REST_FRAMEWORK,
                "DEFAULT_AUTHENTICATION_CLASSES": ["knox.auth.TokenAuthentication"],
                "DEFAULT_PERMISSION_CLASSES": [LOGGED_IN],
            },
        }

    def issue(self, users: list[Any]) -> list[Issued]:
        from django.db import transaction
        from knox.models import AuthToken  # type: ignore[import-untyped]

        with transaction.atomic():
            return [Issued(f"Token {AuthToken.objects.create(user)[1]}") for user in users]


class DrfApiKey:
    """djangorestframework-api-key's HasAPIKey."""

    def settings(self, row: Row, place: Place) -> dict[str, Any]:
        return {
            "ROOT_URLCONF": "bench.sites.bare",
            "INSTALLED_APPS": [*APPS, "rest_framework_api_key"],
            "REST_FRAMEWORK": {
                **REST_FRAMEWORK,
                "DEFAULT_PERMISSION_CLASSES": ["rest_framework_api_key.permissions.HasAPIKey"],
            },
        }

    def issue(self, users: list[Any]) -> list[Issued]:
        from django.db import transaction
        from rest_framework_api_key.models import APIKey

        with transaction.atomic():
            return [
                Issued(f"Api-Key {APIKey.objects.create_key(name=f'service {user.pk}')[1]}") for user in users
            ]


def sessions(users: list[Any]) -> list[Issued]:
    """A session for each user, as Django's login makes it in whichever engine."""
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import login
    from django.http import HttpRequest

    store = import_module(settings.SESSION_ENGINE).SessionStore
    issued = []
    for user in users:
        request = HttpRequest()
        request.session = store()
        login(request, user, "django.contrib.auth.backends.ModelBackend")
        request.session.save()
        issued.append(Issued(f"{settings.SESSION_COOKIE_NAME}={request.session.session_key}", header=COOKIE))
    return issued
