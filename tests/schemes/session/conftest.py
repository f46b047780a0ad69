"""A site with sessions of ours: its views, a browser of its own, and Django's admin beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from stockade.models import Session
from tests.schemes.conftest import PASSWORD
from tests.schemes.session.parts import BACKENDS, MIDDLEWARE

LOGIN, LOGOUT = "/api/session/login/", "/api/session/logout/"
STEP_UP = "/api/session/step-up/"


@pytest.fixture(autouse=True)
def site(project: Any, configure: Callable[..., None]) -> None:
    """The project of these tests."""
    project.MIDDLEWARE = MIDDLEWARE
    project.ROOT_URLCONF = "tests.schemes.session.site"
    project.REST_FRAMEWORK = {"EXCEPTION_HANDLER": "stockade.drf.exceptions.exception_handler"}
    project.SESSION_ENGINE = "stockade.schemes.session"
    project.AUTHENTICATION_BACKENDS = BACKENDS
    configure(SCHEMES=["session", "jwt", "token"], EXEMPT=["admin"])


class Browser(Client):
    """Django's test client, which checks CSRF as Django does and sends what a page of the site would."""

    def __init__(self, **more: Any) -> None:
        super().__init__(enforce_csrf_checks=True, **more)

    @property
    def key(self) -> str:
        """The session's key, as the cookie has it."""
        return self.cookies["sessionid"].value if "sessionid" in self.cookies else ""

    def own(self, method: str, address: str, body: Any = None, **headers: Any) -> Any:
        """What a script of a page of the site sends."""
        if "csrftoken" in self.cookies:
            headers.setdefault("HTTP_X_CSRFTOKEN", self.cookies["csrftoken"].value)
        headers.setdefault("HTTP_ORIGIN", "http://testserver")
        headers.setdefault("HTTP_SEC_FETCH_SITE", "same-origin")
        data = "" if body is None else json.dumps(body)
        return self.generic(method, address, data, content_type="application/json", **headers)

    def log_in(self, name: str = "alice", password: str = PASSWORD, **headers: Any) -> Any:
        """By the JSON view."""
        return self.own("POST", LOGIN, {"username": name, "password": password}, **headers)


@pytest.fixture
def browser(alice: User) -> Browser:
    """A browser in which alice is logged in."""
    found = Browser()
    assert found.log_in().status_code == 200
    return found


def by_key(key: str, **more: Any) -> Browser:
    """Another browser that shows a session's key."""
    found = Browser(**more)
    found.cookies["sessionid"] = key
    return found


def login_of(name: str = "alice") -> Session:
    """The one live login of a user."""
    return Session.objects.get(user__username=name, ended_at=None, scheme="session")
