"""Passkeys and security keys in a real browser, with an authenticator that Chromium plays: what policies see of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stockade.core import clock
from tests.contrib.allauth.cases.conftest import PASSWORD, Person

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.django_db(transaction=True)

API = """async ([method, path, body]) => {
    const csrf = (document.cookie.match(/csrftoken=([^;]*)/) || [])[1];
    const answer = await fetch('/_allauth/browser/v1/' + path, {
        method, headers: {'Content-Type': 'application/json', 'X-CSRFToken': csrf},
        body: body === null ? undefined : JSON.stringify(body),
    });
    return [answer.status, await answer.json()];
}"""
CREATE = """async (options) => {
    const asked = PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey);
    return (await navigator.credentials.create({publicKey: asked})).toJSON();
}"""
GET = """async (options) => {
    const asked = PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey);
    try { return (await navigator.credentials.get({publicKey: asked})).toJSON(); } catch (error) { return null; }
}"""


class Device:
    """Bob's browser, with an authenticator in it."""

    def __init__(self, page: Page, site: str, *, copied: bool) -> None:
        self.page = page
        self._cdp = page.context.new_cdp_session(page)
        self._cdp.send("WebAuthn.enable")
        made = self._cdp.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal", "hasResidentKey": True,
                    "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True,
                    "defaultBackupEligibility": copied,
                },
            },
        )  # fmt: skip
        self._id = made["authenticatorId"]
        page.goto(f"{site}/accounts/login/")

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        status, answer = self.page.evaluate(API, [method, path, body])
        return int(status), answer

    def login(self, password: str = PASSWORD) -> int:
        return self.call("POST", "auth/login", {"username": "bob", "password": password})[0]

    def logout(self) -> None:
        self.call("DELETE", "auth/session")

    def register(self, *, passkey: bool) -> None:
        """Log in, prove it again as allauth wants for this, and make a key."""
        assert self.login() == 200
        assert self.call("POST", "auth/reauthenticate", {"password": PASSWORD})[0] == 200
        how = "?passwordless" if passkey else ""
        status, answer = self.call("GET", f"account/authenticators/webauthn{how}")
        assert status == 200, answer
        made = self.page.evaluate(CREATE, answer["data"]["creation_options"])
        status, answer = self.call(
            "POST", "account/authenticators/webauthn", {"name": "key", "credential": made}
        )
        assert status == 200, answer

    def show(self, path: str) -> int:
        """Show the key where allauth asks for it."""
        status, answer = self.call("GET", path)
        assert status == 200, answer
        shown = self.page.evaluate(GET, answer["data"]["request_options"])
        return 0 if shown is None else self.call("POST", path, {"credential": shown})[0]

    def no_trust(self) -> None:
        self.call("POST", "auth/2fa/trust", {"trust": False})

    def become_somebody_elses(self) -> None:
        """Whoever has it now does not know the PIN and has another finger."""
        self._cdp.send("WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": False})

    def status(self, path: str) -> int:
        return int(self.page.evaluate("(path) => fetch(path).then((r) => r.status)", path))

    @property
    def amr(self) -> set[str]:
        return set(self.page.evaluate("() => fetch('/me/').then((r) => r.json())")["amr"])


@pytest.fixture
def bob_is_there(transactional_db: None) -> Person:
    """Before the browser: its event loop keeps Django from the database in this thread."""
    return Person("bob")


@pytest.fixture(params=["stays", "copied"])
def copied(request: pytest.FixtureRequest) -> bool:
    """Whether the key is copied to other devices of its owner."""
    return bool(request.param == "copied")


@pytest.fixture
def device(bob_is_there: Person, live_server: Any, copied: bool, page: Page) -> Device:
    return Device(page, live_server.url.replace("127.0.0.1", "localhost"), copied=copied)


def test_a_passkey_is_a_login_with_two_factors_that_no_other_page_can_ask_for(
    device: Device, copied: bool
) -> None:
    device.register(passkey=True)
    assert device.amr == {"pwd"}  # that there is a key now proves nothing
    device.logout()
    assert device.status("/me/") == 401
    assert device.show("auth/webauthn/login") == 200
    assert device.amr == {"swk" if copied else "hwk", "user", "mfa"}
    assert [device.status(path) for path in ("/fresh/", "/mfa/", "/phishing/")] == [200, 200, 200]
    clock.shift(3600)
    assert [device.status(path) for path in ("/fresh/", "/mfa/", "/phishing/")] == [401, 200, 200]


def test_a_passkey_without_its_owner_logs_nobody_in(device: Device) -> None:
    device.register(passkey=True)
    device.logout()
    device.become_somebody_elses()
    assert device.show("auth/webauthn/login") != 200
    assert device.status("/me/") == 401


def test_a_key_after_the_password_is_a_second_factor_and_renews_the_session(
    device: Device, copied: bool
) -> None:
    device.register(passkey=False)
    device.logout()
    assert device.login() == 401  # and now the key
    assert device.status("/me/") == 401
    assert device.show("auth/webauthn/authenticate") in (200, 401)
    device.no_trust()
    both = {"pwd", "swk" if copied else "hwk", "mfa"}
    assert device.amr == both
    clock.shift(3600)
    assert device.status("/fresh/") == 401
    assert device.show("auth/webauthn/reauthenticate") == 200
    assert device.status("/fresh/") == device.status("/phishing/") == 200
    assert device.amr == both
