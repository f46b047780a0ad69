"""Key ids that a worker does not know: of keys that others made it learns in time, and made up ones cost nothing."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

import stockade
from stockade import keyring
from stockade.core.errors import InvalidCredential
from stockade.drf.views import JWKSView
from stockade.gate.registry import get_gate
from stockade.keyring import store
from stockade.schemes.jwt import redeem
from tests.schemes import forge

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def warm(anonymous: Client, project: Any, configure: Callable[..., None]) -> Client:
    """A worker that has served before, under limits that hold nobody back."""
    configure(LIMITS={})
    project.ROOT_URLCONF = "tests.schemes.urls"
    assert anonymous.get("/api/sessions/").status_code == 401
    keyring.ring().signer(3600)
    assert anonymous.get("/api/sessions/").status_code == 401
    keyring.ring()
    return anonymous


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def as_another_worker(change: Callable[[], Any]) -> Any:
    """Run `change` as another process does: the ring of this one stays as it was."""
    stale, generation = keyring.ring(), store._forgotten
    found = change()
    store._ring, store._forgotten = stale, generation
    return found


class TestRandomKids:
    """An attacker names a new key with every request: reading the ring each time would be his to command."""

    REQUESTS = 60

    def flood(self, warm: Client, attack: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
        reads: list[float] = []
        load = store.load
        monkeypatch.setattr(
            store, "load", lambda using=None: (reads.append(time.monotonic()), load(using))[1]
        )
        began = time.monotonic()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            for _ in range(self.REQUESTS):
                assert attack().status_code == 401
        seconds = time.monotonic() - began
        assert len(reads) <= 1 + seconds
        assert len(queries) <= 1 + seconds

    def test_in_access_tokens(self, warm: Client, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
        token = stockade.issue(alice).access
        warm.get("/api/sessions/")

        def attack() -> Any:
            forged = forge.changed(token, header={"kid": secrets.token_urlsafe(32)})
            return warm.get("/api/sessions/", headers=bearer(forged))

        self.flood(warm, attack, monkeypatch)

    def test_in_refresh_tokens(self, warm: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def attack() -> Any:
            made_up = (
                f"st_refresh.{uuid.uuid4().hex}.1.{secrets.token_urlsafe(32)}.{secrets.token_urlsafe(32)}"
            )
            return warm.post("/api/token/refresh/", {"refresh": made_up}, content_type="application/json")

        self.flood(warm, attack, monkeypatch)

    def test_in_tokens_to_be_verified(
        self, warm: Client, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = stockade.issue(alice).access
        warm.get("/api/sessions/")

        def attack() -> Any:
            forged = forge.changed(token, header={"kid": secrets.token_urlsafe(32)})
            return warm.post("/api/token/verify/", {"token": forged}, content_type="application/json")

        self.flood(warm, attack, monkeypatch)

    def test_in_tokens_of_a_key_that_was_revoked(
        self, warm: Client, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its thief goes on; each of his tokens looks like one of ours."""
        token = stockade.issue(alice).access
        keyring.retire(keyring.ring().signer().kid, compromised=True)
        warm.get("/api/sessions/")
        header, claims = forge.header_of(token), forge.claims_of(token)

        def attack() -> Any:
            forged = forge.sign(header, {**claims, "jti": secrets.token_urlsafe(16)})
            return warm.get("/api/sessions/", headers=bearer(forged))

        self.flood(warm, attack, monkeypatch)


class TestKeysOfOtherWorkers:
    """Even while a forger keeps this worker from looking by itself: the state tells that there is something to see."""

    @pytest.fixture(autouse=True)
    def pause(self, warm: Client) -> None:
        keyring.ring().verifier(secrets.token_urlsafe(32))

    def test_an_access_token_is_taken(self, warm: Client, alice: User) -> None:
        token = as_another_worker(lambda: (keyring.rotate(now=True), stockade.issue(alice).access)[1])
        assert keyring.ring().verifier(forge.header_of(token)["kid"]) is None
        assert warm.get("/api/sessions/", headers=bearer(token)).status_code == 200

    def test_a_refresh_token_is_taken(self, warm: Client, alice: User) -> None:
        token = as_another_worker(lambda: (keyring.rotate(now=True), stockade.issue(alice).refresh)[1])
        answer = warm.post("/api/token/refresh/", {"refresh": token}, content_type="application/json")
        assert answer.status_code == 200, answer.content

    @pytest.mark.parametrize("kind", ["access", "refresh"])
    def test_a_token_is_verified(self, warm: Client, alice: User, kind: str) -> None:
        pair = as_another_worker(lambda: (keyring.rotate(now=True), stockade.issue(alice))[1])
        answer = warm.post(
            "/api/token/verify/", {"token": getattr(pair, kind)}, content_type="application/json"
        )
        assert answer.status_code == 200, answer.content

    async def test_an_access_token_is_taken_in_an_event_loop(self, warm: Client, alice: User) -> None:
        from asgiref.sync import sync_to_async
        from django.test import AsyncClient

        def rotated() -> str:
            return str(as_another_worker(lambda: (keyring.rotate(now=True), stockade.issue(alice).access)[1]))

        token = await sync_to_async(rotated)()
        answer = await AsyncClient().get("/api/sessions/", headers=bearer(token))
        assert answer.status_code == 200, answer.content

    def test_a_revoked_key_redeems_nothing_outside_of_a_request_either(
        self, warm: Client, alice: User
    ) -> None:
        """In a task queue nobody has asked the state before; the limit of the session does."""
        pair = stockade.issue(alice)
        warm.get("/api/sessions/")
        as_another_worker(lambda: keyring.retire(pair.refresh.split(".")[3], compromised=True))
        with pytest.raises(InvalidCredential) as caught:
            redeem(pair.refresh)
        assert caught.value.reason == "refresh_unknown_kid"


class TestTheKeySet:
    def test_it_is_never_served_without_a_key(self, anonymous: Client, project: Any) -> None:
        """A cache would keep the empty one while the first token is signed."""
        project.ROOT_URLCONF = "tests.schemes.urls"
        (jwk,) = anonymous.get("/.well-known/jwks.json").json()["keys"]
        assert keyring.ring().signer().kid == jwk["kid"]

    def test_it_holds_what_another_worker_has_published(self, warm: Client) -> None:
        kid = as_another_worker(keyring.rotate)
        assert kid in {jwk["kid"] for jwk in warm.get("/.well-known/jwks.json").json()["keys"]}

    def test_also_where_the_middleware_is_missing(self, warm: Client) -> None:
        kid = as_another_worker(keyring.rotate)
        answer = JWKSView.as_view()(RequestFactory().get("/.well-known/jwks.json"))
        assert kid in answer.content.decode()
        assert get_gate().ask((), ()).world > 0
