"""The credential views over HTTP, behind the middleware: what a client sees, and what an attacker does not get."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.validators import RegexValidator
from django.test import Client
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

import stockade
from stockade import keyring
from stockade.drf.views.base import NameField
from stockade.models import Session
from stockade.schemes import devices
from stockade.schemes.jwt import Pair, issue
from tests.schemes import forge
from tests.schemes.conftest import PASSWORD

pytestmark = pytest.mark.django_db

TOKEN, REFRESH, VERIFY, REVOKE = (
    "/api/token/",
    "/api/token/refresh/",
    "/api/token/verify/",
    "/api/token/revoke/",
)
SESSIONS = "/api/sessions/"


@pytest.fixture(autouse=True)
def site(project: Any) -> None:
    """The middleware in front, as a project has it."""
    project.MIDDLEWARE = ["stockade.web.Middleware"]
    project.ROOT_URLCONF = "tests.schemes.urls"
    project.REST_FRAMEWORK = {"EXCEPTION_HANDLER": "stockade.drf.exceptions.exception_handler"}


def post(path: str, body: Any, client: Client | None = None, **headers: Any) -> Any:
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    client = client or Client(raise_request_exception=True)
    return client.post(path, data, content_type="application/json", **headers)


def bearer(pair: Pair) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {pair.access}"}


# -- the way it goes --------------------------------------------------------------------------------------------------


def test_log_in_refresh_verify_log_out(alice: Any) -> None:
    obtained = post(TOKEN, {"username": "alice", "password": PASSWORD})
    assert obtained.status_code == 200
    assert set(obtained.json()) == {"access", "refresh"}
    assert obtained["Cache-Control"] == "no-store"
    refreshed = post(REFRESH, {"refresh": obtained.json()["refresh"]})
    assert refreshed.status_code == 200
    assert set(refreshed.json()) == {"access", "refresh"}
    for token in refreshed.json().values():
        verified = post(VERIFY, {"token": token})
        assert (verified.status_code, verified.json()) == (200, {})
    revoked = post(REVOKE, {"refresh": refreshed.json()["refresh"]})
    assert (revoked.status_code, revoked.content) == (204, b"")
    for token in refreshed.json().values():
        assert post(VERIFY, {"token": token}).status_code == 401


def test_a_wrong_password_is_one_problem_document(alice: Any) -> None:
    answer = post(TOKEN, {"username": "alice", "password": "wrong"})
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "no_active_account"
    assert "WWW-Authenticate" in answer
    assert not answer.cookies


def test_too_many_wrong_passwords_are_429_with_retry_after(alice: Any, log: Callable[..., Any]) -> None:
    for _ in range(5):
        post(TOKEN, {"username": "alice", "password": "wrong"})
    answer = post(TOKEN, {"username": "alice", "password": PASSWORD})
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 60
    assert answer.json()["limit"] == "login"
    assert len(log("LOGIN_LOCK")) == 1
    assert len(log("LOGIN_FAIL")) == 5


def test_a_device_cookie_is_given_at_login_and_spares_its_holder(alice: Any) -> None:
    client = Client()
    answer = post(TOKEN, {"username": "alice", "password": PASSWORD}, client, secure=True)
    cookie = answer.cookies[devices.SECURE_NAME]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"]) == (
        True,
        True,
        "Strict",
        "/",
    )
    assert not cookie["domain"]
    for number in range(5):
        post(TOKEN, {"username": "alice", "password": "x"}, REMOTE_ADDR=f"198.51.100.{number}")
    assert (
        post(TOKEN, {"username": "alice", "password": PASSWORD}, REMOTE_ADDR="203.0.113.1").status_code == 429
    )
    spared = post(
        TOKEN, {"username": "alice", "password": PASSWORD}, client, secure=True, REMOTE_ADDR="203.0.113.1"
    )
    assert spared.status_code == 200


def test_an_expired_access_token_in_the_header_does_not_hinder_a_refresh(
    pair: Pair, later: Callable[[float], None]
) -> None:
    """Clients send it along with every request, this one included."""
    later(600)
    for headers in (bearer(pair), {"HTTP_AUTHORIZATION": "Bearer garbage"}):
        answer = post(REFRESH, {"refresh": pair.refresh}, **headers)
        assert answer.status_code == 200, answer.content
        pair = Pair(answer.json()["access"], answer.json()["refresh"], pair.session, 0, 0)


# -- tokens that do not hold ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [REFRESH, REVOKE])
def test_garbage_is_401_in_the_words_that_clients_of_simplejwt_look_for(path: str) -> None:
    answer = post(path, {"refresh": "garbage"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "token_not_valid"


def test_guessing_refresh_tokens_is_limited_by_address(pair: Pair) -> None:
    statuses = [post(REFRESH, {"refresh": pair.refresh[:-3] + "AAA"}).status_code for _ in range(35)]
    assert statuses == [401] * 30 + [429] * 5
    assert post(REFRESH, {"refresh": pair.refresh}, REMOTE_ADDR="203.0.113.1").status_code == 200


def test_a_stolen_refresh_token_ends_the_session_and_is_told_once(
    pair: Pair, later: Callable[[float], None], log: Callable[..., Any]
) -> None:
    post(REFRESH, {"refresh": pair.refresh})
    later(11)
    answer = post(REFRESH, {"refresh": pair.refresh})
    assert answer.status_code == 401
    assert "reuse" not in answer.content.decode()  # the thief need not know that he was noticed
    assert len(log("TOKEN_REUSE")) == 1
    assert not log("AUTHN_FAIL")


@pytest.mark.parametrize(
    "token",
    ["", "x", "a.b.c", "x" * 60_000, "\u00e4.\u00e4.\u00e4", "st_refresh.0.0.0.0", "ey" * 100, ".." * 100],
)
def test_a_token_that_is_none_is_401_or_400_and_never_500(token: str, alice: Any) -> None:
    for path, field in ((VERIFY, "token"), (REFRESH, "refresh"), (REVOKE, "refresh")):
        assert post(path, {field: token}).status_code == (401 if token else 400)


def test_verify_knows_that_a_session_ended(pair: Pair) -> None:
    assert post(VERIFY, {"token": pair.access}).status_code == 200
    stockade.end_sessions(ids=[pair.session])
    assert post(VERIFY, {"token": pair.access}).status_code == 401
    assert post(VERIFY, {"token": pair.refresh}).status_code == 401


def test_verify_does_not_spend_a_refresh_token(pair: Pair) -> None:
    for _ in range(3):
        assert post(VERIFY, {"token": pair.refresh}).status_code == 200
    assert post(REFRESH, {"refresh": pair.refresh}).status_code == 200


# -- bodies -----------------------------------------------------------------------------------------------------------

BODIES: dict[str, Any] = {
    "nothing": b"",
    "no JSON": b"{'username': 'alice'}",
    "a list": b"[]",
    "a string": b'"alice"',
    "null": b"null",
    "a number": b"1",
    "a form": b"username=alice&password=x",
    "truncated": b'{"username": "alice", "password": ',
    "invalid UTF-8": b'{"username": "\xff\xfe", "password": "x"}',
    "UTF-16": '{"username": "alice"}'.encode("utf-16"),
    "a BOM": b"\xef\xbb\xbf{}",
    "NaN": b'{"username": NaN, "password": "x"}',
    "a thousand brackets": b"[" * 50_000,
    "a thousand braces": b'{"a":' * 10_000,
    "a name twice": b'{"username": "bob", "username": "alice", "password": "x"}',
    "half a surrogate pair": b'{"username": "\\ud800", "password": "x"}',
    "a NUL": b'{"username": "a\\u0000lice", "password": "x"}',
    "a NUL in the password": b'{"username": "alice", "password": "\\u0000"}',
    "a huge number": b'{"username": ' + b"9" * 5000 + b', "password": "x"}',
    "1 MB": b'{"username": "alice", "password": "' + b"x" * 1_000_000 + b'"}',
    "a long password": b'{"username": "alice", "password": "' + b"x" * 5000 + b'"}',
    "a long name": b'{"username": "' + b"x" * 5000 + b'", "password": "x"}',
    "missing password": {"username": "alice"},
    "missing name": {"password": "x"},
    "empty": {},
    "a number as name": {"username": 1, "password": "x"},
    "a number as password": {"username": "alice", "password": 123456},
    "a list as password": {"username": "alice", "password": ["x"]},
    "an object as name": {"username": {"$gt": ""}, "password": "x"},
    "true as password": {"username": "alice", "password": True},
    "null as password": {"username": "alice", "password": None},
    "blank": {"username": "", "password": ""},
    "an unknown field": {"username": "alice", "password": PASSWORD, "is_staff": True},
    "a field of the answer": {"username": "alice", "password": PASSWORD, "access": "x"},
}


@pytest.mark.parametrize("name", BODIES)
def test_a_wrong_body_is_refused_and_opens_nothing(name: str, alice: Any) -> None:
    body = BODIES[name]
    status = 413 if name == "1 MB" else 400
    for path in (TOKEN, REFRESH, VERIFY, REVOKE):
        answer = post(path, body)
        assert answer.status_code == status, (path, answer.content)
        assert answer["Content-Type"] == "application/problem+json"
    assert not Session.objects.exists()


@pytest.mark.parametrize("blank", ["\x1c", "\x1d", "\x1e", "\x1f", "\x85"])
def test_a_name_of_what_python_alone_takes_for_a_space_is_none(blank: str) -> None:
    """The pattern in the OpenAPI document is read by ECMA 262, whose \\s has none of these: they are named in it."""
    (validator,) = [one for one in NameField().validators if isinstance(one, RegexValidator)]
    assert re.search(validator.regex.pattern.replace(r"\s", " "), blank) is None
    assert post(TOKEN, {"username": blank * 2, "password": "x"}).status_code == 400


@pytest.mark.parametrize("blank", [" ", "\u3000", "\x0b"])
def test_a_password_of_spaces_is_one_and_a_name_is_not(blank: str, alice: Any) -> None:
    """Spaces are part of a password, and none of a name."""
    alice.set_password(blank * 12)
    alice.save()
    assert post(TOKEN, {"username": "alice", "password": blank * 12}).status_code == 200
    assert post(TOKEN, {"username": "alice", "password": blank}).status_code == 401
    assert post(TOKEN, {"username": blank, "password": blank * 12}).status_code == 400


def test_an_unknown_field_is_named(alice: Any) -> None:
    answer = post(TOKEN, {"username": "alice", "password": PASSWORD, "is_staff": True})
    assert list(answer.json()["errors"]) == ["is_staff"]


@pytest.mark.parametrize("path", [TOKEN, REFRESH, VERIFY, REVOKE])
def test_another_method_is_405(path: str, alice: Any) -> None:
    for method in ("get", "put", "delete", "patch"):
        assert getattr(Client(), method)(path).status_code == 405


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["username", "password", "refresh", "token", "x"]), inner, max_size=3
            )
        ),
        max_leaves=6,
    )
)
@hypothesis_settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_body_makes_an_error_of_ours(alice: Any, body: Any) -> None:
    for path in (TOKEN, REFRESH, VERIFY, REVOKE):
        assert 400 <= post(path, body).status_code < 500


# -- where am I logged in ---------------------------------------------------------------------------------------------


def test_the_list_shows_the_callers_own_live_sessions(alice: Any, make_user: Callable[..., Any]) -> None:
    mine, ended, theirs = issue(alice), issue(alice), issue(make_user("bob"))
    stockade.end_sessions(ids=[ended.session])
    here = issue(alice)
    answer = Client().get(SESSIONS, HTTP_USER_AGENT="Firefox", **bearer(here))
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    listed = {entry["id"]: entry for entry in answer.json()}
    assert set(listed) == {mine.session, here.session}
    assert listed[here.session]["current"] is True
    assert listed[mine.session]["current"] is False
    assert set(listed[mine.session]) == {
        "id", "scheme", "client", "created_at", "last_used_at", "expires_at", "user_agent", "address", "current",
    }  # fmt: skip
    assert theirs.session not in answer.content.decode()


def test_ending_one_stops_its_access_token_at_once(alice: Any) -> None:
    here, there = issue(alice), issue(alice)
    assert Client().get(SESSIONS, **bearer(there)).status_code == 200
    answer = Client().delete(f"{SESSIONS}{there.session}/", **bearer(here))
    assert answer.status_code == 204
    assert Client().get(SESSIONS, **bearer(there)).status_code == 401
    assert Client().get(SESSIONS, **bearer(here)).status_code == 200
    assert Client().delete(f"{SESSIONS}{there.session}/", **bearer(here)).status_code == 404


def test_ending_all_others_spares_the_one_that_asks(alice: Any, make_user: Callable[..., Any]) -> None:
    here, others, bob = issue(alice), [issue(alice) for _ in range(3)], issue(make_user("bob"))
    assert Client().delete(SESSIONS, **bearer(here)).status_code == 204
    assert all(Client().get(SESSIONS, **bearer(other)).status_code == 401 for other in others)
    assert Client().get(SESSIONS, **bearer(here)).status_code == 200
    assert Client().get(SESSIONS, **bearer(bob)).status_code == 200


def test_anothers_session_does_not_exist(alice: Any, make_user: Callable[..., Any]) -> None:
    theirs, mine = issue(make_user("bob")), issue(alice)
    answers = [
        Client().delete(f"{SESSIONS}{id}/", **bearer(mine))
        for id in (theirs.session, "00000000-0000-4000-8000-000000000000")
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
    assert Session.objects.get(pk=theirs.session).ended_at is None


def test_without_a_credential_there_are_no_sessions() -> None:
    for method in ("get", "delete"):
        assert getattr(Client(), method)(SESSIONS).status_code == 401
    assert Client().delete(f"{SESSIONS}00000000-0000-4000-8000-000000000000/").status_code == 401


@pytest.mark.parametrize("id", ["x", "1", "..", "0" * 32, "%00"])
def test_a_session_id_that_is_none_is_404(id: str, pair: Pair) -> None:
    assert Client().delete(f"{SESSIONS}{id}/", **bearer(pair)).status_code in {400, 404}


# -- forged tokens, through everything --------------------------------------------------------------------------------


def test_a_forged_token_reaches_no_view(pair: Pair) -> None:
    admin = User.objects.create_superuser("root")
    header, _, signature = pair.access.split(".")
    forged = f"{header}.{forge.dumps({**forge.claims_of(pair.access), 'sub': str(admin.pk)})}.{signature}"
    answer = Client().get(SESSIONS, HTTP_AUTHORIZATION=f"Bearer {forged}")
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]


# -- public keys ------------------------------------------------------------------------------------------------------


def test_the_public_keys_are_published_and_cacheable_and_hold_nothing_private(pair: Pair) -> None:
    answer = Client().get("/.well-known/jwks.json")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/jwk-set+json"
    assert answer["Cache-Control"].startswith("public, max-age=")
    (key,) = answer.json()["keys"]
    assert key["kid"] == forge.header_of(pair.access)["kid"]
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key)
    again = Client().get("/.well-known/jwks.json", HTTP_IF_NONE_MATCH=answer["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    keyring.rotate()
    assert Client().get("/.well-known/jwks.json", HTTP_IF_NONE_MATCH=answer["ETag"]).status_code == 200


def test_the_worker_that_made_the_key_and_any_other_publish_the_same_bytes(db: None) -> None:
    """PostgreSQL sorts the members of a JSON object as it likes; another ETag would make every cache fetch anew."""
    first = Client().get("/.well-known/jwks.json")
    keyring.forget()
    other = Client().get("/.well-known/jwks.json")
    assert (other.content, other["ETag"]) == (first.content, first["ETag"])


def test_the_public_keys_of_a_symmetric_ring_are_none(alice: Any, configure: Callable[..., None]) -> None:
    configure(JWT={"ALGORITHM": "HS256"})
    issue(alice)
    assert Client().get("/.well-known/jwks.json").json() == {"keys": []}
