"""What the start says of settings by which other people's pages could use the refresh cookie."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from stockade.edge.cors import MIDDLEWARE as CORS
from stockade.pipeline.start import findings, refuse_to_start

COOKIE = {"REFRESH_COOKIE": "__Secure-refresh-token"}


@pytest.fixture
def found(settings: Any) -> Any:
    """The ids of what is found, all settings of a project given."""

    def find(jwt: dict[str, Any] = COOKIE, **given: Any) -> list[str]:
        settings.STOCKADE = {"STATE": "memory://", "JWT": jwt}
        settings.MIDDLEWARE = ["stockade.web.Middleware", CORS]
        for name, value in given.items():
            setattr(settings, name, value)
        return [finding.id for finding in findings() if "13" in finding.id]

    return find


HEADERS = ["content-type", "X-Stockade-CSRF"]
OPEN = {"CORS_ALLOW_ALL_ORIGINS": True, "CORS_ALLOW_CREDENTIALS": True}


@pytest.mark.parametrize("name", ["CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL"])
def test_answers_to_cookies_for_every_origin_stop_the_start(found: Any, name: str) -> None:
    assert found(**{name: True, "CORS_ALLOW_CREDENTIALS": True}) == ["stockade.E130"]
    with pytest.raises(ImproperlyConfigured, match=r"stockade\.E130.*CORS_ALLOWED_ORIGINS"):
        refuse_to_start()


@pytest.mark.parametrize(
    "given",
    [
        {"jwt": {}, **OPEN},
        {**OPEN, "CORS_ALLOW_CREDENTIALS": False},
        {**OPEN, "MIDDLEWARE": ["stockade.web.Middleware"]},
        {},
        {"jwt": {}, "CSRF_TRUSTED_ORIGINS": ["http://app.example.com", "https://*.example.com"]},
    ],
)
def test_what_opens_nothing_is_not_spoken_of(found: Any, given: dict[str, Any]) -> None:
    assert found(**given) == []


@pytest.mark.parametrize(
    ("origin", "ids"),
    [
        ("http://app.example.com", ["stockade.W130"]),
        ("http://localhost.example.com", ["stockade.W130"]),
        ("https://*.example.com", ["stockade.W131"]),
        ("http://*.example.com", ["stockade.W130", "stockade.W131"]),
        ("https://app.example.com", []),
        ("http://localhost:5173", []),
        ("http://127.0.0.1:5173", []),
    ],
)
def test_an_origin_that_others_can_be_is_spoken_of(found: Any, origin: str, ids: list[str]) -> None:
    assert found(CSRF_TRUSTED_ORIGINS=[origin]) == ids


def test_a_page_elsewhere_whose_header_would_not_pass_is_spoken_of(found: Any) -> None:
    cors = {"CORS_ALLOWED_ORIGINS": ["https://app.example.com"], "CORS_ALLOW_CREDENTIALS": True}
    trusted = {"CSRF_TRUSTED_ORIGINS": ["https://app.example.com"]}
    assert found(**cors, **trusted) == ["stockade.W132"]
    assert found(**cors, **trusted, CORS_ALLOW_HEADERS=HEADERS) == []
