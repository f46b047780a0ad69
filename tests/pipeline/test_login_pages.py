"""A page that sends its visitors to log in still does under a policy; whoever shows a credential is told the truth."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.decorators import login_not_required, login_required, permission_required
from django.contrib.auth.mixins import LoginRequiredMixin, PermissionRequiredMixin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from stockade.policy import Authenticated, Owner, Permission, Role
from stockade.web import protect

pytestmark = pytest.mark.django_db


def _ran(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ran")


class Page(View):
    policy: Any = Authenticated()

    def get(self, request: HttpRequest) -> HttpResponse:
        return _ran(request)


class Mixed(LoginRequiredMixin, Page):
    login_url = "/other/"
    redirect_field_name = "then"


class Permitted(PermissionRequiredMixin, Page):
    policy = Permission("auth.view_user")
    permission_required = "auth.view_user"


class Raising(LoginRequiredMixin, Page):
    raise_exception = True


@method_decorator(login_required, name="dispatch")
class Decorated(Page): ...


class API(APIView):
    policy = Authenticated()

    def get(self, request: Request) -> Response:
        return Response("ran")


async def _ran_in_loop(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ran")


authenticated = protect(policy=Authenticated())
urlpatterns = [
    path("above/", authenticated(login_required(_ran))),
    path("below/", login_required(authenticated(_ran))),
    path("elsewhere/", authenticated(login_required(_ran, login_url="/other/", redirect_field_name="then"))),
    path("permission/", protect(policy=Role("Admins"))(permission_required("auth.view_user")(_ran))),
    path("object/", protect(policy=Owner("author"))(login_required(_ran))),
    path("loop/", authenticated(login_required(_ran_in_loop))),
    path("mixed/", Mixed.as_view()),
    path("permitted/", Permitted.as_view()),
    path("decorated/", Decorated.as_view()),
    path("raising/", Raising.as_view()),
    path("plain/", authenticated(_ran)),
    path("spared/", login_not_required(authenticated(_ran))),
    path("api/", API.as_view()),
]


@pytest.fixture(autouse=True)
def site(project: Any) -> None:
    project.ROOT_URLCONF = __name__
    project.LOGIN_URL = "/log-in/"


@pytest.mark.parametrize(
    ("where", "to"),
    [
        ("above", "/log-in/?next=/above/%3Fpage%3D2"),
        ("below", "/log-in/?next=/below/%3Fpage%3D2"),
        ("elsewhere", "/other/?then=/elsewhere/%3Fpage%3D2"),
        ("permission", "/log-in/?next=/permission/%3Fpage%3D2"),
        ("object", "/log-in/?next=/object/%3Fpage%3D2"),
        ("loop", "/log-in/?next=/loop/%3Fpage%3D2"),
        ("mixed", "/other/?then=/mixed/%3Fpage%3D2"),
        ("permitted", "/log-in/?next=/permitted/%3Fpage%3D2"),
        ("decorated", "/log-in/?next=/decorated/%3Fpage%3D2"),
    ],
)
def test_a_visitor_is_sent_where_the_page_sends_them(where: str, to: str, anonymous: Client) -> None:
    answer = anonymous.get(f"/{where}/?page=2")
    assert (answer.status_code, answer.headers.get("Location")) == (302, to)
    assert "ran" not in answer.content.decode()


async def test_a_visitor_of_an_async_server_too() -> None:
    answer = await AsyncClient().get("/loop/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/log-in/?next=/loop/")


@pytest.mark.parametrize("where", ["raising", "plain", "api"])
def test_what_sends_nobody_to_log_in_answers_401(where: str, anonymous: Client) -> None:
    assert anonymous.get(f"/{where}/").status_code == 401


def test_a_project_that_asks_for_a_login_everywhere_sends_visitors_there_too(
    project: Any, anonymous: Client
) -> None:
    project.MIDDLEWARE = [*project.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    answer = anonymous.get("/plain/")
    assert (answer.status_code, answer.headers.get("Location")) == (302, "/log-in/?next=/plain/")
    assert [anonymous.get(f"/{where}/").status_code for where in ("api", "spared", "raising")] == [401] * 3


def test_a_credential_that_does_not_hold_is_refused_and_not_sent_to_log_in(anonymous: Client) -> None:
    answer = anonymous.get("/above/", headers={"authorization": "Bearer nonsense"})
    assert answer.status_code == 401


def test_who_is_logged_in_and_may_not_is_refused_and_not_sent_round_in_circles(
    client_of: Any, alice: User
) -> None:
    assert client_of(alice).get("/permission/").status_code == 403
    assert client_of(alice).get("/permitted/").status_code == 403


def test_the_refusal_is_in_the_log_as_any_other(anonymous: Client, log: Any) -> None:
    anonymous.get("/above/")
    (event,) = log()
    assert (event.event.tag, event.reason, event.status) == ("authz_fail", "not_authenticated", 401)
