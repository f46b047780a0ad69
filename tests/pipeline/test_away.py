"""The state goes away under a running project: nobody is let in unasked, it is told once, and it comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import AsyncClient, Client

import stockade
from stockade import events
from stockade.core.errors import Unavailable
from stockade.gate.registry import get_gate
from stockade.pipeline import registry as registries
from stockade.schemes import attempts
from stockade.web import Middleware
from tests.state_servers import Server, redis_server
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(tmp_path: Path, project: Any, configure: Callable[..., None]) -> Iterator[Server]:
    """A Redis of this test's own, which the project uses."""
    with redis_server(folder=tmp_path) as found:
        configure(STATE=found.url, STATE_TIMEOUT="300ms")
        yield found
        configure(STATE="memory://")


@pytest.fixture
def told() -> Iterator[list[Any]]:
    """Events of the state."""
    found: list[Any] = []
    wanted = (
        events.Event.STATE_AWAY,
        events.Event.STATE_BACK,
        events.Event.STATE_LOST,
        events.Event.STATE_LOADED,
    )
    events.on(*wanted)(found.append)
    yield found
    events.off(found.append)


def tags(told: list[Any]) -> list[str]:
    return [each.event.tag for each in told]


def test_while_the_state_is_away_every_request_is_503_and_the_log_says_it_once(
    server: Server, alice: User, client_of: Callable[..., Client], told: list[Any]
) -> None:
    client, stranger = client_of(alice), Client(raise_request_exception=False)
    assert client.get("/private/").status_code == 200
    server.kill()
    for each in (client, stranger):
        for path in ("/private/", "/public/", "/nothing/here/", "/private_async/"):
            refused = each.get(path)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1"), path
            assert refused.headers["Content-Type"] == "application/problem+json"
            assert refused.json()["code"] == "state_unavailable"
    assert tags(told).count("sys_state_away") == 1
    server.start()
    until(lambda: client.get("/private/").status_code == 200)
    assert tags(told).count("sys_state_back") == 1
    assert tags(told)[-2:] == ["sys_state_lost", "sys_state_loaded"]


def test_health_and_readiness_tell_apart_what_is_away(server: Server, anonymous: Client) -> None:
    assert (anonymous.get("/healthz").status_code, anonymous.get("/readyz").status_code) == (200, 200)
    server.kill()
    assert anonymous.get("/healthz").status_code == 200
    ready = anonymous.get("/readyz")
    assert (ready.status_code, ready.json()) == (
        503,
        {"status": "unavailable", "state": "unavailable", "database": "ok"},
    )
    server.start()
    until(lambda: anonymous.get("/readyz").status_code == 200)


def test_what_was_ended_before_the_state_was_lost_stays_ended(
    server: Server, alice: User, bob: User, client_of: Callable[..., Client]
) -> None:
    gone, staying = client_of(alice), client_of(bob)
    assert (gone.get("/private/").status_code, staying.get("/private/").status_code) == (200, 200)
    stockade.end_sessions(alice)
    for lose in (lambda: server.run("FLUSHALL"), server.restart):
        lose()
        until(lambda: staying.get("/private/").status_code == 200)
        assert gone.get("/private/").status_code == 401


def test_a_change_is_refused_while_the_state_is_away(
    server: Server, alice: User, client_of: Callable[..., Client]
) -> None:
    client = client_of(alice)
    assert client.get("/private/").status_code == 200
    server.kill()
    assert client.delete("/api/sessions/").status_code == 503
    alice.is_active = False
    with pytest.raises(Exception, match="state_unavailable"):
        alice.save()
    server.start()
    until(lambda: client.get("/private/").status_code == 200)
    alice.refresh_from_db()
    assert alice.is_active


class TestAdmit:
    """STATE_AWAY = "admit": no limits, and everything else is asked of SQL each time."""

    @pytest.fixture(autouse=True)
    def admit(self, server: Server, configure: Callable[..., None]) -> None:
        configure(STATE_AWAY="admit", LIMITS={"user": "5/min", "anon": "5/min", "login": "5/min"})

    def test_requests_go_on_without_limits_and_say_nothing_of_them(
        self, server: Server, alice: User, client_of: Callable[..., Client], anonymous: Client
    ) -> None:
        client, new = client_of(alice), client_of(alice)
        assert client.get("/private/").status_code == 200
        server.kill()
        for _ in range(8):
            answer = client.get("/private/")
            assert answer.status_code == 200
            assert "RateLimit" not in answer.headers
            assert anonymous.get("/public/").status_code == 200
        assert new.get("/private/").status_code == 200  # a token that this worker has not seen
        assert client.get("/editors/").status_code == 200
        assert client.get("/nothing/here/").status_code == 404
        assert anonymous.get("/readyz").json()["status"] == "degraded"
        server.start()
        until(lambda: client.get("/private/").status_code == 429)

    @pytest.mark.parametrize("change", ["session", "user", "role", "key"])
    def test_what_was_ended_is_refused_at_once(
        self, server: Server, alice: User, client_of: Callable[..., Client], change: str
    ) -> None:
        """Ended by another host, which still reaches the state; this worker does not."""
        client = client_of(alice)
        assert client.get("/editors/").status_code == 200
        server.kill()
        assert client.get("/editors/").status_code == 200
        if change == "session":
            stockade.models.Session.objects.update(ended_at="2026-01-01T00:00:00Z")
        elif change == "user":
            User.objects.update(is_active=False)
        elif change == "role":
            User.groups.through.objects.all()._raw_delete("default")
        else:
            stockade.models.SigningKey.objects.update(state="revoked")
        assert client.get("/editors/").status_code == (403 if change == "role" else 401)

    def test_logins_are_refused_all_the_same(self, server: Server, alice: User, anonymous: Client) -> None:
        """Without the state nobody counts the guesses."""
        body = {"username": "alice", "password": "correct horse battery"}
        assert anonymous.post("/api/token/", body, "application/json").status_code == 200
        server.kill()
        for password in ("correct horse battery", "wrong"):
            answer = anonymous.post("/api/token/", {**body, "password": password}, "application/json")
            assert answer.status_code == 503

    def test_nobody_guesses_where_nobody_counts(self, server: Server) -> None:
        server.kill()
        attempts.reserve([("failed_auth", "192.0.2.1")], guess=False)
        with pytest.raises(Unavailable):
            attempts.reserve([("login", "alice")])

    def test_a_refresh_goes_on(self, server: Server, alice: User, anonymous: Client) -> None:
        pair = stockade.issue(alice)
        server.kill()
        found = anonymous.post("/api/token/refresh/", {"refresh": str(pair.refresh)}, "application/json")
        assert found.status_code == 200
        stockade.models.Session.objects.update(ended_at="2026-01-01T00:00:00Z")
        again = anonymous.post(
            "/api/token/refresh/", {"refresh": found.json()["refresh"]}, "application/json"
        )
        assert again.status_code == 401

    async def test_so_it_is_under_asgi(self, server: Server, alice: User) -> None:
        token = (await sync_to_async(stockade.issue)(alice)).access
        client = AsyncClient(raise_request_exception=False)
        bearer = {"authorization": f"Bearer {token}"}
        assert (await client.get("/private_async/", headers=bearer)).status_code == 200
        await sync_to_async(server.kill)()
        for _ in range(8):
            assert (await client.get("/private_async/", headers=bearer)).status_code == 200
        await stockade.models.Session.objects.aupdate(ended_at="2026-01-01T00:00:00Z")
        assert (await client.get("/private_async/", headers=bearer)).status_code == 401


async def test_under_asgi_the_state_comes_back_by_itself(server: Server, alice: User) -> None:
    token = (await sync_to_async(stockade.issue)(alice)).access
    client = AsyncClient(raise_request_exception=False)
    bearer = {"authorization": f"Bearer {token}"}
    assert (await client.get("/private_async/", headers=bearer)).status_code == 200
    await sync_to_async(server.kill)()
    assert {(await client.get("/private_async/", headers=bearer)).status_code for _ in range(20)} == {503}
    await sync_to_async(server.start)()
    deadline = time.monotonic() + PATIENCE
    while (await client.get("/private_async/", headers=bearer)).status_code != 200:
        assert time.monotonic() < deadline
    await sync_to_async(stockade.end_sessions)(alice)
    assert (await client.get("/private_async/", headers=bearer)).status_code == 401


def test_a_change_that_was_committed_and_not_told_is_no_success(
    server: Server, alice: User, client_of: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(alice)
    stockade.issue(alice)  # another session, which ends
    assert client.get("/private/").status_code == 200
    gate = get_gate()
    real = gate.mark

    def mark_and_lose(*args: Any) -> None:
        real(*args)
        server.kill()

    monkeypatch.setattr(gate, "mark", mark_and_lose)
    monkeypatch.setattr("stockade.truth.change.PATIENCE", 0.2)
    refused = client.delete("/api/sessions/")
    assert (refused.status_code, refused.json()["detail"]) == (503, stockade.truth.change.UNTOLD)


class TestStart:
    """What may not hold the state stops the start; what is only away does not."""

    def starts(self) -> str:
        registries.forget()
        try:
            Middleware(lambda request: HttpResponse())
        except ImproperlyConfigured as error:
            return str(error)
        return ""

    def test_a_redis_of_our_own(self, server: Server) -> None:
        assert self.starts() == ""

    def test_one_that_is_away(self, server: Server) -> None:
        server.kill()
        assert self.starts() == ""

    def test_one_that_evicts(self, server: Server) -> None:
        server.run("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        assert "stockade.E038" in self.starts()
        assert "noeviction" in self.starts()

    def test_one_that_others_write_to(self, server: Server) -> None:
        server.run("SET", "celery-task-meta-1", "{}")
        assert "stockade.E039" in self.starts()
        assert "celery-task-meta-1" in self.starts()

    @pytest.mark.parametrize("name", ["CACHES", "CELERY_BROKER_URL", "CHANNEL_LAYERS"])
    @pytest.mark.parametrize("place", ["localhost:{}", "127.0.0.1:{}"])
    def test_one_that_the_settings_use_for_something_else(
        self, server: Server, settings: Any, name: str, place: str
    ) -> None:
        url = f"redis://{place.format(server.port)}/1"
        backend = "django.core.cache.backends.redis.RedisCache"
        values: dict[str, Any] = {
            "CACHES": {"default": {"BACKEND": backend, "LOCATION": url}},
            "CELERY_BROKER_URL": url,
            "CHANNEL_LAYERS": {"default": {"CONFIG": {"hosts": [url]}}},
        }
        setattr(settings, name, values[name])
        assert "stockade.E039" in self.starts()
        assert name in self.starts()

    def test_another_redis_for_the_cache(self, server: Server, settings: Any) -> None:
        backend = "django.core.cache.backends.redis.RedisCache"
        settings.CACHES = {
            "default": {"BACKEND": backend, "LOCATION": f"redis://127.0.0.1:{server.port + 1}/0"}
        }
        assert self.starts() == ""
