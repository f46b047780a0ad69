"""A client that was written for simplejwt: the same calls to simplejwt's own views and to ours, compared.

What differs on purpose stands in `DIFFERENT`, each with its reason, and in docs/reference/jwt.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.schemes.conftest import PASSWORD

pytestmark = pytest.mark.django_db

OURS, THEIRS = "tests.schemes.urls", "tests.schemes.simplejwt_urls"


@pytest.fixture
def at(project: Any) -> Callable[[str], Client]:
    """A client of one of the two."""

    def client(where: str) -> Client:
        project.ROOT_URLCONF = where
        ours = where == OURS
        project.MIDDLEWARE = ["stockade.web.Middleware"] if ours else []
        project.REST_FRAMEWORK = (
            {"EXCEPTION_HANDLER": "stockade.drf.exceptions.exception_handler"} if ours else {}
        )
        project.SIMPLE_JWT = {"ROTATE_REFRESH_TOKENS": True, "SIGNING_KEY": "k" * 64}
        return Client()

    return client


class Answer:
    """Status and shape of an answer: names and types, not values."""

    def __init__(self, response: Any) -> None:
        self.status = response.status_code
        self.json = response.json()
        self.challenge = response.has_header("WWW-Authenticate")
        self.names = set(self.json)
        self.types = {name: type(value).__name__ for name, value in self.json.items()}


def post(client: Client, name: str, body: Any) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body)
    return Answer(client.post(reverse(name), data, content_type="application/json"))


def both(at: Callable[[str], Client], call: Callable[[Client], Answer]) -> Iterator[Answer]:
    for where in (THEIRS, OURS):
        yield call(at(where))


def obtain(client: Client, **fields: Any) -> Answer:
    return post(client, "token_obtain_pair", {"username": "alice", "password": PASSWORD, **fields})


# -- what holds -------------------------------------------------------------------------------------------------------


def test_obtaining_looks_the_same(at: Callable[[str], Client], alice: Any) -> None:
    theirs, ours = both(at, obtain)
    assert (
        (theirs.status, theirs.types)
        == (ours.status, ours.types)
        == (200, {"access": "str", "refresh": "str"})
    )


def test_refreshing_looks_the_same(at: Callable[[str], Client], alice: Any) -> None:
    def call(client: Client) -> Answer:
        return post(client, "token_refresh", {"refresh": obtain(client).json["refresh"]})

    theirs, ours = both(at, call)
    assert (
        (theirs.status, theirs.types)
        == (ours.status, ours.types)
        == (200, {"access": "str", "refresh": "str"})
    )


@pytest.mark.parametrize("which", ["access", "refresh"])
def test_verifying_looks_the_same(which: str, at: Callable[[str], Client], alice: Any) -> None:
    def call(client: Client) -> Answer:
        return post(client, "token_verify", {"token": obtain(client).json[which]})

    theirs, ours = both(at, call)
    assert (theirs.status, theirs.json) == (ours.status, ours.json) == (200, {})


def test_the_access_token_can_be_read_by_a_client(at: Callable[[str], Client], alice: Any) -> None:
    """Clients read `exp` to refresh in time."""
    import jwt

    for answer in both(at, obtain):
        claims = jwt.decode(answer.json["access"], options={"verify_signature": False})
        assert isinstance(claims["exp"], int)
        assert isinstance(claims["iat"], int)
        assert isinstance(claims["jti"], str)


# -- what does not ----------------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[str, Any]] = {
    "wrong password": ("token_obtain_pair", {"username": "alice", "password": "wrong"}),
    "unknown user": ("token_obtain_pair", {"username": "nobody", "password": "wrong"}),
    "inactive user": ("token_obtain_pair", {"username": "carol", "password": PASSWORD}),
    "garbage to refresh": ("token_refresh", {"refresh": "garbage"}),
    "an access token to refresh": ("token_refresh", {"refresh": "<access>"}),
    "garbage to verify": ("token_verify", {"token": "garbage"}),
    "three parts to verify": ("token_verify", {"token": "a.b.c"}),
}
INVALID: dict[str, tuple[str, Any, str]] = {
    "no password": ("token_obtain_pair", {"username": "alice"}, "password"),
    "no name": ("token_obtain_pair", {"password": "x"}, "username"),
    "blank password": ("token_obtain_pair", {"username": "alice", "password": ""}, "password"),
    "null name": ("token_obtain_pair", {"username": None, "password": "x"}, "username"),
    "a list as name": ("token_obtain_pair", {"username": ["alice"], "password": "x"}, "username"),
    "no refresh": ("token_refresh", {}, "refresh"),
    "blank refresh": ("token_refresh", {"refresh": ""}, "refresh"),
    "no token": ("token_verify", {}, "token"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_has_the_same_status_code_and_words(
    name: str, at: Callable[[str], Client], make_user: Callable[..., Any]
) -> None:
    make_user("alice")
    make_user("carol", is_active=False)
    view, body = REFUSED[name]

    def call(client: Client) -> Answer:
        filled = {k: obtain(client).json["access"] if v == "<access>" else v for k, v in body.items()}
        return post(client, view, filled)

    theirs, ours = both(at, call)
    assert theirs.status == ours.status == 401
    assert theirs.challenge == ours.challenge is True
    assert isinstance(theirs.json["detail"], str)
    assert isinstance(ours.json["detail"], str)
    if "code" in theirs.json:  # what clients look at to decide whether to log in again
        assert theirs.json["code"] == ours.json["code"] == "token_not_valid"
    # Ours say more (RFC 9457); simplejwt's `messages` name the classes that were tried, which is nobody's business.
    assert theirs.names - ours.names <= {"messages"}


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_body_has_the_same_status_and_names_the_same_field(
    name: str, at: Callable[[str], Client], alice: Any
) -> None:
    view, body, field = INVALID[name]
    theirs, ours = both(at, lambda client: post(client, view, body))
    assert theirs.status == ours.status == 400
    assert isinstance(theirs.json[field], list)
    assert isinstance(ours.json["errors"][field], list)
    assert len(theirs.json[field]) == len(ours.json["errors"][field])


def test_a_form_is_taken_by_both(at: Callable[[str], Client], alice: Any) -> None:
    form = {"username": "alice", "password": PASSWORD}
    statuses = [at(where).post(reverse("token_obtain_pair"), form).status_code for where in (THEIRS, OURS)]
    assert statuses == [200, 200]


# -- on purpose -------------------------------------------------------------------------------------------------------

DIFFERENT: dict[str, tuple[str, Any, int, int]] = {
    # name: (view, body, simplejwt's status, ours)
    "an unknown field": ("token_obtain_pair", {"username": "alice", "password": PASSWORD, "x": 1}, 200, 400),
    "a number as password": ("token_obtain_pair", {"username": "alice", "password": 123456}, 401, 400),
    "a number as token": ("token_verify", {"token": 1}, 401, 400),
    "a password with spaces around it": (
        "token_obtain_pair",
        {"username": "alice", "password": f" {PASSWORD} "},
        200,
        401,
    ),
    "a name twice": (
        "token_obtain_pair",
        f'{{"username": "bob", "username": "alice", "password": "{PASSWORD}"}}'.encode(),
        200,
        400,
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs_differs_on_purpose(name: str, at: Callable[[str], Client], alice: Any) -> None:
    view, body, theirs_expected, ours_expected = DIFFERENT[name]
    theirs, ours = both(at, lambda client: post(client, view, body))
    assert (theirs.status, ours.status) == (theirs_expected, ours_expected)


def test_a_nul_is_refused_before_any_field_is_looked_at(at: Callable[[str], Client], alice: Any) -> None:
    body = {"username": "a\0", "password": "x"}
    theirs, ours = both(at, lambda client: post(client, "token_obtain_pair", body))
    assert theirs.status == ours.status == 400
    assert "errors" not in ours.json


def test_a_refresh_token_works_again_and_again_at_simplejwt_and_not_at_ours(
    at: Callable[[str], Client], alice: Any, later: Callable[[float], None]
) -> None:
    def call(client: Client) -> Answer:
        first = obtain(client).json["refresh"]
        post(client, "token_refresh", {"refresh": first})
        later(11)
        return post(client, "token_refresh", {"refresh": first})

    theirs, ours = both(at, call)
    assert (theirs.status, ours.status) == (200, 401)
