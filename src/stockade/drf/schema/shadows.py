"""Shows a view as drf-spectacular would see it without us: the classes of before in the place of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rest_framework.parsers import JSONParser

from stockade.drf import before
from stockade.drf.authentication import StockadeAuthentication
from stockade.drf.parsers import StrictJSONParser
from stockade.drf.permissions import PolicyPermission


@contextmanager
def as_before(view: Any) -> Iterator[None]:
    """Within it `view` names the authenticators and permissions that judge it where no policy does."""
    with (
        _shadow(view, "get_authenticators", StockadeAuthentication, "DEFAULT_AUTHENTICATION_CLASSES"),
        _shadow(view, "get_permissions", PolicyPermission, "DEFAULT_PERMISSION_CLASSES"),
    ):
        yield


@contextmanager
def without_ours(view: Any) -> Iterator[None]:
    """Within it `view` names the permissions that are asked beside the policy."""
    with _shadow(view, "get_permissions", PolicyPermission, ""):
        yield


@contextmanager
def plain_parsers(view: Any) -> Iterator[None]:
    """Within it our JSON parser is DRF's: PARSER_WHITELIST of a project knows that one."""
    with _replaced(
        view,
        "get_parsers",
        lambda found: [JSONParser() if isinstance(one, StrictJSONParser) else one for one in found],
    ):
        yield


def _shadow(view: Any, name: str, ours: type[Any], setting: str) -> Any:
    def replace(found: list[Any]) -> list[Any]:
        known = [one for one in before.classes(setting) if not issubclass(one, ours)] if setting else []
        return [
            inner for one in found for inner in ([cls() for cls in known] if isinstance(one, ours) else [one])
        ]

    return _replaced(view, name, replace)


@contextmanager
def _replaced(view: Any, name: str, replace: Callable[[list[Any]], list[Any]]) -> Iterator[None]:
    stock: Callable[[], list[Any]] = getattr(view, name)
    state = vars(view)
    had = state.get(name)
    state[name] = lambda: replace(stock())
    try:
        yield
    finally:
        if had is None:
            del state[name]
        else:
            state[name] = had
