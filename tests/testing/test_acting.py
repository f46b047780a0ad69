"""Acting as a principal: through the whole of Stockade, and by nothing that a network could send."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.core.handlers.wsgi import WSGIRequest
from django.test import AsyncClient, Client, RequestFactory
from rest_framework.test import APIClient as PlainAPIClient

from stockade.core.principal import ANONYMOUS, Kind
from stockade.events import Event
from stockade.testing import APIClient, AsyncStockadeClient, StockadeClient, as_principal, make_principal
from stockade.testing.acting import TESTING_KEY

pytestmark = pytest.mark.django_db


# -- principals ------------------------------------------------------------------------------------------------------


def test_a_principal_has_the_users_own_groups(alice):
    made = make_principal(alice)
    assert (made.kind, made.subject, made.roles, made.scopes) == (Kind.USER, str(alice.pk), {"Editors"}, None)
    assert made.user == alice
    assert not made.superuser
    assert made.credential is not None
    assert made.credential.scheme == "jwt"


def test_a_principal_as_one_likes(alice):
    made = make_principal(
        alice, roles=["Admins"], scopes="a:read a:write", scheme="api_key", auth_time=5.0, client="c", session="s",
        claims={"x": 1},
    )  # fmt: skip
    assert (made.roles, made.scopes) == ({"Admins"}, {"a:read", "a:write"})
    assert made.credential is not None
    assert (made.credential.scheme, made.credential.auth_time, made.credential.client) == (
        "api_key",
        5.0,
        "c",
    )
    assert (made.credential.session, made.credential.claims, made.credential.scopes) == (
        "s",
        {"x": 1},
        made.scopes,
    )
    assert make_principal(alice, scopes=[]).scopes == frozenset()


def test_nobody_and_a_service():
    assert make_principal() is ANONYMOUS
    assert make_principal(AnonymousUser()) is ANONYMOUS
    robot = make_principal(service="robot", roles=["Cleaners"])
    assert (robot.kind, robot.subject, robot.user, robot.roles) == (Kind.SERVICE, "robot", None, {"Cleaners"})


def test_what_cannot_be(alice):
    with pytest.raises(ValueError, match="not both"):
        make_principal(alice, service="robot")
    with pytest.raises(ValueError, match="Save the user"):
        make_principal(User(username="new"))


def test_the_user_is_what_production_gives(alice):
    made = make_principal(alice)
    assert type(made.user) is User
    assert made.user is not alice
    assert "username" not in made.user.__dict__


# -- requests --------------------------------------------------------------------------------------------------------


def test_a_client_with_a_principal(alice):
    client = StockadeClient()
    assert client.get("/private/").status_code == 401
    assert client.as_principal(alice) is client
    assert client.get("/private/").json() == {"user": "alice"}
    assert client.principal is not None
    assert client.as_itself().principal is None
    assert client.get("/private/").status_code == 401


def test_drfs_client_with_a_principal(alice):
    client = APIClient().as_principal(alice, roles=[])
    assert client.get("/me/").status_code == 200
    assert client.get("/editors/").status_code == 403
    assert client.as_principal(alice, roles=["Editors"]).get("/editors/").status_code == 200


async def test_an_async_client_with_a_principal(alice):
    client = AsyncStockadeClient()
    assert (await client.get("/private_async/")).status_code == 401
    client.as_principal(make_principal_in_advance(alice))
    assert (await client.get("/private_async/")).status_code == 200


def make_principal_in_advance(user):
    from stockade.core.principal import Principal

    return Principal(Kind.USER, str(user.pk), user=user)


def test_scopes_bound_a_principal(alice):
    client = StockadeClient()
    assert client.as_principal(alice, scopes="articles:read").get("/scope/").status_code in {200, 403}
    assert client.as_principal(alice).get("/scope/").status_code == 200
    assert client.as_principal(alice, scopes="").get("/scope/").status_code == 403


def test_in_a_block_every_client_acts_as_the_principal(alice):
    with as_principal(alice):
        for client in (Client(), PlainAPIClient(), APIClient()):
            assert client.get("/private/").status_code == 200
    assert Client().get("/private/").status_code == 401


def test_blocks_may_be_nested_and_a_clients_own_principal_wins(alice):
    bob = User.objects.create_user("bob")
    with as_principal(alice):
        with as_principal(bob):
            assert Client().get("/private/").json() == {"user": "bob"}
            with as_principal(None):
                assert Client().get("/private/").status_code == 401
        assert Client().get("/private/").json() == {"user": "alice"}
        assert StockadeClient().as_principal(bob).get("/private/").json() == {"user": "bob"}


def test_a_block_ends_when_it_raises(alice):
    with pytest.raises(ZeroDivisionError), as_principal(alice):
        _ = 1 / 0
    assert Client().get("/private/").status_code == 401


async def test_async_clients_act_in_a_block_too(alice):
    with as_principal(make_principal_in_advance(alice)):
        assert (await AsyncClient().get("/private_async/")).status_code == 200
    assert (await AsyncClient().get("/private_async/")).status_code == 401


def test_the_fixture_lasts_as_long_as_the_test(alice, client, request):
    act = request.getfixturevalue("as_principal")
    act(alice)
    assert client.get("/private/").json() == {"user": "alice"}
    act(User.objects.create_user("bob"), roles=["Editors"])
    assert client.get("/editors/").status_code == 200


def test_limits_and_events_count_a_principal_like_any_other(alice, captured_events, stockade_client):
    stockade_client.as_principal(alice)
    answers = [stockade_client.get("/private/").status_code for _ in range(6)]
    assert answers == [200] * 5 + [429]
    record = captured_events.one()
    assert (record.event, record.subject, record.scheme) == (Event.LIMIT_EXCEEDED, str(alice.pk), "jwt")


def test_each_request_gets_an_instance_of_its_own(alice, stockade_client):
    stockade_client.as_principal(alice)
    first, second = (stockade_client.get("/private/").wsgi_request.user for _ in range(2))
    assert first == second
    assert first is not second


# -- what a network could send ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "environ",
    [
        {TESTING_KEY: "1"},
        {TESTING_KEY: "Principal(kind=<Kind.USER: 'user'>, subject='1')"},
        {f"HTTP_{TESTING_KEY.upper().replace('.', '_')}": "1"},
        {TESTING_KEY: {"kind": "user", "subject": "1"}},
    ],
)
def test_attack_text_in_the_environ_is_no_principal(alice, environ):
    assert Client().get("/private/", **environ).status_code == 401


@pytest.mark.parametrize(
    "name", ["stockade.testing.principal", "Stockade-Testing-Principal", "stockade_testing_principal"]
)
def test_attack_a_header_is_no_principal(alice, name):
    assert Client().get("/private/", headers={name: str(alice.pk)}).status_code == 401


def test_request_factories_act_too(alice):
    with as_principal(alice) as principal:
        request = RequestFactory().get("/")
    assert isinstance(request, WSGIRequest)
    assert request.META[TESTING_KEY] is principal


def test_a_user_deleted_since_is_nobodys_row(alice):
    Group.objects.all().delete()
    assert make_principal(alice).roles == frozenset()
