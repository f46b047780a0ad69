"""One's own API keys over HTTP: what an owner can do with them, and what a thief cannot."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from stockade import end_tokens
from stockade.gate.protocol import DIRTY
from stockade.gate.registry import get_gate
from stockade.models import OpaqueToken
from stockade.schemes.jwt import issue
from stockade.schemes.opaque import create_key, create_token, rotate
from stockade.truth.tokens import token_key

pytestmark = pytest.mark.django_db

KEYS = "/api/keys/"


@pytest.fixture(autouse=True)
def site(project: Any, configure: Callable[..., None]) -> None:
    project.MIDDLEWARE = ["stockade.web.Middleware"]
    project.ROOT_URLCONF = "tests.schemes.urls"
    project.REST_FRAMEWORK = {"EXCEPTION_HANDLER": "stockade.drf.exceptions.exception_handler"}
    configure(SCHEMES=["api_key", "token", "jwt"])


def session(user: User, **more: Any) -> Client:
    return Client(HTTP_AUTHORIZATION=f"Bearer {issue(user, **more).access}")


def by(key: str) -> Client:
    return Client(HTTP_X_API_KEY=key)


def post(client: Client, path: str = KEYS, **fields: Any) -> Any:
    return client.post(path, json.dumps(fields), content_type="application/json")


def test_make_list_rotate_and_end_ones_own(alice: User) -> None:
    client = session(alice)
    made = post(client, name="backup", scopes=["a:read"], allow=["127.0.0.1"], rate="50/min", expires_in=3600)
    assert made.status_code == 201, made.content
    assert made["Cache-Control"] == "no-store"
    key, id = made.json()["key"], made.json()["id"]
    [listed] = client.get(KEYS).json()
    assert (listed["id"], listed["name"], listed["scopes"]) == (id, "backup", ["a:read"])
    assert (listed["allow"], listed["rate"], listed["current"]) == (["127.0.0.1"], "50/min", False)
    assert by(key).get(KEYS).json()[0]["current"] is True
    rotated = post(client, f"{KEYS}{id}/rotate/", overlap=60)
    assert rotated.status_code == 201
    assert [by(one).get(KEYS).status_code for one in (key, rotated.json()["key"])] == [200, 200]
    assert post(client, f"{KEYS}{id}/rotate/").status_code == 404
    assert client.delete(f"{KEYS}{id}/").status_code == 204
    assert client.delete(f"{KEYS}{id}/").status_code == 404
    assert [by(one).get(KEYS).status_code for one in (key, rotated.json()["key"])] == [401, 200]


@pytest.mark.parametrize("scheme", ["api_key", "token", "scopes"])
def test_what_is_stolen_makes_and_rotates_nothing_that_would_survive_it(scheme: str, alice: User) -> None:
    own = create_key("backup", owner=alice)
    client = {
        "api_key": by(own.token),
        "token": Client(HTTP_AUTHORIZATION=f"Token {create_token(alice).token}"),
        "scopes": session(alice, scopes=["a:read"]),
    }[scheme]
    before = OpaqueToken.objects.count()
    assert post(client, name="sister").status_code == 403
    assert post(client, f"{KEYS}{own.id}/rotate/").status_code == 403
    assert post(client, "/api/tokens/", name="sister").status_code == 403
    assert OpaqueToken.objects.count() == before


def test_anothers_key_does_not_exist_nor_does_a_services(alice: User, make_user: Callable[..., Any]) -> None:
    client = session(alice)
    for made in (create_key("a", owner=make_user("bob")), create_key("service")):
        assert client.get(KEYS).json() == []
        assert client.delete(f"{KEYS}{made.id}/").status_code == 404
        assert post(client, f"{KEYS}{made.id}/rotate/").status_code == 404
        assert by(made.token).get("/api/sessions/").status_code in (200, 403)
    assert client.delete(f"{KEYS}{uuid.uuid4()}/").status_code == 404
    assert not OpaqueToken.objects.exclude(ended_at=None, replaced_by=None).exists()


def test_a_key_of_another_tenants_user_of_the_same_number_does_not_exist(
    alice: User, configure: Callable[..., None]
) -> None:
    """User 7 of south knows the id of a key of user 7 of north, from a log."""
    at = {"name": "north"}
    configure(TENANT=lambda request: at["name"])
    made = create_key("backup", owner=alice)
    at["name"] = "south"
    client = session(alice)
    assert client.get(KEYS).json() == []
    assert post(client, f"{KEYS}{made.id}/rotate/").status_code == 404
    assert client.delete(f"{KEYS}{made.id}/").status_code == 404
    assert OpaqueToken.objects.get().replaced_by is None


@pytest.mark.django_db(transaction=True)
def test_a_key_that_is_not_rotated_leaves_no_mark_in_the_state(
    alice: User, make_user: Callable[..., Any]
) -> None:
    """Each mark takes room, and has every worker ask SQL about that key, which may be another's."""
    client = session(alice)
    ids = [uuid.uuid4(), *(create_key("a", owner=owner).id for owner in (make_user("bob"), alice, alice))]
    end_tokens(ids=[ids[2]])
    rotate(ids[3])
    assert [post(client, f"{KEYS}{id}/rotate/").status_code for id in ids] == [404] * 4
    assert DIRTY not in get_gate().ask(tuple(map(token_key, ids)), ()).epochs


def test_rotating_again_and_again_leaves_no_more_keys_than_two_for_each(
    alice: User, configure: Callable[..., None]
) -> None:
    configure(API_KEY={"MOST": 2})
    client = session(alice)
    id = post(client, name="backup").json()["id"]
    answers = []
    for _ in range(5):
        answer = post(client, f"{KEYS}{id}/rotate/", overlap=86400)
        answers.append(answer.status_code)
        id = answer.json().get("id", id)
    assert answers == [201, 201, 201, 400, 400]
    assert answer.json()["code"] == "too_many_tokens"
    assert len(client.get(KEYS).json()) == 4
    assert post(client, f"{KEYS}{id}/rotate/", overlap=0).status_code == 201


@pytest.mark.parametrize("scheme", ["api_key", "jwt"])
def test_what_is_bounded_by_scopes_sees_and_ends_nothing_but_itself(scheme: str, alice: User) -> None:
    """A key for reading articles tells nobody where its owner is logged in, and logs nobody out."""
    other, token = create_key("other", owner=alice), create_token(alice, "other")
    elsewhere = issue(alice)
    own = create_key("reader", owner=alice, scopes=["articles:read"])
    pair = issue(alice, scopes=["articles:read"])
    client = by(own.token) if scheme == "api_key" else Client(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
    assert [one["id"] for one in client.get(KEYS).json()] == [str(own.id)] * (scheme == "api_key")
    assert client.get("/api/tokens/").json() == []
    assert [one["id"] for one in client.get("/api/sessions/").json()] == [pair.session] * (scheme == "jwt")
    assert client.delete(f"{KEYS}{other.id}/").status_code == 404
    assert client.delete(f"/api/tokens/{token.id}/").status_code == 404
    assert client.delete(f"/api/sessions/{elsewhere.session}/").status_code == 404
    assert client.delete("/api/sessions/").status_code == 403
    mine = f"{KEYS}{own.id}/" if scheme == "api_key" else f"/api/sessions/{pair.session}/"
    assert client.delete(mine).status_code == 204
    assert client.get("/api/sessions/").status_code == 401
    assert len(session(alice).get(KEYS).json()) == 2 - (scheme == "api_key")


def test_a_service_has_no_keys_of_its_own_to_manage(db: None) -> None:
    client = by(create_key("service").token)
    assert client.get(KEYS).status_code == 403
    assert post(client, name="sister").status_code == 403


def test_there_is_an_end_to_how_many(alice: User, configure: Callable[..., None]) -> None:
    configure(API_KEY={"MOST": 2})
    client = session(alice)
    answers = [post(client, name="backup") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 400]
    assert answers[2].json()["code"] == "too_many_tokens"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"name": ""},
        {"name": "x" * 101},
        {"name": "a", "allow": ["nowhere"]},
        {"name": "a", "allow": "127.0.0.1"},
        {"name": "a", "allow": ["10.0.0.0/8"] * 101},
        {"name": "a", "rate": "often"},
        {"name": "a", "scopes": ["a b"]},
        {"name": "a", "expires_in": 0},
        {"name": "a", "owner": "bob"},
        {"name": "a", "lineage": "1b4e28ba-2fa1-41d2-883f-0016d3cca427"},
    ],
    ids=str,
)
def test_nonsense_is_400(fields: dict[str, Any], alice: User) -> None:
    assert post(session(alice), **fields).status_code == 400
    assert not OpaqueToken.objects.exists()


def test_without_the_scheme_there_is_nothing(alice: User, configure: Callable[..., None]) -> None:
    configure(SCHEMES=["jwt"])
    assert session(alice).get(KEYS).status_code == 404
    assert post(session(alice), name="backup").status_code == 404


def test_nobody_has_no_list(db: None) -> None:
    assert Client().get(KEYS).status_code == 401
    assert post(Client(), name="backup").status_code == 401
