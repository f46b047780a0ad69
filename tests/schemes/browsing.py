"""A browser for tests of browser mode: it sends the headers and cookies that a browser with the page open sends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.schemes.conftest import PASSWORD

NAME = "__Secure-refresh-token"
BINDING = "__Host-refresh-token-binding"
OBTAIN, REFRESH, REVOKE = "/api/token/browser/", "/api/token/browser/refresh/", "/api/token/browser/revoke/"
OWN = {"HTTP_X_STOCKADE_CSRF": "1", "HTTP_ORIGIN": "https://testserver", "HTTP_SEC_FETCH_SITE": "same-origin"}


@pytest.fixture(autouse=True)
def site(project: Any, configure: Callable[..., None]) -> None:
    """The middleware in front, and browser mode turned on."""
    project.MIDDLEWARE = ["stockade.web.Middleware", "django.middleware.csrf.CsrfViewMiddleware"]
    project.ROOT_URLCONF = "tests.schemes.urls"
    project.REST_FRAMEWORK = {"EXCEPTION_HANDLER": "stockade.drf.exceptions.exception_handler"}
    configure(JWT={"REFRESH_COOKIE": NAME})


class Browser:
    """A browser with the page open. It sends what a browser sends, TLS and cookies included."""

    def __init__(self) -> None:
        self.client = Client(enforce_csrf_checks=True)

    def post(self, path: str, body: Any = None, **headers: Any) -> Any:
        kwargs: dict[str, Any] = {**OWN, "secure": True, **headers}
        kwargs = {name: value for name, value in kwargs.items() if value is not None}
        if body is None:
            return self.client.generic("POST", path, **kwargs)
        return self.client.post(path, json.dumps(body), content_type="application/json", **kwargs)

    def login(self, user: str = "alice", password: str = PASSWORD, **headers: Any) -> Any:
        return self.post(OBTAIN, {"username": user, "password": password}, **headers)

    @property
    def token(self) -> str:
        return self.client.cookies[NAME].value

    @property
    def binding(self) -> str:
        return self.client.cookies[BINDING].value

    def cookies(self, *pairs: tuple[str, str]) -> dict[str, str]:
        """The header of a browser that sends these, in this order, whatever it has."""
        return {"HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in pairs)}


@pytest.fixture
def browser(alice: Any) -> Browser:
    """Alice's, with nobody logged in."""
    return Browser()


def me(access: str) -> int:
    """The status with which an access token is answered."""
    return Client().get("/api/sessions/", HTTP_AUTHORIZATION=f"Bearer {access}").status_code
