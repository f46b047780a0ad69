"""Tokens for a password, as DRF's obtain_auth_token gives them, and one's own in a list."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

import stockade
from stockade.models import OpaqueToken
from stockade.schemes.jwt import issue
from stockade.schemes.opaque import create_key, create_token
from tests.schemes.conftest import PASSWORD

pytestmark = pytest.mark.django_db

AUTH, TOKENS = "/api/token-auth/", "/api/tokens/"
GOOD = {"username": "alice", "password": PASSWORD}


@pytest.fixture(autouse=True)
def site(project: Any, configure: Callable[..., None]) -> None:
    project.MIDDLEWARE = ["stockade.web.Middleware"]
    project.ROOT_URLCONF = "tests.schemes.urls"
    project.REST_FRAMEWORK = {"EXCEPTION_HANDLER": "stockade.drf.exceptions.exception_handler"}
    configure(SCHEMES=["token", "jwt"])


def obtain(body: Any = GOOD, **headers: Any) -> Any:
    return Client().post(AUTH, json.dumps(body), content_type="application/json", **headers)


def by(token: str) -> Client:
    return Client(HTTP_AUTHORIZATION=f"Token {token}")


# -- for a password ---------------------------------------------------------------------------------------------------


def test_a_password_gives_a_token_that_is_kept_by_no_cache(alice: User) -> None:
    answer = obtain()
    assert (answer.status_code, list(answer.json())) == (200, ["token"])
    assert answer["Cache-Control"] == "no-store"
    assert by(answer.json()["token"]).get(TOKENS).status_code == 200


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_forms_are_taken_as_drf_takes_them(kind: str, alice: User) -> None:
    if kind.startswith("multipart"):
        answer = Client().post(AUTH, GOOD)
    else:
        answer = Client().post(
            AUTH, f"username=alice&password={PASSWORD.replace(' ', '+')}", content_type=kind
        )
    assert (answer.status_code, list(answer.json())) == (200, ["token"])


def test_each_login_gives_a_new_token_and_the_old_ones_go_on(alice: User) -> None:
    first, second = obtain().json()["token"], obtain().json()["token"]
    assert first != second
    assert by(first).get(TOKENS).status_code == by(second).get(TOKENS).status_code == 200


def test_of_too_many_the_one_that_was_not_used_for_longest_ends(
    alice: User, configure: Callable[..., None], later: Callable[[float], None]
) -> None:
    configure(TOKEN={"LOGINS": 2, "LAST_USED_EVERY": "1s"})
    own = create_token(alice, "backup").token
    first = obtain().json()["token"]
    later(60)
    second = obtain().json()["token"]
    later(60)
    assert by(first).get(TOKENS).status_code == 200
    later(60)
    third = obtain().json()["token"]
    statuses = {name: by(token).get(TOKENS).status_code for name, token in
                (("first", first), ("second", second), ("third", third), ("own", own))}  # fmt: skip
    assert statuses == {"first": 200, "second": 401, "third": 200, "own": 200}


def test_a_wrong_password_an_unknown_name_and_an_inactive_account_look_alike(
    make_user: Callable[..., Any], alice: User
) -> None:
    make_user("gone", is_active=False)
    answers = [
        obtain({"username": "alice", "password": "wrong"}),
        obtain({"username": "nobody", "password": PASSWORD}),
        obtain({"username": "gone", "password": PASSWORD}),
    ]
    assert [answer.status_code for answer in answers] == [401] * 3
    assert len({answer.content for answer in answers}) == 1
    assert not OpaqueToken.objects.exists()


def test_where_errors_stay_drfs_a_wrong_password_is_worded_as_its_view_does(
    alice: User, configure: Callable[..., None], log: Any
) -> None:
    configure(ERRORS="drf")
    answer = obtain({"username": "alice", "password": "wrong"})
    assert answer.status_code == 400
    assert answer.json() == {"non_field_errors": ["Unable to log in with provided credentials."]}
    assert [r.event.name for r in log() if r.event.name.endswith("_FAIL")] == ["LOGIN_FAIL"]


def test_guessing_passwords_here_uses_up_the_same_places_as_elsewhere(
    alice: User, configure: Callable[..., None]
) -> None:
    configure(LIMITS={"login": "3/min"})
    assert [obtain({**GOOD, "password": "wrong"}).status_code for _ in range(3)] == [401] * 3
    assert obtain().status_code == 429
    answer = Client().post("/api/token/", json.dumps(GOOD), content_type="application/json")
    assert answer.status_code == 429


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": "alice"},
        {"username": "alice", "password": ["a"]},
        {"username": "ali\0ce", "password": PASSWORD},
        {"username": "alice", "password": "x" * 10_000},
        {**GOOD, "scopes": "everything"},
        [],
        "text",
    ],
    ids=str,
)
def test_what_is_no_name_and_password_is_400(body: Any, alice: User) -> None:
    assert obtain(body).status_code == 400
    assert not OpaqueToken.objects.exists()


def test_a_login_by_it_is_in_the_log(alice: User, log: Any) -> None:
    token = obtain().json()["token"]
    found = OpaqueToken.objects.get()
    assert found.origin == "login"
    assert [
        (r.event.name, r.credential) for r in log() if r.event.name in ("LOGIN_SUCCESS", "TOKEN_CREATED")
    ] == [
        ("TOKEN_CREATED", str(found.pk)),
        ("LOGIN_SUCCESS", str(found.pk)),
    ]
    assert token not in repr([{name: getattr(record, name) for name in record.__slots__} for record in log()])


def test_a_refused_login_makes_no_token_and_a_banned_user_gets_none(alice: User) -> None:
    stockade.ban(user=alice)
    assert obtain().status_code == 401
    assert not OpaqueToken.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_logins_at_once_leave_no_more_tokens_than_are_allowed(
    alice: User, configure: Callable[..., None]
) -> None:
    # A place of `login` is taken until the password has proved right.
    configure(TOKEN={"LOGINS": 3}, LIMITS={"login": "100/min", "login_address": "100/min"})
    start, statuses = threading.Barrier(8), []

    def login() -> None:
        try:
            start.wait(30)
            statuses.append(obtain().status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=login) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert statuses == [200] * 8
    assert OpaqueToken.objects.filter(ended_at=None).count() == 3


# -- one's own --------------------------------------------------------------------------------------------------------


def session(user: User) -> Client:
    return Client(HTTP_AUTHORIZATION=f"Bearer {issue(user).access}")


def make(client: Client, **fields: Any) -> Any:
    return client.post(TOKENS, json.dumps({"name": "backup", **fields}), content_type="application/json")


def test_make_list_and_end_ones_own(alice: User) -> None:
    client = session(alice)
    made = make(client, scopes=["articles:read"], expires_in=3600)
    assert made.status_code == 201, made.content
    assert made["Cache-Control"] == "no-store"
    token = made.json()["token"]
    listed = client.get(TOKENS).json()
    assert [(one["id"], one["name"], one["scopes"], one["current"]) for one in listed] == [
        (made.json()["id"], "backup", ["articles:read"], False)
    ]
    assert token not in client.get(TOKENS).content.decode()
    assert by(token).get(TOKENS).json()[0]["current"] is True
    assert client.delete(f"{TOKENS}{made.json()['id']}/").status_code == 204
    assert client.delete(f"{TOKENS}{made.json()['id']}/").status_code == 404
    assert by(token).get(TOKENS).status_code == 401


def test_log_out_ends_the_token_that_asks(alice: User) -> None:
    token, other = obtain().json()["token"], obtain().json()["token"]
    assert by(token).delete(f"{TOKENS}current/").status_code == 204
    assert [by(one).get(TOKENS).status_code for one in (token, other)] == [401, 200]
    assert session(alice).delete(f"{TOKENS}current/").status_code == 404


def test_a_stolen_token_makes_no_sister_that_would_survive_it(alice: User) -> None:
    assert make(by(create_token(alice).token)).status_code == 403
    assert OpaqueToken.objects.count() == 1


def test_a_credential_with_scopes_makes_no_token_without(alice: User) -> None:
    client = Client(HTTP_AUTHORIZATION=f"Bearer {issue(alice, scopes=['articles:read']).access}")
    assert make(client).status_code == 403
    assert not OpaqueToken.objects.exists()


def test_a_service_has_no_tokens_of_its_own_to_manage(configure: Callable[..., None]) -> None:
    configure(SCHEMES=["token", "api_key"])
    client = Client(HTTP_X_API_KEY=create_key("service").token)
    assert client.get(TOKENS).status_code == 403
    assert make(client).status_code == 403
    assert not OpaqueToken.objects.filter(kind="token").exists()


def test_without_the_scheme_there_is_nothing(alice: User, configure: Callable[..., None]) -> None:
    configure(SCHEMES=["jwt"])
    assert session(alice).get(TOKENS).status_code == 404
    assert make(session(alice)).status_code == 404
    assert obtain().status_code == 404
    assert not OpaqueToken.objects.exists()


def test_anothers_token_does_not_exist(alice: User, make_user: Callable[..., Any]) -> None:
    made = create_token(make_user("bob"))
    client = session(alice)
    assert client.get(TOKENS).json() == []
    assert client.delete(f"{TOKENS}{made.id}/").status_code == 404
    assert client.delete(f"{TOKENS}{uuid.uuid4()}/").status_code == 404
    assert by(made.token).get(TOKENS).status_code == 200


def test_there_is_an_end_to_how_many(alice: User, configure: Callable[..., None]) -> None:
    configure(TOKEN={"MOST": 2})
    client = session(alice)
    answers = [make(client) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 400]
    assert answers[2].json()["code"] == "too_many_tokens"


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "x" * 101},
        {"name": "a\x1b[2J"},
        {"scopes": ["a b"]},
        {"scopes": ['"']},
        {"scopes": "articles:read"},
        {"expires_in": 0},
        {"expires_in": 10**12},
        {"user": 1},
        {"origin": "login"},
        {"token": "stt_mine"},
    ],
    ids=str,
)
def test_nonsense_is_400(fields: dict[str, Any], alice: User) -> None:
    assert make(session(alice), **fields).status_code == 400
    assert not OpaqueToken.objects.exists()


def test_nobody_has_no_list(db: None) -> None:
    assert Client().get(TOKENS).status_code == 401
    assert make(Client()).status_code == 401
