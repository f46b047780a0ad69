"""API keys: for users and services, bound by scopes, addresses and a limit of their own, rotated with an overlap."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

import stockade
from stockade.core import clock
from stockade.core.secrets import checksum
from stockade.drf.authentication import StockadeAuthentication
from stockade.models import OpaqueToken
from stockade.pipeline import registry as registries
from stockade.policy import Authenticated, Person, Role, Scope
from stockade.schemes.opaque import API_KEY, NotRotated, create_key, create_token, rotate, scheme
from stockade.schemes.shape import Shape

pytestmark = pytest.mark.django_db

NEVER = "stk_" + "0" * 43 + checksum("stk_" + "0" * 43)


class Me(APIView):
    policy = Authenticated()

    def get(self, request: Any) -> Response:
        principal = request._request.stockade.principal
        return Response(
            {"kind": principal.kind.value, "user": request.user.get_username(), "id": request.auth.id}
        )


class Quiet(APIView):
    policy = Authenticated()

    def get(self, request: Any) -> Response:
        return Response({})


class People(APIView):
    policy = Person()

    def get(self, request: Any) -> Response:
        return Response({})


class Editing(APIView):
    policy = Role("Editors") & Scope("articles:write")

    def get(self, request: Any) -> Response:
        return Response({})


class Reading(APIView):
    policy = Scope("articles:read") & Authenticated()

    def get(self, request: Any) -> Response:
        return Response({})


urlpatterns = [
    path("me/", Me.as_view()),
    path("quiet/", Quiet.as_view()),
    path("people/", People.as_view()),
    path("editing/", Editing.as_view()),
    path("reading/", Reading.as_view()),
    path("api/", include("stockade.drf.urls")),
]


@pytest.fixture(autouse=True)
def site(project: Any, configure: Callable[..., None]) -> None:
    project.MIDDLEWARE = ["stockade.web.Middleware"]
    project.ROOT_URLCONF = __name__
    project.REST_FRAMEWORK = {"EXCEPTION_HANDLER": "stockade.drf.exceptions.exception_handler"}
    configure(SCHEMES=["api_key", "token", "jwt"])


def get(key: str, address: str = "/quiet/", **more: Any) -> Any:
    return Client().get(address, HTTP_X_API_KEY=key, **more)


def status(key: str, address: str = "/quiet/", **more: Any) -> int:
    return int(get(key, address, **more).status_code)


def engine() -> Any:
    registry = registries.current()
    assert registry is not None
    return registry.engine


def row(made: Any) -> OpaqueToken:
    return OpaqueToken.objects.get(pk=made.id)


# -- who calls --------------------------------------------------------------------------------------------------------


def test_a_key_of_a_user_calls_as_the_user_by_either_header(alice: User) -> None:
    made = create_key("backup", owner=alice)
    assert get(made.token, "/me/").json() == {"kind": "user", "user": "alice", "id": str(made.id)}
    by_authorization = Client().get("/me/", HTTP_AUTHORIZATION=f"Api-Key {made.token}")
    assert by_authorization.json()["user"] == "alice"
    assert API_KEY.is_whole(made.token)


def test_a_key_of_a_service_calls_as_nobody_of_the_users(db: None) -> None:
    made = create_key("billing")
    assert get(made.token, "/me/").json() == {"kind": "service", "user": "", "id": str(made.id)}
    assert status(made.token, "/people/") == 403


class Alone(APIView):
    authentication_classes = (StockadeAuthentication,)
    policy = Authenticated()

    def get(self, request: Any) -> Response:
        return Response(
            {"pk": request.user.pk, "known": request.user.is_authenticated, "id": request.auth.id}
        )


def test_a_service_breaks_no_view_that_reads_its_user_without_the_middleware(project: Any) -> None:
    """Permissions of others read `request.user.pk`: with None there, a key could have any of them answer 500."""
    project.MIDDLEWARE = []
    made = create_key("billing")
    answer = Alone.as_view()(APIRequestFactory().get("/", HTTP_X_API_KEY=made.token))
    assert (answer.status_code, answer.data) == (200, {"pk": None, "known": False, "id": str(made.id)})


def test_in_the_steady_state_no_sql_is_asked(alice: User) -> None:
    for made in (
        create_key("backup", owner=alice),
        create_key("billing", allow=["127.0.0.0/8"], rate="100/min"),
    ):
        assert status(made.token) == 200
        with CaptureQueriesContext(connection) as queries:
            assert status(made.token) == 200
        assert not queries.captured_queries


@pytest.mark.parametrize("written", ["Api-Key", "api-key", "API-KEY"])
def test_a_key_that_a_worker_has_seen_is_found_by_its_header_alone(
    written: str, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As documented it costs no more than a token; in another spelling it takes no second place in memory."""
    made = create_key("billing")
    header = {"HTTP_AUTHORIZATION": f"{written} {made.token}"}
    assert Client().get("/quiet/", **header).status_code == 200
    assert Client().get("/quiet/", HTTP_AUTHORIZATION=f"Api-Key {made.token}").status_code == 200
    assert len(engine().memory) == 1
    monkeypatch.setattr(engine().finder, "find", None)
    assert Client().get("/quiet/", HTTP_AUTHORIZATION=f"Api-Key {made.token}").status_code == 200


def test_scopes_bound_it_also_a_services(alice: User) -> None:
    alice.groups.add(Group.objects.create(name="Editors"))
    writer = create_key("a", owner=alice, scopes=["articles:write"])
    reader = create_key("b", scopes=["articles:read"])
    none = create_key("c", scopes=[])
    assert [status(key.token, "/editing/") for key in (writer, reader, none)] == [200, 403, 403]
    assert [status(key.token, "/reading/") for key in (writer, reader, none)] == [403, 200, 403]


def test_a_key_outlives_the_password_of_its_owner_and_not_its_owner(alice: User) -> None:
    made = create_key("backup", owner=alice)
    assert status(made.token) == 200
    alice.set_password("another one, and longer")
    alice.save()
    assert status(made.token) == 200
    alice.is_active = False
    alice.save()
    assert status(made.token) == 401


def test_a_key_of_a_user_who_was_deleted_past_every_signal_is_nobodys(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With tenants no constraint keeps the row, and without a column `is_active` nothing says that it is not there."""
    bare = Shape(("user__password",), (), frozenset({"password"}), True)
    monkeypatch.setattr(scheme, "shape_of", lambda *_: bare)
    made = create_key("backup", owner=alice)
    answers = []
    for _ in range(2):
        scheme._query_of.cache_clear()
        engine().forget()
        answers.append(status(made.token))
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM auth_user WHERE id = %s", [alice.pk])
    scheme._query_of.cache_clear()
    rows = OpaqueToken.objects.all()
    rows._raw_delete(rows.db)
    assert answers == [200, 401]


@pytest.mark.parametrize("owned", [True, False], ids=["user's", "service's"])
def test_an_ended_key_is_refused_on_the_next_request(alice: User, owned: bool) -> None:
    made = create_key("backup", owner=alice if owned else None)
    assert status(made.token) == 200
    stockade.end_tokens(ids=[made.id])
    assert status(made.token) == 401


def test_a_banned_key_is_refused(db: None) -> None:
    made = create_key("billing")
    assert status(made.token) == 200
    stockade.ban(session=str(made.id))
    assert status(made.token) == 403


# -- from where -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", 200),
        ("192.0.3.7", 403),
        ("::ffff:192.0.2.7", 200),
        ("2001:db8::5", 200),
        ("2001:db9::5", 403),
        ("203.0.113.9", 200),
        ("203.0.113.10", 403),
    ],
)
@pytest.mark.parametrize("known", [True, False], ids=["known to the worker", "not known"])
def test_a_stolen_key_is_of_no_use_elsewhere(address: str, expected: int, known: bool, db: None) -> None:
    made = create_key("billing", allow=["192.0.2.0/24", "2001:db8::/32", "203.0.113.9"])
    if known:
        assert status(made.token, REMOTE_ADDR="192.0.2.1") == 200
    assert status(made.token, REMOTE_ADDR=address) == expected
    assert status(made.token, REMOTE_ADDR="192.0.2.1") == 200


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "expected"),
    [
        ([], "198.51.100.1", "192.0.2.7", 403),
        (["198.51.100.1"], "198.51.100.1", "192.0.2.7", 200),
        (["198.51.100.1"], "198.51.100.1", "192.0.2.7, 203.0.113.5", 403),
        (["198.51.100.1"], "203.0.113.5", "192.0.2.7", 403),
        (["198.51.100.1"], "198.51.100.1", "192.0.2.7, nonsense", 403),
    ],
    ids=["no proxy is trusted", "a proxy's word", "a thief's word to a proxy", "past the proxy", "nonsense"],
)
def test_a_thief_cannot_say_that_he_is_at_an_address_of_the_key(
    proxies: list[str], peer: str, forwarded: str, expected: int, db: None, configure: Callable[..., None]
) -> None:
    configure(TRUSTED_PROXIES=proxies)
    made = create_key("billing", allow=["192.0.2.0/24"])
    assert status(made.token, REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded) == expected


def test_a_refusal_by_address_says_so_and_is_in_the_log(db: None, log: Any) -> None:
    made = create_key("billing", allow=["192.0.2.0/24"])
    answer = get(made.token, REMOTE_ADDR="198.51.100.1")
    assert answer.json()["code"] == "address_not_allowed"
    told = [(r.event.name, r.reason, r.credential) for r in log() if r.event.name.startswith("AUTHZ")]
    assert told == [("AUTHZ_FAIL", "address_not_allowed", str(made.id))]


def test_a_thief_at_another_address_uses_up_nothing_of_the_keys_limit(db: None) -> None:
    made = create_key("billing", allow=["192.0.2.0/24"], rate="2/min")
    assert [status(made.token, REMOTE_ADDR="198.51.100.1") for _ in range(5)] == [403] * 5
    assert [status(made.token, REMOTE_ADDR="192.0.2.1") for _ in range(3)] == [200, 200, 429]


def test_addresses_that_are_taken_away_by_hand_bite_on_the_next_request(db: None) -> None:
    made = create_key("billing", allow=["192.0.2.0/24"])
    assert status(made.token, REMOTE_ADDR="192.0.2.1") == 200
    found = row(made)
    found.networks = ["198.51.100.0/24"]
    found.save()
    assert status(made.token, REMOTE_ADDR="192.0.2.1") == 403
    assert status(made.token, REMOTE_ADDR="198.51.100.1") == 200


@pytest.mark.parametrize(
    "allow", [["nowhere"], ["192.0.2.7/24"], ["192.0.2.0/33"], ["10.0.0.0/8"] * 101, [""]]
)
def test_what_is_no_address_is_refused(allow: list[str], db: None) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        create_key("billing", allow=allow)
    assert not OpaqueToken.objects.exists()


# -- how often --------------------------------------------------------------------------------------------------------


def test_a_limit_of_its_own_counts_beside_the_others(alice: User) -> None:
    slow, quick = create_key("slow", owner=alice, rate="2/min"), create_key("quick", owner=alice)
    assert [status(slow.token) for _ in range(3)] == [200, 200, 429]
    assert get(slow.token).json()["limit"] == "api_key"
    assert status(quick.token) == 200


@pytest.mark.parametrize("rate", ["often", "0/min", "5/month", "1/min" + " " * 40])
def test_what_is_no_rate_is_refused(rate: str, db: None) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        create_key("billing", rate=rate)


# -- rotation ---------------------------------------------------------------------------------------------------------


def test_a_rotated_key_goes_on_for_the_overlap(db: None, later: Callable[[float], None]) -> None:
    old = create_key("billing", scopes=["articles:read"], allow=["127.0.0.1"], expires="30d")
    later(86400)
    new = rotate(old.id, overlap=3600)
    assert [status(key.token) for key in (old, new)] == [200, 200]
    assert new.token != old.token
    kept = [(r.name, r.scopes, r.networks, r.lineage) for r in (row(old), row(new))]
    assert kept[0] == kept[1]
    assert new.expires_at is not None
    assert abs(new.expires_at - clock.now_datetime() - timedelta(days=30)) < timedelta(seconds=30)
    later(3601)
    assert [status(key.token) for key in (old, new)] == [401, 200]


def test_an_overlap_ends_to_the_second_where_a_worker_knows_the_key(
    db: None, later: Callable[[float], None]
) -> None:
    """It may be rotated because it has leaked: not half a minute longer than was said."""
    old = create_key("billing")
    assert status(old.token) == 200
    rotate(old.id, overlap=10)
    assert status(old.token) == 200
    later(11)
    assert status(old.token) == 401


def test_rotated_without_an_overlap_the_old_one_ends_at_once(db: None) -> None:
    old = create_key("billing")
    assert status(old.token) == 200
    new = rotate(old.id, overlap=0)
    assert [status(key.token) for key in (old, new)] == [401, 200]


def test_rotation_doubles_no_limit_and_a_service_stays_who_it_is(db: None) -> None:
    old = create_key("billing", rate="2/min")
    assert status(old.token) == 200
    new = rotate(old.id)
    assert [status(new.token), status(new.token), status(old.token)] == [200, 429, 429]


@pytest.mark.django_db(transaction=True)
def test_of_many_who_rotate_at_once_one_gets_a_key(alice: User) -> None:
    made = create_key("backup", owner=alice)
    start, got = threading.Barrier(6), []

    def rotating() -> None:
        try:
            start.wait(30)
            got.append(rotate(made.id, user_id=alice.pk))
        except NotRotated:
            got.append(None)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=rotating) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(got), got.count(None), OpaqueToken.objects.count()) == (6, 5, 2)


def test_an_overlap_lengthens_no_life(db: None, later: Callable[[float], None]) -> None:
    old = create_key("billing", expires="1h")
    rotate(old.id, overlap=86400)
    later(3601)
    assert status(old.token) == 401


def test_a_key_is_rotated_once(db: None, later: Callable[[float], None]) -> None:
    """Else whoever holds the old one could go on making new ones."""
    old, over = create_key("billing"), create_key("over", expires="1h")
    rotate(old.id)
    ended = create_key("ended")
    stockade.end_tokens(ids=[ended.id])
    later(3601)
    for key in (old, over, ended):
        with pytest.raises(NotRotated):
            rotate(key.id)
    with pytest.raises(NotRotated):
        rotate(create_token(User.objects.create_user("bob")).id)
    assert OpaqueToken.objects.filter(name="over").get().replaced_by is None


# -- guesses ----------------------------------------------------------------------------------------------------------

GARBAGE = {
    "empty": "",
    "nothing of ours": "abc",
    "cut short": NEVER[:-1],
    "another checksum": NEVER[:-1] + "z",
    "10 kB": "stk_" + "A" * 10_000,
    "NUL": "stk_\0" + NEVER[5:],
    "not ASCII": "stk_é" + NEVER[5:],
    "unknown": NEVER,
}


@pytest.mark.parametrize("value", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_401(value: str, db: None) -> None:
    assert status(value) == 401
    assert Client().get("/quiet/", HTTP_AUTHORIZATION=f"Api-Key {value}").status_code == 401


def test_a_token_is_no_key_and_a_key_no_token(alice: User) -> None:
    key, token = create_key("backup", owner=alice).token, create_token(alice).token
    assert status(token) == 401
    assert Client().get("/quiet/", HTTP_AUTHORIZATION=f"Token {key}").status_code == 401
    assert Client().get("/quiet/", HTTP_AUTHORIZATION=f"Bearer {key}").status_code == 401


def test_two_credentials_are_refused(alice: User) -> None:
    key = create_key("backup", owner=alice).token
    other = f"Token {create_token(alice).token}"
    assert status(key, HTTP_AUTHORIZATION=other) == 400
    assert status(f"{key}, {key}") == 400


@pytest.mark.parametrize("name", ["api_key", "apikey", "key"])
def test_a_key_in_the_query_string_is_refused(name: str, db: None) -> None:
    assert Client().get("/quiet/", {name: create_key("billing").token}).status_code == 400


def test_the_table_holds_no_key(db: None) -> None:
    made = create_key("billing", allow=["192.0.2.0/24"])
    values = " ".join(str(value) for value in OpaqueToken.objects.values_list()[0])
    assert made.token not in values
    assert made.token[:12] in values
    assert made.token not in repr(made)


def test_a_key_needs_a_name(db: None) -> None:
    with pytest.raises(ValueError, match="name"):
        create_key("")


def test_a_services_key_gets_a_new_digest_with_a_new_key(db: None, project: Any) -> None:
    made = create_key("billing")
    old = project.SECRET_KEY
    project.SECRET_KEY, project.SECRET_KEY_FALLBACKS = "a new key, longer than the old one was", [old]
    assert status(made.token) == 200
    project.SECRET_KEY_FALLBACKS = []
    assert status(made.token) == 200
