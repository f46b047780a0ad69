"""The next step of adopting Stockade, in the project's own terms: two lines, then ten, then no more than a word."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stockade import conf
from stockade.drf.survey import probe
from stockade.drf.survey.asked import dotted, leaves, lineage
from stockade.drf.survey.credentials import used
from stockade.drf.survey.deployment import TENANT
from stockade.drf.survey.routes import Route
from stockade.drf.survey.stood import refused_anyway
from stockade.drf.survey.views import View
from stockade.gate.rates import parse as parse_rate
from stockade.pipeline.registry import PRESETS
from stockade.pipeline.wired import MIDDLEWARE

_SESSION = "rest_framework.authentication.SessionAuthentication"
_API_KEY = "rest_framework_api_key.permissions.BaseHasAPIKey"
_PRESETS = {prefix.rstrip("."): name for name, prefixes in PRESETS.items() for prefix in prefixes}
_PERIODS = {"s": "s", "m": "min", "h": "hour", "d": "day"}


def next_step(views: list[View], others: list[tuple[str, Route]]) -> str:
    """What to write into the settings next."""
    from django.conf import settings

    lines = []
    shared = [str(app).partition(".")[0] for app in getattr(settings, "SHARED_APPS", None) or ()]
    if _has_tenants() and "stockade" not in shared:
        lines.append(
            "# before migrate_schemas: of an app in neither list it makes no tables, and notes them as made"
        )
        lines += ['SHARED_APPS = [*SHARED_APPS, "stockade"]', ""]
    if MIDDLEWARE not in settings.MIDDLEWARE:
        lines += [f'MIDDLEWARE = ["{MIDDLEWARE}", *MIDDLEWARE]  # first; observes only', ""]
    if not conf.configured():
        lines += _ten_lines(views, others)
    elif not refused_anyway():
        lines.append("# When no view is undeclared and nothing is refused that should not be, in STOCKADE:")
        lines.append('#     "MODE": "enforce", "UNDECLARED": "refuse"')
    return "\n".join(lines)


def _has_tenants() -> bool:
    from django.apps import apps

    return bool(apps.is_installed("django_tenants"))


def _ten_lines(views: list[View], others: list[tuple[str, Route]]) -> list[str]:
    from django.conf import settings

    has = hasattr(settings, "REST_FRAMEWORK")
    limits = _limits()
    tenant = [f'    "TENANT": "{TENANT}",'] if _has_tenants() else []
    mode = "enforce" if limits else "report"  # a project without limits sees first what ours would refuse
    return [
        "import stockade.drf",
        "",
        "STOCKADE = {",
        f'    "MODE": {{"policies": "report", "limits": "{mode}", "input": "report"}},',
        '    "UNDECLARED": "legacy",  # permission_classes are the policy of a view that declares none',
        *_listed("SCHEMES", schemes(views)),
        *_listed("EXEMPT", exempt(others)),
        *tenant,
        '    "STATE": "lmdb://",',
        *limits,
        '    "ERRORS": "drf",  # bodies as clients know them',
        "}",
        f"REST_FRAMEWORK = {'{**REST_FRAMEWORK, **stockade.drf.defaults()}' if has else 'stockade.drf.defaults({})'}",
    ]


def _listed(name: str, values: list[str]) -> list[str]:
    if not values:
        return []
    quoted = [f'"{value}"' for value in values]
    line = f'    "{name}": [{", ".join(quoted)}],'
    if len(line) <= 88:
        return [line]
    return [f'    "{name}": [', *(f"        {value}," for value in quoted), "    ],"]


def schemes(views: list[View]) -> list[str]:
    """What SCHEMES should name: how the project's views authenticate now; ours first, on the same header."""
    classes = [cls for cls in used(views) if not cls.__module__.startswith("stockade.")]
    found: list[str] = []
    if any(name.startswith("rest_framework_simplejwt.") for cls in classes for name in lineage(cls)):
        found.append("jwt")
    for cls in classes:
        name = dotted(cls)
        found.append("session" if name == _SESSION else name)
    found.extend(_api_keys(views))
    return list(dict.fromkeys(found))


def _api_keys(views: list[View]) -> Iterable[str]:
    for view in views:
        for handler in view.handlers if view.rest else ():
            permissions = probe.permissions(handler, probe.anonymous())
            for permission in [] if permissions is probe.UNKNOWN else permissions:
                yield from (
                    dotted(type(leaf)) for leaf in leaves(permission) if _API_KEY in lineage(type(leaf))
                )


def exempt(others: list[tuple[str, Route]]) -> list[str]:
    """What EXEMPT should name: other packages' views, which guard themselves."""
    found: dict[str, None] = {}
    for package, route in others:
        if package == "stockade":
            continue
        name = _PRESETS.get(package) or route.name.rpartition(":")[0] or route.name
        if name:
            found[name] = None
    return list(found)


def _limits() -> list[str]:
    """LIMITS with the rates that DRF's throttles have: `throttle_scope` refers to them."""
    from rest_framework.settings import api_settings

    rates: dict[str, Any] = api_settings.DEFAULT_THROTTLE_RATES or {}
    said = {name: rate for name, given in rates.items() if (rate := _rate(given))}
    entries = [f'        "{name}": "{rate}",' for name, rate in said.items()]
    return ['    "LIMITS": {', *entries, "    },"] if entries else []


def _rate(given: Any) -> str:
    """A rate of DRF's as ours; "" where there is none."""
    if not isinstance(given, str):
        return ""
    try:
        parse_rate("rate", given)
    except ValueError:
        number, _, period = given.partition("/")
        unit = _PERIODS.get(period[:1])  # DRF reads the first letter alone
        return f"{number}/{unit}" if unit and number.isdecimal() else ""
    return given
