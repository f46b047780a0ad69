"""What the start says of settings with which sessions would not work, or could not be ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stockade.pipeline.start import findings
from stockade.schemes.session import SessionStore as Ours
from tests.schemes.session.parts import MIDDLEWARE


class SessionStore(Ours):
    """An engine of the project's own, made of ours."""


@pytest.fixture
def found(project: Any, configure: Callable[..., None]) -> Callable[..., list[str]]:
    def find(schemes: list[str] | None = None, **given: Any) -> list[str]:
        configure(SCHEMES=schemes or ["session", "jwt"])
        for name, value in given.items():
            setattr(project, name, value)
        return [finding.id for finding in findings() if "13" in finding.id]

    return find


def _without(name: str) -> list[str]:
    return [one for one in MIDDLEWARE if name not in one]


DRF = "rest_framework.authentication.SessionAuthentication"
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "Django's table": ({"SESSION_ENGINE": "django.contrib.sessions.backends.db"}, "stockade.W135"),
    "signed cookies": (
        {"SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies"},
        "stockade.W135",
    ),
    "no engine": ({"SESSION_ENGINE": "nowhere.at.all"}, "stockade.W135"),
    "no sessions": ({"MIDDLEWARE": _without("SessionMiddleware")}, "stockade.E134"),
    "no csrf": ({"MIDDLEWARE": _without("Csrf")}, "stockade.E136"),
    "pickle": ({"SESSION_SERIALIZER": "pickle.Pickler"}, "stockade.E137"),
    "a write a request": ({"SESSION_SAVE_EVERY_REQUEST": True}, "stockade.W133"),
    "two for one cookie": ({"schemes": ["session", DRF]}, "stockade.W134"),
    "a page by plain http": ({"CSRF_TRUSTED_ORIGINS": ["http://app.example.com"]}, "stockade.W130"),
    "any host": ({"CSRF_TRUSTED_ORIGINS": ["https://*.example.com"]}, "stockade.W131"),
    "no time": ({"schemes": ["session"], "IDLE": "never"}, "stockade.E131"),
}


@pytest.mark.parametrize(("given", "id"), list(WRONG.values()), ids=list(WRONG))
def test_what_is_wrong_is_said(
    given: dict[str, Any], id: str, found: Callable[..., list[str]], configure: Callable[..., None]
) -> None:
    given = dict(given)
    if "IDLE" in given:
        configure(SESSION={"IDLE": given.pop("IDLE")})
    assert found(**given) == [id]


def test_what_is_right_is_not_spoken_of(found: Callable[..., list[str]]) -> None:
    assert found() == []
    assert found(SESSION_ENGINE=__name__) == []


def test_times_without_their_zone_stop_the_start(project: Any) -> None:
    """Else the first login ends in an error, of the database or of a comparison."""
    project.USE_TZ = False
    assert [(finding.id, finding.stops) for finding in findings()][:1] == [("stockade.E219", True)]
    project.USE_TZ = True
    assert "stockade.E219" not in {finding.id for finding in findings()}


@pytest.mark.parametrize("engine", ["db", "signed_cookies"])
def test_without_the_scheme_sessions_are_the_project_s_own_affair(
    engine: str, found: Callable[..., list[str]]
) -> None:
    assert (
        found(["jwt"], SESSION_ENGINE=f"django.contrib.sessions.backends.{engine}", MIDDLEWARE=MIDDLEWARE[:1])
        == []
    )
