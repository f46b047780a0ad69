"""A user with a second factor, an app and a browser that talk to allauth's API, and the security log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from tests.around import Log, fresh, listening

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def project(settings: Any) -> Iterator[Any]:
    cache.clear()  # allauth remembers codes there
    with fresh():
        yield settings


@pytest.fixture
def log() -> Iterator[Log]:
    with listening() as found:
        yield found


class Person:
    """A user, and what she has on her."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.user = User.objects.create_user(name, f"{name}@example.com", PASSWORD)
        self.secret = ""
        self._counters: list[int] = []

    def set_up(self) -> Person:
        """Give her an authenticator app and recovery codes."""
        self.secret = totp.generate_totp_secret()
        totp.TOTP.activate(self.user, self.secret)
        RecoveryCodes.activate(self.user)
        return self

    def code(self) -> str:
        """A code of her app that she has not used yet."""
        if not self._counters:
            self._counters = list(totp.yield_hotp_counters_from_time())
        return str(totp.format_hotp_value(totp.hotp_value(self.secret, self._counters.pop())))

    def recovery_code(self) -> str:
        from allauth.mfa.models import Authenticator

        row = Authenticator.objects.get(user=self.user, type=Authenticator.Type.RECOVERY_CODES)
        return str(row.wrap().get_unused_codes()[0])


@pytest.fixture
def alice(db: None) -> Person:
    """With a second factor."""
    return Person("alice").set_up()


@pytest.fixture
def bob(db: None) -> Person:
    """With a password only."""
    return Person("bob")


class App:
    """An app on a phone: no cookies, a session token while it logs in, our pair afterwards."""

    def __init__(self) -> None:
        self.session = self.access = self.refresh = ""

    def post(self, path: str, /, **body: Any) -> Any:
        return self.send("post", path, **body)

    def send(self, method: str, path: str, /, **body: Any) -> Any:
        headers = {"x-session-token": self.session} if self.session else {}
        answer = getattr(Client(), method)(
            f"/_allauth/app/v1/{path}", json.dumps(body), content_type="application/json", headers=headers
        )
        meta = answer.json().get("meta") or {}
        self.session = meta.get("session_token", self.session)
        self.access = meta.get("access_token", self.access)
        self.refresh = meta.get("refresh_token", self.refresh)
        return answer

    def login(self, who: Person, password: str = PASSWORD) -> Any:
        return self.post("auth/login", username=who.name, password=password)

    def exchange(self) -> Any:
        """A pair for the session as it is now."""
        answer = Client().post(
            "/api/token/allauth/",
            "{}",
            content_type="application/json",
            headers={"x-session-token": self.session},
        )
        if answer.status_code == 200:
            self.access, self.refresh = answer.json()["access"], answer.json()["refresh"]
        return answer

    def get(self, path: str) -> Any:
        return Client().get(path, headers={"authorization": f"Bearer {self.access}"})

    @property
    def amr(self) -> set[str]:
        return set(self.get("/me/").json()["amr"])


@pytest.fixture
def app() -> App:
    return App()


class Visitor:
    """A browser at allauth's API: Django's cookie is its credential."""

    def __init__(self) -> None:
        self.client = Client()

    def post(self, path: str, /, **body: Any) -> Any:
        return self.client.post(
            f"/_allauth/browser/v1/{path}", json.dumps(body), content_type="application/json"
        )

    def login(self, who: Person) -> Any:
        return self.post("auth/login", username=who.name, password=PASSWORD)

    def second(self, code: str, *, trust: bool = False) -> Any:
        """The second step; and whether the browser is to be spared it next time."""
        self.post("auth/2fa/authenticate", code=code)
        return self.post("auth/2fa/trust", trust=trust)

    def get(self, path: str) -> Any:
        return self.client.get(path)

    @property
    def key(self) -> str:
        return str(self.client.cookies["sessionid"].value)

    @property
    def amr(self) -> set[str]:
        return set(self.get("/me/").json()["amr"])


@pytest.fixture
def visitor() -> Visitor:
    return Visitor()
