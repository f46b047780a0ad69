"""A view that is open to some addresses only is closed to all others, before anything is verified."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import stockade
from stockade.core.errors import ConfigurationError
from stockade.pipeline.declared import read
from stockade.policy import Authenticated, Public
from stockade.schemes.jwt import JWTScheme
from stockade.web import protect

OFFICE = ["192.0.2.0/24", "2001:db8::/32"]
INSIDE, OUTSIDE = "192.0.2.9", "203.0.113.9"
pytestmark = pytest.mark.django_db


@protect(policy=Public(), allowed_addresses=OFFICE)
def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("in")


@protect(policy=Public(), allowed_addresses=OFFICE)
async def in_loop(request: HttpRequest) -> HttpResponse:
    return HttpResponse("in")


class Office(APIView):
    policy = Authenticated()
    allowed_addresses = OFFICE

    def get(self, request: Request) -> Response:
        return Response("in")


class Detour(APIView):
    """Calls the other view, whose URL it is not."""

    policy = Public()

    def get(self, request: Request) -> Any:
        return Office.as_view()(request._request)


urlpatterns = [
    path("plain/", plain),
    path("in_loop/", in_loop),
    path("office/", Office.as_view()),
    path("detour/", Detour.as_view()),
]


@pytest.fixture(autouse=True)
def site(project: Any) -> None:
    project.ROOT_URLCONF = __name__


def banned(response: Any) -> bool:
    return response.status_code == 403 and response.json()["code"] == "banned"


@pytest.mark.parametrize("method", ["get", "post", "options", "head"])
@pytest.mark.parametrize("where", ["/plain/", "/in_loop/", "/office/"])
def test_strangers_get_nothing_by_any_method(where: str, method: str, anonymous: Client) -> None:
    response = getattr(anonymous, method)(where, REMOTE_ADDR=OUTSIDE)
    assert response.status_code == 403
    assert getattr(anonymous, method)(where, REMOTE_ADDR=INSIDE).status_code != 403


@pytest.mark.parametrize("peer", [INSIDE, "::ffff:192.0.2.9", "2001:db8::1"])
def test_those_who_are_named_get_in_in_every_spelling(peer: str, anonymous: Client) -> None:
    assert anonymous.get("/plain/", REMOTE_ADDR=peer).status_code == 200


def test_what_a_client_says_of_itself_does_not_let_it_in(
    anonymous: Client, log: Callable[[], list[Any]]
) -> None:
    spoof = {"x-forwarded-for": INSIDE, "x-real-ip": INSIDE, "forwarded": f"for={INSIDE}"}
    assert banned(anonymous.get("/plain/", REMOTE_ADDR=OUTSIDE, headers=spoof))
    last = log()[-1]
    assert (last.event.tag, dict(last.details)) == ("authz_banned", {"entry": "view"})


def test_a_good_token_does_not_help_and_is_not_looked_at(
    alice: User, client_of: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(alice)

    def looked(*_: Any) -> None:
        raise AssertionError

    with monkeypatch.context() as patched:
        patched.setattr(JWTScheme, "verify", looked)
        assert banned(client.get("/office/", REMOTE_ADDR=OUTSIDE))
    assert client.get("/office/", REMOTE_ADDR=INSIDE).status_code == 200
    assert banned(client.get("/office/", REMOTE_ADDR=OUTSIDE))


def test_a_detour_through_another_view_does_not_help(alice: User, client_of: Callable[..., Client]) -> None:
    client = client_of(alice)
    assert banned(client.get("/detour/", REMOTE_ADDR=OUTSIDE))
    assert client.get("/detour/", REMOTE_ADDR=INSIDE).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_who_is_named_may_be_banned_all_the_same(anonymous: Client) -> None:
    stockade.ban(INSIDE)
    assert banned(anonymous.get("/plain/", REMOTE_ADDR=INSIDE))


async def test_so_it_is_under_asgi() -> None:
    client = AsyncClient(raise_request_exception=False)  # at 127.0.0.1
    for where in ("/plain/", "/in_loop/", "/office/"):
        assert banned(await client.get(where))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("192.0.2.1", "list of strings"),
        (["192.0.2.1/24"], "192.0.2.0/24"),
        ([], "at least one"),
        ([7], "strings"),
    ],
)
def test_what_cannot_be_meant_stops_the_start(given: Any, says: str) -> None:
    view = protect(policy=Public(), allowed_addresses=given)(lambda request: HttpResponse())
    with pytest.raises(ConfigurationError) as caught:
        read(view, {})
    assert caught.value.id == "stockade.E215"
    assert says in str(caught.value)
