"""A path in SCHEMES that cannot work stops the start, and says what to write instead."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from stockade.core.errors import ConfigurationError
from stockade.gate.registry import get_gate
from stockade.schemes import registry
from stockade.schemes.registry import names

JWT = "rest_framework_simplejwt.authentication.JWTAuthentication"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nowhere.Authentication", "No module named 'nowhere'"),
        ("rest_framework.authentication.Nothing", "Nothing"),
        ("knox.auth.TokenAuthentication", "INSTALLED_APPS"),
        ("rest_framework.authentication.TokenAuthentication", "rest_framework.authtoken"),
        ("rest_framework.authentication.BaseAuthentication", "authenticates nobody"),
        ("rest_framework.permissions.IsAuthenticated", "is a permission"),
        ("rest_framework.views.APIView", "a class without authenticate()"),
        ("django.contrib.auth.authenticate", "no class"),
        ("stockade.drf.authentication.StockadeAuthentication", "Stockade's own"),
    ],
)
def test_a_path_that_is_no_authenticator_stops_the_start(
    path: str, words: str, settings: Any, db: None
) -> None:
    settings.STOCKADE = {"STATE": "memory://", "SCHEMES": ["jwt", path]}
    settings.MIDDLEWARE = ["stockade.web.Middleware", *settings.MIDDLEWARE]
    found = [error for error in run_checks() if error.id == "stockade.E103"]
    assert len(found) == 1
    assert repr(path) in found[0].msg
    assert words in f"{found[0].msg} {found[0].hint}"
    with pytest.raises(ImproperlyConfigured, match=r"stockade\.E103"):
        Client().get("/")


def test_a_word_that_is_no_scheme_still_is_none(settings: Any) -> None:
    settings.STOCKADE = {"STATE": "memory://", "SCHEMES": ["jwtt"]}
    (found,) = [error for error in run_checks() if error.id == "stockade.E101"]
    assert "dotted path" in str(found.hint)


def test_a_limit_of_a_scheme_that_there_is_not_stops_the_start(settings: Any) -> None:
    """Else a second class of one name, or a slip, would leave the limit counting nothing."""
    settings.STOCKADE = {
        "STATE": "memory://",
        "SCHEMES": ["jwt", JWT],
        "LIMITS": {"scheme:JWT": "5/min", "scheme:JWTAuthentication": "5/min"},
    }
    (found,) = [error for error in run_checks() if error.id == "stockade.E104"]
    assert "'scheme:JWT'" in found.msg
    assert "scheme:JWTAuthentication" in str(found.hint)


def test_the_names_are_as_long_as_they_must_be() -> None:
    assert names([JWT]) == {JWT: "JWTAuthentication"}
    listed = ["a.b.C", "a.x.C", "b.C", "d.E"]
    assert list(names(listed).values()) == ["a.b.C", "x.C", "b.C", "E"]
    assert len(set(names(["a.b.C", "b.C"]).values())) == 2


def test_without_the_app_nothing_can_be_made(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STOCKADE = {"STATE": "memory://", "SCHEMES": [JWT]}
    monkeypatch.setattr(registry, "foreign", None)
    with pytest.raises(ConfigurationError, match=r"stockade\.E103.*INSTALLED_APPS"):
        registry.foreign_schemes()


def test_where_nothing_can_be_asked_for_a_401_says_so(settings: Any, db: None) -> None:
    settings.STOCKADE = {
        "STATE": "memory://",
        "SCHEMES": ["rest_framework.authentication.SessionAuthentication"],
        "LIMITS": {"uploads": "2/min"},
    }
    settings.MIDDLEWARE = ["stockade.web.Middleware", *settings.MIDDLEWARE]
    settings.ROOT_URLCONF = "tests.pipeline.urls"
    get_gate().reset()
    found = Client().get("/editors/")
    assert (found.status_code, found.headers["WWW-Authenticate"]) == (401, 'Session realm="api"')
    get_gate().reset()
