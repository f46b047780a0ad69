"""A real OpenID Connect issuer, oidc-provider from npm: logins, client credentials, ID tokens, rotated keys."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from django.db import connections
from django.test import Client
from playwright._impl._driver import compute_driver_executable

from stockade.schemes.external import link
from tests.schemes.external.issuing import AUDIENCE
from tests.servers import ROOT
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

REDIRECT = "http://127.0.0.1:1/callback"
CLIENTS: list[dict[str, Any]] = [
    {
        "client_id": "spa",
        "token_endpoint_auth_method": "none",
        "application_type": "native",
        "redirect_uris": [REDIRECT],
    },
    {
        "client_id": "reports",
        "client_secret": "a secret of this test alone",
        "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["client_credentials"],
        "response_types": [],
        "redirect_uris": [],
    },
]
_HOPS = 12
_FORM = re.compile(r'action="([^"]+)"')


class Provider:
    """One process of it."""

    def __init__(self) -> None:
        # Playwright brings a node along, locked like everything else here.
        node, _ = compute_driver_executable()
        self._process = subprocess.Popen(
            [node, "issuer.mjs"],
            cwd=ROOT / "tests" / "npm",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"clients": CLIENTS}) + "\n")
        self._process.stdin.flush()
        self.url = str(json.loads(self._process.stdout.readline())["url"])

    def close(self) -> None:
        """It ends with its standard input."""
        self._process.communicate(timeout=60)

    def settings(self, **more: Any) -> dict[str, Any]:
        """Its entry in ISSUERS."""
        return {"ISSUER": self.url, "AUDIENCE": AUDIENCE, "LOOPBACK": True, **more}

    def rotate(self, *, forget: bool = False) -> None:
        """Sign with another key from now on."""
        httpx2.post(f"{self.url}/control/rotate", json={"forget": forget}).raise_for_status()

    def login(self, name: str, scope: str = "openid articles:read") -> dict[str, Any]:
        """The tokens of a user who logs in: authorization code with PKCE (RFC 7636), for our API (RFC 8707)."""
        verifier = "v" * 43
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        with httpx2.Client() as browser:
            answer = browser.get(
                f"{self.url}/auth",
                params={
                    "client_id": "spa", "response_type": "code", "redirect_uri": REDIRECT, "scope": scope,
                    "resource": AUDIENCE, "code_challenge": challenge, "code_challenge_method": "S256", "nonce": "n",
                },
            )  # fmt: skip
            for _ in range(_HOPS):
                if answer.is_redirect:
                    where = answer.headers["location"]
                    if where.startswith(REDIRECT):
                        break
                    answer = browser.get(str(answer.url.join(where)))
                else:  # its forms for development: any name and any password, then a yes
                    form = _FORM.search(answer.text)
                    assert form is not None, answer.text
                    prompt = "login" if 'value="login"' in answer.text else "consent"
                    filled = {"prompt": prompt, "login": name, "password": "any"}
                    answer = browser.post(str(answer.url.join(form[1])), data=filled)
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        return self._token(
            grant_type="authorization_code", client_id="spa", code=code, redirect_uri=REDIRECT,
            code_verifier=verifier, resource=AUDIENCE,
        )  # fmt: skip

    def service(self) -> str:
        """A token that a client gets for itself."""
        found = self._token(
            grant_type="client_credentials", client_id="reports", client_secret=CLIENTS[1]["client_secret"],
            resource=AUDIENCE, scope="articles:read",
        )  # fmt: skip
        return str(found["access_token"])

    def _token(self, **form: str) -> dict[str, Any]:
        answer = httpx2.post(f"{self.url}/token", data=form)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def provider() -> Iterator[Provider]:
    found = Provider()
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def trusted(provider: Provider, configure: Callable[..., None], alice: Any) -> Callable[..., None]:
    def trust(**more: Any) -> None:
        configure(
            SCHEMES=["jwt", "external"],
            ISSUERS={"corporate": provider.settings(**more)},
            LIMITS={"anon": None, "user": None, "failed_auth": None},
        )

    trust()
    link(alice, "corporate", "alice-there")
    return trust


def ask(token: str, path: str = "/me/") -> Any:
    return Client().get(path, headers={"Authorization": f"Bearer {token}"})


def test_a_user_who_has_logged_in_there_is_known_here(provider: Provider, trusted: Any, log: Any) -> None:
    trusted(AMR=True, ACR=["urn:example:mfa"])
    tokens = provider.login("alice-there")
    told = ask(tokens["access_token"])
    assert told.status_code == 200, told.content
    assert told.json()["user"] == "alice"
    assert told.json()["client"] == "corporate:spa"
    assert (told.json()["amr"], told.json()["acr"]) == (["otp", "pwd"], "urn:example:mfa")
    assert ask(tokens["access_token"], "/reading/").status_code == 200
    # The ID token of the same login tells the client who that is, and opens nothing.
    assert ask(tokens["id_token"]).status_code == 401
    assert log("AUTHN_FAIL")[-1].reason == "wrong_typ"
    assert ask(provider.login("mallory-there")["access_token"]).status_code == 401
    assert log("AUTHN_FAIL")[-1].details == {"issuer": "corporate", "sub": "mallory-there"}


def test_an_id_token_is_taken_where_that_is_declared(provider: Provider, trusted: Any) -> None:
    trusted(TYPE="id", AUDIENCE="spa", SCOPE_CLAIM=None)
    tokens = provider.login("alice-there")
    assert ask(tokens["id_token"]).json()["user"] == "alice"
    assert ask(tokens["access_token"]).status_code == 401


def test_a_clients_own_token_is_a_services(provider: Provider, trusted: Any) -> None:
    assert ask(provider.service()).status_code == 401
    trusted(SERVICES=True)
    assert ask(provider.service()).json()["subject"] == "corporate:reports"
    assert ask(provider.login("alice-there")["access_token"]).json()["user"] == "alice"


def test_its_keys_rotate_and_the_old_ones_end(
    provider: Provider, trusted: Any, later: Callable[[float], None], log: Any
) -> None:
    trusted(SERVICES=True, LEEWAY="5m")
    old = provider.service()
    assert ask(old).status_code == 200
    later(16)
    provider.rotate()
    assert ask(provider.service()).status_code == 200
    assert ask(old).status_code == 200
    assert len(log("ISSUER_KEYS")) == 1
    provider.rotate(forget=True)
    later(300)
    assert ask(provider.service()).status_code == 200
    assert ask(old).status_code == 401
    assert log("AUTHN_FAIL")[-1].reason == "key_gone"


def test_its_keys_rotate_under_load_without_a_refused_request(
    provider: Provider, trusted: Any, later: Callable[[float], None], log: Any
) -> None:
    trusted(SERVICES=True, LEEWAY="5m", TIMEOUT="30s")
    assert ask(provider.service()).status_code == 200
    stop, statuses = threading.Event(), list[int]()

    def load() -> None:
        try:
            while not stop.is_set():
                statuses.append(ask(provider.service()).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in (1, 2):
            later(16)  # longer than BACK_OFF
            provider.rotate()
            until(lambda: len(log("ISSUER_KEYS")) == number, "the new key")  # noqa: B023 - it is asked at once
        before = len(statuses)
        until(lambda: len(statuses) > before + 10, "answers after the last rotation")
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert set(statuses) == {200}
