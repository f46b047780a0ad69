"""A user with a pair of tokens that simplejwt has issued, and the way from there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework_simplejwt.tokens import RefreshToken

from stockade.core import clock
from stockade.core.errors import InvalidCredential
from stockade.schemes.simplejwt import exchange, standing
from tests.around import Log, fresh, listening


@pytest.fixture(autouse=True)
def project(settings: Any) -> Iterator[Any]:
    with fresh():
        yield settings


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", "alice@example.com", "correct horse battery staple")


@pytest.fixture
def theirs(alice: User) -> RefreshToken:
    """A refresh token of simplejwt, with its row among the outstanding ones."""
    found: RefreshToken = RefreshToken.for_user(alice)
    return found


@pytest.fixture(params=["tables", "signatures"])
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With simplejwt's tables, or as in a project that never had its app of them."""
    found: str = request.param
    if found == "signatures":
        monkeypatch.setattr(standing, "has_tables", lambda: False)
        monkeypatch.setattr("stockade.schemes.simplejwt.move.has_tables", lambda: False)
    return found


class Browser:
    """Somebody who calls the API."""

    def __init__(self) -> None:
        self._client = Client(raise_request_exception=False)

    def post(self, path: str, **body: str) -> tuple[int, Any]:
        answer = self._client.post(f"/api/token/{path}", json.dumps(body), content_type="application/json")
        return answer.status_code, answer.json() if answer.content else None

    def refresh(self, token: object) -> tuple[int, Any]:
        return self.post("refresh/", refresh=str(token))

    def get(self, access: object) -> tuple[int, Any]:
        """An API that signed-in callers may use."""
        answer = self._client.get("/api/sessions/", headers={"authorization": f"Bearer {access}"})
        return answer.status_code, answer.json()


@pytest.fixture
def browser() -> Browser:
    return Browser()


@pytest.fixture
def later() -> Callable[[float], None]:
    return clock.shift


def refused(token: object) -> str:
    """The reason for the log; the client must learn none of it."""
    with pytest.raises(InvalidCredential) as caught:
        exchange.redeem(str(token))
    return caught.value.reason


@pytest.fixture
def log() -> Iterator[Log]:
    with listening() as found:
        yield found
