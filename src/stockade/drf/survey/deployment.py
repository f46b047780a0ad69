"""Facts about settings: simplejwt's, CORS's, tenants' and our own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from stockade.core.errors import ConfigurationError, Unavailable
from stockade.drf.survey.asked import lineage
from stockade.drf.survey.credentials import used
from stockade.drf.survey.facts import SETTINGS, Fact, beside
from stockade.drf.survey.views import View
from stockade.pipeline import registry as registries
from stockade.pipeline.unmatched import unmatched

_JWT = "rest_framework_simplejwt"
_HOUR = timedelta(hours=1)
_STRANGER = "https://stranger.example"
TENANT = "stockade.tenant.django_tenants"  # what names the tenant where django-tenants chooses the schema


def _setting(name: str, default: Any = None) -> Any:
    from django.conf import settings

    return getattr(settings, name, default)


def _installed(app: str) -> bool:
    from django.apps import apps

    return bool(apps.is_installed(app))


def _routed(views: list[View], module: str) -> set[str]:
    """The names of a package's view classes that are routed, or derived from."""
    return {
        name
        for view in views
        if view.cls is not None
        for name in lineage(view.cls)
        if name.startswith(f"{module}.")
    }


def _authenticates(views: list[View], module: str) -> bool:
    return any(name.startswith(f"{module}.") for cls in used(views) for name in lineage(cls))


def simplejwt(views: list[View]) -> Iterator[Fact]:
    """How simplejwt's tokens are signed, how long they last, and whether a refresh token is good twice."""
    from django.conf import settings

    routed = _routed(views, f"{_JWT}.views")
    issues = bool(routed) or _dj_rest_auth_issues(views)
    if not issues and not _authenticates(views, f"{_JWT}.authentication"):
        return
    mine = _setting("SIMPLE_JWT") or {}
    refreshes = f"{_JWT}.views.TokenRefreshView" in routed
    once = (
        mine.get("ROTATE_REFRESH_TOKENS", False)
        and mine.get("BLACKLIST_AFTER_ROTATION", False)
        and _installed(f"{_JWT}.token_blacklist")
    )
    if refreshes and not once:
        yield Fact(
            "refresh-reusable",
            SETTINGS,
            "SIMPLE_JWT",
            "A refresh token is good again after it was used: a stolen one yields access until it expires, unnoticed.",
            '# "jwt" in STOCKADE["SCHEMES"]: refresh tokens that are good once',
        )
    if (
        str(mine.get("ALGORITHM", "HS256")).startswith("HS")
        and mine.get("SIGNING_KEY", settings.SECRET_KEY) == settings.SECRET_KEY
    ):
        yield Fact(
            "shared-key",
            SETTINGS,
            "SIMPLE_JWT",
            "Tokens are signed with SECRET_KEY: whoever reads it in a log or a backup is every user, and it cannot be "
            "changed without ending everything else.",
            '# "jwt" in STOCKADE["SCHEMES"], whose keys rotate:\n' + beside("JWT", '"ALGORITHM": "ES256"'),
        )
    lifetime = mine.get("ACCESS_TOKEN_LIFETIME", timedelta(minutes=5))
    if isinstance(lifetime, timedelta) and lifetime > _HOUR:
        yield Fact(
            "long-access",
            SETTINGS,
            "SIMPLE_JWT",
            f"An access token is good for {lifetime}, and nothing takes it back.",
            '# "jwt" in STOCKADE["SCHEMES"]:\n' + beside("JWT", '"ACCESS_LIFETIME": "5m"'),
        )


def _dj_rest_auth_issues(views: list[View]) -> bool:
    uses = (_setting("REST_AUTH") or {}).get("USE_JWT", False)
    return bool(uses) and "dj_rest_auth.views.LoginView" in _routed(views, "dj_rest_auth.views")


def cors(views: list[View]) -> Iterator[Fact]:
    """CORS that lets in every origin, with cookies."""
    if "corsheaders.middleware.CorsMiddleware" not in (_setting("MIDDLEWARE") or ()):
        return
    if not _setting("CORS_ALLOW_CREDENTIALS", False):
        return
    patterns = _setting("CORS_ALLOWED_ORIGIN_REGEXES", _setting("CORS_ORIGIN_REGEX_WHITELIST", ())) or ()
    everyone = _setting("CORS_ALLOW_ALL_ORIGINS", _setting("CORS_ORIGIN_ALLOW_ALL", False)) or any(
        re.match(pattern, _STRANGER) for pattern in patterns
    )
    if everyone:
        yield Fact(
            "cors-any-origin",
            SETTINGS,
            "CORS_ALLOW_ALL_ORIGINS" if not patterns else "CORS_ALLOWED_ORIGIN_REGEXES",
            "Pages of every site read the answers that a visitor's own cookies get.",
            "CORS_ALLOW_ALL_ORIGINS = False\n"
            'CORS_ALLOWED_ORIGINS = ["https://app.example.org"]  # the origins of your pages',
        )


def tenants(views: list[View]) -> Iterator[Fact]:
    """Credentials that all tenants share."""
    if not _installed("django_tenants"):
        return
    shared, own = list(_setting("SHARED_APPS") or ()), list(_setting("TENANT_APPS") or ())
    found, apps = [], []
    for app, name in (("rest_framework.authtoken", "authtoken"), ("oauth2_provider", "OAuth toolkit")):
        listed = next((entry for entry in shared if _has([entry], app)), None)
        if listed is not None and not _has(own, app):
            found.append(name)
            apps.append(listed)
    # What migrate_schemas has noted in a schema as done, though it was not its to do, it does not do there again.
    write = ["# tables for each tenant; in schemas that exist a migration of yours has to make them:"] * bool(
        apps
    )
    write += [f'TENANT_APPS = [*TENANT_APPS, "{app}"]' for app in apps]
    if _routed(views, f"{_JWT}.views") or _authenticates(views, f"{_JWT}.authentication"):
        found.append("simplejwt")
        write.append("# simplejwt's tokens name no tenant; ours do, with TENANT.")
    if found:
        yield Fact(
            "tenant-unbound",
            SETTINGS,
            "SHARED_APPS",
            f"All tenants share the credentials of {' and '.join(found)}: one made for one is good in another.",
            "\n".join([*write, f'STOCKADE["TENANT"] = "{TENANT}"']),
        )


def _has(listed: list[str], app: str) -> bool:
    """Whether an app is listed, by its name or by its AppConfig."""
    return any(entry == app or entry.startswith(f"{app}.apps.") for entry in listed)


def names_nothing(views: list[View]) -> Iterator[Fact]:
    """Names in EXEMPT and MODE that are of no view; `stockade.W013` says the same."""
    try:
        registry = registries.current()
    except (ConfigurationError, Unavailable):
        return  # `stockade check` says what is wrong
    for one in unmatched(registry) if registry is not None else ():
        yield Fact("names-nothing", SETTINGS, one.setting, one.meaning, f"# {one.remedy}")
