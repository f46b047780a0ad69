"""How each stack is set up: its Django settings, and the credentials of its callers."""

from __future__ import annotations

import ipaddress
import os
from typing import Any, NamedTuple, Protocol

from bench import postgres_server
from bench.rows import Place, Row

SECRET_KEY = "the bench's own, long enough for HS256, and no secret"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"]
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
}
KEEP = {name: REST_FRAMEWORK[name] for name in ("DEFAULT_RENDERER_CLASSES", "DEFAULT_PARSER_CLASSES")}


class Issued(NamedTuple):
    """What one caller holds.

    Args:
        credential: the value of the header that shows it.
        refresh: a refresh token, where the stack has them.
        header: as WSGI names it.
    """

    credential: str
    refresh: str = ""
    header: str = "HTTP_AUTHORIZATION"


class Stack(Protocol):
    """One way to guard the view."""

    def settings(self, row: Row, place: Place) -> dict[str, Any]:
        """Django settings beyond `common`."""
        ...

    def issue(self, users: list[Any]) -> list[Issued]:
        """Credentials for `users`, in order, that outlast the run."""
        ...


def common(row: Row, place: Place) -> dict[str, Any]:
    """What all stacks share; their database's connection stays open (to the stock parts' favour)."""
    return {
        "SECRET_KEY": SECRET_KEY,
        "ALLOWED_HOSTS": ["bench.example"],
        "USE_TZ": True,
        "DEBUG": False,
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "INSTALLED_APPS": APPS,
        "MIDDLEWARE": MIDDLEWARE,
        "REST_FRAMEWORK": REST_FRAMEWORK,
        "DATABASES": {"default": {**_database(row, place), "CONN_MAX_AGE": None}},
    }


def _database(row: Row, place: Place) -> dict[str, Any]:
    if row.options.get("database") == "postgres":
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": place.folder.name,
            "HOST": place.postgres,
            "USER": postgres_server.USER,
        }
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(place.folder / "bench.sqlite3"),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


class Bare:
    """AllowAny; observed by Stockade where the row says so."""

    def settings(self, row: Row, place: Place) -> dict[str, Any]:
        kept = REST_FRAMEWORK
        if row.options.get("authenticators"):
            kept = {name: value for name, value in kept.items() if name != "DEFAULT_AUTHENTICATION_CLASSES"}
        found: dict[str, Any] = {
            "ROOT_URLCONF": "bench.sites.bare",
            "REST_FRAMEWORK": kept,
            "BENCH_REDIS": place.redis,
        }
        if row.options.get("observed"):
            os.environ["XDG_STATE_HOME"] = str(place.folder)  # there is no STATE to say where counts lie
            found["INSTALLED_APPS"] = [*APPS, "stockade"]
            found["MIDDLEWARE"] = ["stockade.web.Middleware", *MIDDLEWARE]
        return found

    def issue(self, users: list[Any]) -> list[Issued]:
        # As long as the others' headers, so that the environ is alike.
        return [Issued(f"Bearer {user.pk:0>220}") for user in users]


class SimpleJwt:
    """JWTAuthentication and IsAuthenticated, refresh tokens rotated and blacklisted: the strictest that it offers."""

    def settings(self, row: Row, place: Place) -> dict[str, Any]:
        from datetime import timedelta

        return {
            "ROOT_URLCONF": "bench.sites.stock",
            "INSTALLED_APPS": [*APPS, "rest_framework_simplejwt", "rest_framework_simplejwt.token_blacklist"],
            "REST_FRAMEWORK": {
                **REST_FRAMEWORK,
                "DEFAULT_AUTHENTICATION_CLASSES": [
                    "rest_framework_simplejwt.authentication.JWTAuthentication"
                ],
                "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
            },
            "SIMPLE_JWT": {
                "ACCESS_TOKEN_LIFETIME": timedelta(days=1),
                "ROTATE_REFRESH_TOKENS": True,
                "BLACKLIST_AFTER_ROTATION": True,
            },
        }

    def issue(self, users: list[Any]) -> list[Issued]:
        from django.db import transaction
        from rest_framework_simplejwt.tokens import RefreshToken

        issued = []
        with transaction.atomic():
            for user in users:
                refresh = RefreshToken.for_user(user)
                issued.append(Issued(f"Bearer {refresh.access_token}", str(refresh)))
        return issued


class Guide(SimpleJwt):
    """Section 13 of the guide: cors-headers, simplejwt, IsAuthenticated, user and anonymous throttles."""

    def settings(self, row: Row, place: Place) -> dict[str, Any]:
        values = super().settings(row, place)
        rate = row.options.get("rate", "1000/day")
        return {
            **values,
            "INSTALLED_APPS": [*values["INSTALLED_APPS"], "corsheaders"],
            "MIDDLEWARE": ["corsheaders.middleware.CorsMiddleware", *MIDDLEWARE],
            "CORS_ALLOWED_ORIGINS": ["https://your-frontend.example"],
            "CACHES": {"default": self._cache(row, place)},
            "REST_FRAMEWORK": {
                **values["REST_FRAMEWORK"],
                "DEFAULT_THROTTLE_CLASSES": [
                    "rest_framework.throttling.UserRateThrottle",
                    "rest_framework.throttling.AnonRateThrottle",
                ],
                "DEFAULT_THROTTLE_RATES": {"user": rate, "anon": "50/day"},
            },
        }

    @staticmethod
    def _cache(row: Row, place: Place) -> dict[str, Any]:
        if row.options["cache"] == "redis":
            return {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": place.redis,
                "KEY_PREFIX": place.folder.name,
            }
        # The default of 300 entries would forget most callers' counts.
        return {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "OPTIONS": {"MAX_ENTRIES": 1_000_000},
        }


class Stockade:
    """Everything on: verification, epochs, three limits, a policy, request id, security and RateLimit headers."""

    def settings(self, row: Row, place: Place) -> dict[str, Any]:
        import stockade.drf
        import stockade.edge

        profile = row.options.get("profile")
        kind = row.options["state"]
        state = {"lmdb://": f"lmdb://{place.folder}/state", "redis://": place.redis}.get(kind, kind)
        return {
            **(stockade.edge.settings(profile) if profile else {}),
            "ROOT_URLCONF": "bench.sites.stockade",
            "INSTALLED_APPS": [*APPS, "stockade"],
            # It takes the place of SecurityMiddleware, XFrameOptionsMiddleware and, for sessions, CsrfViewMiddleware.
            "MIDDLEWARE": [
                "stockade.web.Middleware",
                *(
                    MIDDLEWARE
                    if row.options.get("stock_middleware")
                    else ["django.middleware.common.CommonMiddleware"]
                ),
            ],
            "REST_FRAMEWORK": {
                **REST_FRAMEWORK,
                **stockade.drf.defaults(),
                **KEEP,
                **row.options.get("drf", {}),
            },
            "STOCKADE": {
                "STATE": state,
                "SCHEMES": ["jwt"],
                # Three limits with the view's own; roomy, because the same callers come again and again.
                "LIMITS": {
                    "user": row.options.get("rate", "1000/day"),
                    "credential": "5000/hour",
                    "failed_auth": "30/min",
                },
                # A run in turns takes longer than 30 s to come round to a caller again; a busy server does not.
                "PRINCIPAL_MAX_AGE": "1h",
                "JWT": {"ACCESS_LIFETIME": "1d"},
                **row.options.get("settings", {}),
            },
        }

    def issue(self, users: list[Any]) -> list[Issued]:
        from django.db import transaction

        import stockade

        with transaction.atomic():
            pairs = [stockade.issue(user) for user in users]
        return [Issued(f"Bearer {pair.access}", pair.refresh) for pair in pairs]


def ban(count: int) -> None:
    """Ban that many addresses, none of which asks for anything here."""
    if not count:
        return
    from stockade.models import ListEntry

    first = ipaddress.IPv4Address("198.18.0.0")
    ListEntry.objects.bulk_create([ListEntry(value=str(first + i)) for i in range(count)], batch_size=1000)
