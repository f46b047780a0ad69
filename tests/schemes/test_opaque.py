"""Opaque tokens over HTTP: what a client sees, what ends one, and what an attacker does not get."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from rest_framework.response import Response
from rest_framework.views import APIView

import stockade
from stockade.core import clock
from stockade.core.errors import InvalidCredential, LoginFailed
from stockade.core.secrets import checksum
from stockade.gate.registry import get_gate
from stockade.models import OpaqueToken
from stockade.policy import Authenticated, Role, Scope
from stockade.schemes import opaque
from stockade.schemes.opaque import TOKEN, create_token
from stockade.schemes.opaque.keys import digest_keys
from tests.schemes.conftest import PASSWORD
from tests.schemes.test_error_reports import Reports

pytestmark = pytest.mark.django_db

NEVER = "stt_" + "0" * 43 + checksum("stt_" + "0" * 43)


class Me(APIView):
    policy = Authenticated()

    def get(self, request: Any) -> Response:
        return Response({"user": request.user.get_username(), "scheme": request.auth.scheme})


class Quiet(APIView):
    policy = Authenticated()

    def get(self, request: Any) -> Response:
        return Response({})


class Making(APIView):
    policy = Authenticated()

    def get(self, request: Any) -> Response:
        return Response({"token": create_token(request.user).token})


class Editing(APIView):
    policy = Role("Editors") & Scope("articles:write")

    def get(self, request: Any) -> Response:
        return Response({})


urlpatterns = [
    path("me/", Me.as_view()),
    path("quiet/", Quiet.as_view()),
    path("making/", Making.as_view()),
    path("editing/", Editing.as_view()),
    path("api/", include("stockade.drf.urls")),
]


@pytest.fixture(autouse=True)
def site(project: Any, configure: Callable[..., None]) -> None:
    project.MIDDLEWARE = ["stockade.web.Middleware"]
    project.ROOT_URLCONF = __name__
    project.REST_FRAMEWORK = {"EXCEPTION_HANDLER": "stockade.drf.exceptions.exception_handler"}
    configure(SCHEMES=["token", "jwt"])


def get(token: str, address: str = "/me/", keyword: str = "Token", **more: Any) -> Any:
    return Client().get(address, HTTP_AUTHORIZATION=f"{keyword} {token}", **more)


def status(token: str, address: str = "/me/", **more: Any) -> int:
    return int(get(token, address, **more).status_code)


def row(made: Any) -> OpaqueToken:
    return OpaqueToken.objects.get(pk=made.id)


# -- the way it goes --------------------------------------------------------------------------------------------------


def test_a_token_calls_as_its_user(alice: User) -> None:
    made = create_token(alice, "backup")
    assert get(made.token).json() == {"user": "alice", "scheme": "token"}
    assert status(made.token, keyword="token") == 200  # as DRF's, in any case
    assert (row(made).name, row(made).visible) == ("backup", made.token[:12])
    assert made.token not in repr(made)


def test_it_is_found_by_the_documented_pattern(alice: User) -> None:
    token = create_token(alice).token
    assert re.search(TOKEN.pattern, f'key = "{token}"')
    assert token[-6:] == checksum(token[:-6])


def test_in_the_steady_state_no_sql_is_asked_and_the_state_once(alice: User) -> None:
    token = create_token(alice).token
    client = Client(HTTP_AUTHORIZATION=f"Token {token}")
    assert client.get("/quiet/").status_code == 200
    clock.shift(1)
    asked = mock.Mock(wraps=get_gate().ask)
    with CaptureQueriesContext(connection) as queries, mock.patch.object(get_gate(), "ask", asked):
        assert client.get("/quiet/").status_code == 200
    assert not queries.captured_queries
    assert asked.call_count == 1


def test_refusals_are_problems_with_the_challenge_of_each_scheme(alice: User) -> None:
    answer = get(NEVER)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert 'Token realm="api"' in answer["WWW-Authenticate"]


# -- it ends ----------------------------------------------------------------------------------------------------------


def test_it_ends_when_it_expires(alice: User, later: Callable[[float], None]) -> None:
    token = create_token(alice, expires="1h").token
    assert status(token) == 200
    later(3601)
    assert [status(token), status(token)] == [401, 401]  # by what the worker knew, and by the row


def test_an_expired_token_costs_no_sql_the_second_time(alice: User, later: Callable[[float], None]) -> None:
    """Replays of what has been good are not charged to the address: they must not be dear either."""
    token = create_token(alice, expires="1h").token
    later(3601)
    assert status(token) == 401
    with CaptureQueriesContext(connection) as queries:
        assert status(token) == 401
    assert not queries.captured_queries


@pytest.mark.parametrize("known", [True, False], ids=["known to the worker", "not known"])
def test_an_ended_token_is_refused_on_the_next_request(alice: User, known: bool) -> None:
    made = create_token(alice)
    if known:
        assert status(made.token) == 200
    assert stockade.end_tokens(ids=[made.id]) == 1
    assert status(made.token) == 401
    assert stockade.end_tokens(ids=[made.id]) == 0


def end_all(made: Any, user: User) -> None:
    stockade.end_tokens(user)


def by_hand(made: Any, user: User) -> None:
    found = row(made)
    found.ended_at = clock.now_datetime()
    found.save()


def deleted(made: Any, user: User) -> None:
    row(made).delete()


def deleted_in_bulk(made: Any, user: User) -> None:
    OpaqueToken.objects.filter(user=user).delete()


def bound(made: Any, user: User) -> None:
    found = row(made)
    found.expires_at = clock.now_datetime()
    found.save()


def deactivated(made: Any, user: User) -> None:
    user.is_active = False
    user.save()


def user_gone(made: Any, user: User) -> None:
    user.delete()


def banned(made: Any, user: User) -> None:
    stockade.ban(user=user)


def banned_itself(made: Any, user: User) -> None:
    stockade.ban(session=str(made.id))


def new_password(made: Any, user: User) -> None:
    user.set_password("another one, and longer")
    user.save()


@pytest.mark.parametrize(
    "end",
    [
        end_all,
        by_hand,
        deleted,
        deleted_in_bulk,
        bound,
        deactivated,
        user_gone,
        banned,
        banned_itself,
        new_password,
    ],
)
def test_a_token_in_use_is_refused_on_the_next_request(end: Any, alice: User) -> None:
    made = create_token(alice)
    assert status(made.token) == 200
    end(made, alice)
    assert status(made.token) in (401, 403)
    assert status(made.token) in (401, 403)


def test_another_token_of_the_same_user_goes_on(alice: User) -> None:
    first, second = create_token(alice), create_token(alice)
    assert status(first.token) == status(second.token) == 200
    stockade.end_tokens(ids=[first.id])
    assert [status(first.token), status(second.token)] == [401, 200]


def test_a_role_that_is_taken_away_bites_on_the_next_request(alice: User) -> None:
    alice.groups.add(Group.objects.create(name="Editors"))
    token = create_token(alice).token
    assert status(token, "/editing/") == 200
    alice.groups.clear()
    assert status(token, "/editing/") == 403


def test_scopes_bound_it_and_fewer_bite_on_the_next_request(alice: User) -> None:
    alice.groups.add(Group.objects.create(name="Editors"))
    made = create_token(alice, scopes=["articles:write"])
    reader = create_token(alice, scopes=["articles:read"])
    assert [status(made.token, "/editing/"), status(reader.token, "/editing/")] == [200, 403]
    found = row(made)
    found.scopes = "articles:read"
    found.save()
    assert status(made.token, "/editing/") == 403


def test_a_limit_that_is_written_for_one_token_counts_nobody_elses(
    alice: User, make_user: Callable[..., Any]
) -> None:
    tokens = [create_token(owner) for owner in (alice, make_user("bob"))]
    for made in tokens:
        found = row(made)
        found.rate = "1/min"
        found.save()
    assert [status(made.token) for made in tokens] == [200, 200]
    assert [status(made.token) for made in tokens] == [429, 429]


@pytest.mark.parametrize(
    "bound",
    [{"networks": ["10.0.0.1/8"]}, {"networks": "10.0.0.0/8"}, {"networks": [7]}, {"rate": "often"}],
    ids=str,
)
def test_a_bound_that_nobody_can_read_is_refused_when_it_is_written(
    bound: dict[str, Any], alice: User
) -> None:
    """Else every request by that token would be a 500."""
    made = create_token(alice)
    found = row(made)
    for name, value in bound.items():
        setattr(found, name, value)
    with pytest.raises(ValueError, match="Write"):
        found.save()
    assert status(made.token) == 200


def test_a_project_may_let_tokens_survive_a_changed_password_as_drf_does(
    alice: User, configure: Callable[..., None]
) -> None:
    configure(TOKEN={"PASSWORD_CHANGE": "keep"})
    made = create_token(alice)
    assert status(made.token) == 200
    new_password(made, alice)
    assert status(made.token) == 200


def test_a_hash_that_is_only_renewed_at_a_login_ends_no_token(alice: User, project: Any) -> None:
    made = create_token(alice)
    project.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    before = User.objects.get(pk=alice.pk).password
    answer = Client().post("/api/token/", {"username": "alice", "password": PASSWORD}, "application/json")
    assert answer.status_code == 200
    assert User.objects.get(pk=alice.pk).password != before
    assert status(made.token) == 200


# -- what is stored ---------------------------------------------------------------------------------------------------


def test_a_stolen_table_opens_nothing(alice: User, configure: Callable[..., None]) -> None:
    configure(LIMITS={"failed_auth": "1000/min"})
    made = create_token(alice, "backup")
    values = [str(value) for value in OpaqueToken.objects.filter(pk=made.id).values_list()[0]]
    assert made.token not in " ".join(values)
    for value in values:
        for tried in (value, f"stt_{value}", made.token[:12] + value):
            assert status(tried.replace("\n", "") or "x") == 401


def test_a_digest_is_of_no_use_without_the_key(
    alice: User, project: Any, configure: Callable[..., None]
) -> None:
    """Whoever can write to the table, and not read the settings, cannot put a token of his own into it."""
    configure(TOKEN={"PASSWORD_CHANGE": "keep"})  # the stamp is not what refuses it
    made = create_token(alice)
    project.SECRET_KEY = "the key of a thief, and not the project's"
    forged = create_token(alice)
    project.SECRET_KEY = "the tests' own, and no secret"
    assert status(forged.token) == 401
    assert status(made.token) == 200


def test_a_new_key_takes_tokens_over_as_they_are_used(alice: User, project: Any) -> None:
    used, unused = create_token(alice), create_token(alice)
    old = project.SECRET_KEY
    project.SECRET_KEY, project.SECRET_KEY_FALLBACKS = "a new key, longer than the old one was", [old]
    assert status(used.token) == 200
    assert row(used).digest_key == digest_keys()[0].name != row(unused).digest_key
    project.SECRET_KEY_FALLBACKS = []
    assert [status(used.token), status(unused.token)] == [200, 401]
    new_password(used, alice)
    assert status(used.token) == 401


def test_a_changed_password_is_not_forgiven_by_a_new_key(alice: User, project: Any) -> None:
    made = create_token(alice)
    new_password(made, alice)
    old = project.SECRET_KEY
    project.SECRET_KEY, project.SECRET_KEY_FALLBACKS = "a new key, longer than the old one was", [old]
    assert status(made.token) == 401
    assert status(made.token) == 401


def test_the_last_use_is_noted_once_in_a_while(
    alice: User, later: Callable[[float], None], configure: Callable[..., None]
) -> None:
    made = create_token(alice)
    assert row(made).last_used_at is None
    assert status(made.token) == 200
    first = row(made).last_used_at
    assert first is not None
    later(31)  # PRINCIPAL_MAX_AGE: the row is read again, and not written
    assert status(made.token) == 200
    assert row(made).last_used_at == first
    later(600)
    assert status(made.token) == 200
    last = row(made).last_used_at
    assert last is not None
    assert last > first + timedelta(seconds=600)


def test_a_use_that_cannot_be_noted_refuses_nobody(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError
    from django.db.models import QuerySet

    made = create_token(alice)

    def busy(self: Any, **fields: Any) -> int:
        raise OperationalError("database is locked")

    monkeypatch.setattr(QuerySet, "update", busy)
    assert status(made.token) == 200


# -- guesses and garbage ----------------------------------------------------------------------------------------------

GARBAGE = {
    "empty": "",
    "nothing of ours": "abc",
    "cut short": NEVER[:-1],
    "too long": NEVER + "0",
    "another checksum": NEVER[:-1] + "z",
    "of DRF": "0123456789012345678901234567890123456789",
    "10 kB": "stt_" + "A" * 10_000,
    "10 kB of nothing": "A" * 10_000,
    "NUL": "stt_\0" + NEVER[5:],
    "not ASCII": "stt_é" + NEVER[5:],
    "quotes": "stt_' OR 1=1 --",
    "a path": "stt_../../etc/passwd",
    "a JWT": "eyJhbGciOiJub25lIn0.e30.",
    "two": f"{NEVER} {NEVER}",
    "lines": f"{NEVER}\r\nX-Evil: 1",
}


@pytest.mark.parametrize("value", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_refused_without_a_query(value: str, alice: User) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert status(value) == 401
    # The lists of bans are asked about the address, as of any failure.
    assert not [query for query in queries.captured_queries if "listentry" not in query["sql"]]


def test_guessing_is_limited_by_address(alice: User, configure: Callable[..., None]) -> None:
    configure(LIMITS={"failed_auth": "5/min"})
    good = create_token(alice).token
    guesses = [TOKEN.generate().reveal() for _ in range(8)]
    assert [status(guess) for guess in guesses] == [401] * 5 + [429] * 3
    assert status(good) == 429  # as strange to this worker as a guess is
    assert status(good, REMOTE_ADDR="203.0.113.9") == 200
    assert status(good) == 200  # known by now


def test_what_was_good_once_costs_its_holder_no_place(alice: User, configure: Callable[..., None]) -> None:
    configure(LIMITS={"failed_auth": "3/min"})
    made = create_token(alice)
    stockade.end_tokens(ids=[made.id])
    assert [status(made.token) for _ in range(5)] == [401] * 5


def test_a_token_under_another_keyword_is_refused(alice: User) -> None:
    token = create_token(alice).token
    assert status(token, keyword="Bearer") == 401
    assert status(token) == 200
    assert status(token, keyword="Bearer") == 401


def test_two_credentials_are_refused(alice: User) -> None:
    token = create_token(alice).token
    assert status(f"{token}, Token {token}") == 400


@pytest.mark.parametrize("name", ["token", "auth", "access_token", "key"])
def test_a_token_in_the_query_string_is_refused_and_not_read(name: str, alice: User, log: Any) -> None:
    token = create_token(alice).token
    answer = Client().get("/me/", {name: token})
    assert answer.status_code == 400
    assert [record.event.name for record in log("CREDENTIAL_EXPOSED")] == ["CREDENTIAL_EXPOSED"]
    assert token not in str([vars(record) if hasattr(record, "__dict__") else record for record in log()])
    assert Client().get("/me/", {name: f"Token {token}"}).status_code == 400


def test_a_reset_link_of_django_passes(alice: User) -> None:
    answer = Client().get("/me/", {"token": "c8x3q1-0123456789abcdef0123456789abcdef"})
    assert answer.status_code == 401


# -- making -----------------------------------------------------------------------------------------------------------


def test_no_token_is_made_for_whoever_may_not_have_one(alice: User, make_user: Callable[..., Any]) -> None:
    with pytest.raises(LoginFailed):
        create_token(make_user("gone", is_active=False))
    with pytest.raises(ValueError, match="not saved"):
        create_token(User(username="nobody"))
    stockade.ban(user=alice)
    with pytest.raises(Exception, match="banned"):
        create_token(alice)
    assert not OpaqueToken.objects.exists()


@pytest.mark.parametrize("expires", [0, -1, "soon", True, float("inf"), timedelta(days=-1), 1e18])
def test_a_time_that_is_none_is_refused(expires: Any, alice: User) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        create_token(alice, expires=expires)


def test_its_life_is_in_the_log_and_the_token_is_not(alice: User, log: Any) -> None:
    made = create_token(alice)
    assert status(made.token) == 200
    stockade.end_tokens(alice, reason="lost")
    assert status(made.token) == 401
    told = [
        (record.event.name, record.reason, record.credential)
        for record in log()
        if record.event.name.startswith("TOKEN")
    ]
    assert told == [("TOKEN_CREATED", "made", str(made.id)), ("TOKEN_REVOKED", "lost", str(made.id))]
    everything = repr([{name: getattr(record, name) for name in record.__slots__} for record in log()])
    assert made.token not in everything


def test_what_is_long_over_can_be_deleted(alice: User, later: Callable[[float], None]) -> None:
    ended, expired, live = (
        create_token(alice),
        create_token(alice, expires="1h"),
        create_token(alice, expires=None),
    )
    stockade.end_tokens(ids=[ended.id])
    later(40 * 86400)
    assert opaque.prune() == 2
    assert list(OpaqueToken.objects.values_list("pk", flat=True)) == [live.id]
    assert status(expired.token) == 401


@override_settings()
def test_without_the_scheme_its_tokens_are_nothing(alice: User, configure: Callable[..., None]) -> None:
    token = create_token(alice).token
    configure(SCHEMES=["jwt"])
    assert status(token) == 401
    assert Client().post("/api/token-auth/", {"username": "alice", "password": PASSWORD}).status_code == 404


# -- tenants ----------------------------------------------------------------------------------------------------------


def test_a_token_of_one_tenant_is_nothing_in_another(alice: User, configure: Callable[..., None]) -> None:
    """User 7 of north is another than user 7 of south."""
    configure(TENANT=lambda request: "north" if request is None else request.META["HTTP_X_TENANT"])
    made = create_token(alice)
    assert status(made.token, HTTP_X_TENANT="north") == 200
    assert status(made.token, HTTP_X_TENANT="south") == 401
    assert row(made).tenant == "north"
    configure(TENANT=lambda request: "south" if request is None else request.META["HTTP_X_TENANT"])
    assert opaque.live(alice.pk) == []
    assert stockade.end_tokens(alice) == 0
    assert not opaque.end_own(alice.pk, made.id)
    assert status(made.token, HTTP_X_TENANT="north") == 200


# -- error reports ----------------------------------------------------------------------------------------------------

POINTS = {
    "the digest": ("stockade.schemes.opaque.keys.DigestKey.digest", "/quiet/", "token"),
    "its row": ("stockade.schemes.opaque.rows.Found", "/quiet/", "token"),
    "its user": ("stockade.schemes.opaque.scheme._query_of", "/quiet/", "token"),
    "the password of a login": ("stockade.schemes.opaque.login.make_room", "/api/token-auth/", "login"),
    "the event of a new token": ("stockade.schemes.opaque.making.emit", "/api/token-auth/", "login"),
    "a token that a view makes": ("stockade.schemes.opaque.making.emit", "/making/", "token"),
    "the device of a login": ("stockade.schemes.opaque.login.devices.remember", "/api/token-auth/", "login"),
}


@pytest.mark.parametrize("point", POINTS)
def test_no_error_report_shows_a_token(point: str, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Django's show the variables of every frame."""
    where, address, kind = POINTS[point]
    token = create_token(alice).token
    client = Client(raise_request_exception=False)

    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(where, fail)
    with Reports() as reports:
        if kind == "token":
            answer = client.get(address, HTTP_AUTHORIZATION=f"Token {token}")
        else:
            answer = client.post(address, {"username": "alice", "password": PASSWORD}, "application/json")
    assert answer.status_code == 500
    assert reports.pages
    assert "a bug" in reports.pages[0]
    assert not [page for page in reports.pages if re.search(TOKEN.pattern, page) or PASSWORD in page]


def test_a_row_that_was_given_to_another_makes_nobody_of_its_holder(
    alice: User, make_user: Callable[..., Any]
) -> None:
    """By SQL, past every signal: what was proven says alice, and the row says bob."""
    scheme = opaque.OpaqueScheme(TOKEN)
    credential = scheme.verify(create_token(alice).token, {})
    bob = make_user("bob")
    User.objects.filter(pk=bob.pk).update(
        password=alice.password
    )  # so that the stamp alone would not notice it
    OpaqueToken.objects.update(user=bob)
    with pytest.raises(InvalidCredential) as caught:
        scheme.load(credential)
    assert caught.value.reason == "wrong_subject"
