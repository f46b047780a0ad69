"""Finding and proving the one credential: what must never reach a view, and what each refusal says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import User
from django.test import AsyncClient, Client

import stockade
from stockade.core import clock
from stockade.core.context import current
from stockade.pipeline import registry as registries
from tests.pipeline import views


def test_a_token_opens_every_kind_of_view(alice: User, client_of: Callable[..., Client]) -> None:
    client = client_of(alice)
    assert client.get("/private/").json() == {"user": "alice"}
    assert client.get("/private_async/").json() == {"user": str(alice.pk)}
    assert client.get("/private_api_view/").json()["user"] == "alice"
    assert client.get("/me/").json() == {"user": "alice", "scheme": "jwt"}


async def test_a_token_opens_views_under_asgi(alice: User) -> None:
    pair = await sync_to_async(stockade.issue)(alice)
    client, headers = AsyncClient(), {"authorization": f"Bearer {pair.access}"}
    assert (await client.get("/private_async/", headers=headers)).json() == {"user": str(alice.pk)}
    assert (await client.get("/private_async/", headers=headers)).status_code == 200
    assert (await client.get("/me/", headers=headers)).json()["user"] == "alice"


async def test_an_async_view_reads_the_name_of_its_caller(alice: User) -> None:
    """As with Django's own `auser`: a row that is there. One that is loaded at first touch is an error in a loop."""
    pair = await sync_to_async(stockade.issue)(alice)
    client, headers = AsyncClient(), {"authorization": f"Bearer {pair.access}"}
    for _ in range(2):
        assert (await client.get("/named_async/", headers=headers)).json() == {"user": "alice", "same": True}


def test_whoever_called_an_async_view_is_not_taken_for_whoever_comes_next(alice: User) -> None:
    """asgiref hands a coroutine's context variables back: an address that was believed would be counted for others."""
    headers = {"authorization": f"Bearer {stockade.issue(alice).access}"}

    async def ask() -> int:
        return int((await AsyncClient().get("/private_async/", headers=headers)).status_code)

    assert async_to_sync(ask)() == 200
    assert current.get() is None


def test_so_it_does_under_wsgi(alice: User, client_of: Callable[..., Client]) -> None:
    assert client_of(alice).get("/named_async/").json() == {"user": "alice", "same": True}


def test_without_a_credential_the_answer_says_how_to_get_in(anonymous: Client) -> None:
    response = anonymous.get("/private/")
    assert response.status_code == 401
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert set(response.json()) == {"type", "title", "status", "detail", "code"}
    assert views.reached == []


def test_a_bad_token_is_refused_on_a_public_view_too(anonymous: Client) -> None:
    response = anonymous.get("/public/", headers={"authorization": "Bearer nonsense"})
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
    assert views.reached == []


def test_a_view_for_anyone_that_lists_no_authenticators_looks_at_nobody(
    alice: User, client_of: Callable[..., Client], anonymous: Client
) -> None:
    """A login or refresh of another package, to which a client sends its expired access token along."""
    stale = {"authorization": "Bearer nonsense"}
    assert anonymous.post("/renewal/", headers=stale).json() == {"user": "AnonymousUser"}
    assert client_of(alice).post("/renewal/").json() == {"user": "AnonymousUser"}
    # Where its policy asks who is calling, it is found out, whatever the view lists.
    assert anonymous.get("/renewal/", headers=stale).status_code == 401
    assert anonymous.get("/renewal/").status_code == 401
    assert client_of(alice).get("/renewal/").json() == {"user": "alice"}


def test_two_credentials_are_refused(alice: User, anonymous: Client) -> None:
    access = stockade.issue(alice).access
    joined = anonymous.get("/private/", headers={"authorization": f"Bearer {access},Bearer {access}"})
    hidden = anonymous.get("/private/", headers={"authorization": f"Basic eDp5,Bearer {access}"})
    assert [joined.status_code, hidden.status_code] == [400, 400]
    assert views.reached == []


@pytest.mark.parametrize(
    "name", ["access_token", "token", "api_key", "apikey", "key", "jwt", "auth", "auth_token", "ACCESS_TOKEN"]
)
def test_a_token_in_the_query_string_is_refused_and_recorded(
    name: str, alice: User, client_of: Callable[..., Client], log: Callable[[], list[Any]]
) -> None:
    client = client_of(alice)
    response = client.get("/public/", {name: stockade.issue(alice).access})
    assert (response.status_code, response.json()["code"]) == (400, "credential_in_query")
    assert views.reached == []
    assert [event.event.tag for event in log()][-1] == "authn_credential_exposed"


def test_a_refresh_token_in_the_query_string_is_refused(alice: User, anonymous: Client) -> None:
    assert anonymous.get("/public/", {"token": stockade.issue(alice).refresh}).status_code == 400


def test_a_password_reset_token_in_the_query_string_passes(anonymous: Client) -> None:
    assert anonymous.get("/public/?token=c8x9k2-5d5f3e1a2b3c4d5e6f708192a3b4c5d6").status_code == 200


def test_a_refresh_token_is_no_access_token(alice: User, anonymous: Client) -> None:
    refresh = stockade.issue(alice).refresh
    assert anonymous.get("/private/", headers={"authorization": f"Bearer {refresh}"}).status_code == 401


def test_an_expired_token_is_refused_though_this_worker_has_seen_it(
    alice: User, client_of: Callable[..., Client]
) -> None:
    client = client_of(alice)
    assert client.get("/private/").status_code == 200
    clock.shift(301)
    assert client.get("/private/").status_code == 401


def test_an_expired_token_is_refused_however_long_a_worker_may_remember_its_user(
    configure: Callable[..., None], alice: User, client_of: Callable[..., Client]
) -> None:
    configure(PRINCIPAL_MAX_AGE="1h")
    client = client_of(alice)
    assert client.get("/private/").status_code == 200
    clock.shift(270)
    assert client.get("/private/").status_code == 200
    clock.shift(31)
    assert client.get("/private/").status_code == 401


def test_a_seen_token_is_not_accepted_under_another_keyword(
    alice: User, client_of: Callable[..., Client]
) -> None:
    access = stockade.issue(alice).access
    client = Client()
    assert client.get("/private/", headers={"authorization": f"Bearer {access}"}).status_code == 200
    assert client.get("/private/", headers={"authorization": f"Token {access}"}).status_code == 401


def test_foreign_keywords_neither_help_nor_harm(anonymous: Client) -> None:
    assert anonymous.get("/public/", headers={"authorization": "Basic eDp5"}).status_code == 200
    assert anonymous.get("/private/", headers={"authorization": "Basic eDp5"}).status_code == 401


def test_guessing_tokens_is_limited_by_address(configure: Callable[..., None], anonymous: Client) -> None:
    configure(LIMITS={"failed_auth": "5/min"})
    codes = [
        anonymous.get(
            "/public/", headers={"authorization": f"Bearer eyJhbGciOiJFUzI1NiJ9.e30.{n:04}"}
        ).status_code
        for n in range(8)
    ]
    assert codes == [401] * 5 + [429] * 3


def test_request_user_is_the_real_model_with_its_key(alice: User, client_of: Callable[..., Client]) -> None:
    response = client_of(alice).get("/public/")
    assert response.json() == {"user": "alice", "authenticated": True}


def test_request_auth_answers_as_a_mapping(alice: User, client_of: Callable[..., Client]) -> None:
    auth = client_of(alice).get("/private/").wsgi_request.auth
    assert auth["user_id"] == auth["sub"] == str(alice.pk)
    assert auth.get("nothing", "else") == "else"
    assert "user_id" in auth
    assert auth.payload["iss"] == "stockade"
    assert auth.scope == ""


def test_a_token_spelled_in_many_ways_drives_nobody_out_of_a_workers_memory(
    alice: User, anonymous: Client
) -> None:
    access = stockade.issue(alice).access
    for keyword in ("Bearer ", "bearer ", "BEARER ", "Bearer  ", "bEaReR   "):
        headers = {"authorization": keyword + access}
        assert anonymous.get("/private/", headers=headers).status_code == 200
    registry = registries.current()
    assert registry is not None
    assert len(registry.engine.memory) == 1


def test_a_traceback_does_not_show_what_was_presented(alice: User) -> None:
    registry = registries.current()
    assert registry is not None
    access = stockade.issue(alice).access
    presented = registry.engine.finder.find({"HTTP_AUTHORIZATION": f"Bearer {access}"})
    assert access not in repr(presented)
    assert access not in f"{presented} {[presented]}"
