"""SCHEMES names "session" while SESSION_ENGINE is Django's: DRF's own authenticator reads it, at each request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.schemes.session.conftest import LOGIN, Browser

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True, params=["db", "signed_cookies", "cached_db"])
def engine(request: pytest.FixtureRequest, site: None, project: Any) -> None:
    project.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"


def test_a_browser_is_known_as_before_and_is_not_ridden_on(alice: User) -> None:
    browser = Browser()
    browser.force_login(alice)
    assert browser.get("/open/").status_code == 200
    assert browser.get("/quiet/").json() == {"user": alice.pk}
    foreign = {"HTTP_ORIGIN": "https://evil.example", "HTTP_SEC_FETCH_SITE": "cross-site"}
    assert browser.post("/quiet/", {"a": 1}, **foreign).status_code == 403
    assert browser.post("/quiet/", {"a": 1}).status_code == 403
    assert Client().get("/quiet/").status_code == 401


def test_there_is_no_json_login(alice: User) -> None:
    assert Browser().own("POST", LOGIN, {"username": "alice", "password": "x"}).status_code == 404


def test_a_limit_of_the_scheme_is_known(alice: User, configure: Callable[..., None]) -> None:
    configure(LIMITS={"scheme:session": "2/min"})
    browser = Browser()
    browser.force_login(alice)
    assert [browser.get("/quiet/").status_code for _ in range(3)] == [200, 200, 429]
