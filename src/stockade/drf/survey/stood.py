"""What judges a view that declares no policy: its own classes, and DRF's defaults as they stood before ours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from stockade import conf
from stockade.core.mode import parse_all
from stockade.drf import before
from stockade.drf.authentication import StockadeAuthentication
from stockade.drf.permissions import PolicyPermission
from stockade.drf.throttling import StockadeThrottle
from stockade.pipeline.wired import MIDDLEWARE

_OURS: Final = (
    (StockadeAuthentication, "DEFAULT_AUTHENTICATION_CLASSES"),
    (PolicyPermission, "DEFAULT_PERMISSION_CLASSES"),
    (StockadeThrottle, "DEFAULT_THROTTLE_CLASSES"),
)


def ours_decide() -> bool:
    """Whether the pipeline stands before the views and has settings: what declares a policy is then judged by it."""
    from django.conf import settings

    return conf.configured() and MIDDLEWARE in settings.MIDDLEWARE


def refused_anyway() -> bool:
    """Whether a view without a policy is refused to everybody already: then nothing about it is open."""
    if not ours_decide():
        return False
    said = conf.raw()
    try:
        modes = parse_all(said.get("MODE", "enforce"))
    except ValueError:  # a check says so
        return False
    return bool(said.get("UNDECLARED", "refuse") == "refuse") and modes.general.policies and not modes.views


def stood(made: Iterable[Any]) -> list[Any]:
    """Permissions, throttles or authenticators; for ours those that were the defaults before."""
    found: list[Any] = []
    for one in made:
        name = _setting_of(one)
        found += [cls() for cls in before.classes(name)] if name else [one]
    return found


def without_ours(made: Iterable[Any]) -> list[Any]:
    """The same without ours, where they decide."""
    return [one for one in made if not _setting_of(one)]


def _setting_of(one: Any) -> str:
    return next((name for cls, name in _OURS if type(one) is cls), "")
