"""Attacks on views without a policy: nothing may be weaker than without Stockade, and nothing may be another answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

import stockade
import stockade.drf
from stockade.core.errors import Unavailable
from stockade.core.mode import BEFORE
from stockade.drf import before
from stockade.models import ListEntry
from stockade.pipeline import registry
from stockade.pipeline.start import refuse_to_start
from stockade.policy import Public
from stockade.web import protect
from tests.pipeline.conftest import *  # noqa: F403 - the same project, users and tokens

SESSION = "rest_framework.authentication.SessionAuthentication"
PERMISSION = "DEFAULT_PERMISSION_CLASSES"
AUTHENTICATION = "DEFAULT_AUTHENTICATION_CLASSES"


class Default(APIView):
    def get(self, request: Request) -> Response:
        return Response({"user": getattr(request.user, "username", "")})

    post = get


class Open(Default):
    permission_classes = (AllowAny,)


class Picky(Default):
    """Takes nobody for a POST, as it says for each request."""

    permission_classes = (AllowAny,)

    def get_authenticators(self) -> list[BaseAuthentication]:
        if self.request.method == "POST":
            return []
        return super().get_authenticators()


class Login(Default):
    authentication_classes = ()
    permission_classes = (AllowAny,)


class NoCsrf(SessionAuthentication):
    def enforce_csrf(self, request: Request) -> None:
        return


class OwnSession(Default):
    authentication_classes = (NoCsrf,)
    permission_classes = (IsAuthenticated,)


@csrf_exempt
def callback(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


@login_required
def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("page")


class Plain(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("plain")


def calls_login(request: HttpRequest) -> Any:
    """Or a decorator without functools.wraps: whose view it is cannot be seen from outside."""
    return Login.as_view()(request)


class Renames(Default):
    def get(self, request: Request) -> Response:
        found = request.user.username
        request.user.username = "mallory"
        return Response({"user": found})


def calls_renames(request: HttpRequest) -> Any:
    return Renames.as_view()(request)


@protect(policy=Public())
def calls_default(request: HttpRequest) -> Any:
    return Default.as_view()(request)


urlpatterns = [
    path("default/", Default.as_view()),
    path("open/", Open.as_view()),
    path("picky/", Picky.as_view()),
    path("login/", Login.as_view()),
    path("own_session/", OwnSession.as_view()),
    path("callback/", callback),
    path("page/", page),
    path("plain/", Plain.as_view()),
    path("calls/", calls_default),
    path("calls_login/", calls_login),
    path("calls_renames/", calls_renames),
    path("renames/", Renames.as_view()),
]


@pytest.fixture(autouse=True)
def legacy(project: Any) -> Iterator[None]:
    project.ROOT_URLCONF = __name__
    project.STOCKADE = {
        **project.STOCKADE, "UNDECLARED": "legacy", "SCHEMES": ["jwt", SESSION], "ERRORS": "drf",
    }  # fmt: skip
    project.REST_FRAMEWORK = {
        **project.REST_FRAMEWORK,
        BEFORE: {PERMISSION: ["rest_framework.permissions.IsAuthenticated"], AUTHENTICATION: [SESSION]},
    }
    yield
    before._forget()


def expired(user: User) -> dict[str, str]:
    pair = stockade.issue(user)
    stockade.end_sessions(user)
    return {"authorization": f"Bearer {pair.access}"}


# -- defaults() that were lost -----------------------------------------------------------------------------------------


def run(settings: str) -> Any:
    namespace: dict[str, Any] = {"stockade": stockade}
    exec(settings, namespace)
    return namespace["REST_FRAMEWORK"]


def test_a_projects_permissions_are_not_lost_within_one_literal(project: Any) -> None:
    """defaults() cannot see what stands beside it; IsAuthenticated would silently become AllowAny."""
    project.REST_FRAMEWORK = run(
        f'REST_FRAMEWORK = {{"{PERMISSION}": ["rest_framework.permissions.IsAuthenticated"], '
        "**stockade.drf.defaults()}"
    )
    with pytest.raises(ImproperlyConfigured, match="E217"):
        refuse_to_start()
    project.STOCKADE = {**project.STOCKADE, "UNDECLARED": "refuse"}
    refuse_to_start()


def test_defaults_twice_remembers_the_project_not_itself(project: Any, alice: User) -> None:
    twice = "REST_FRAMEWORK = {**REST_FRAMEWORK, **stockade.drf.defaults()}\n" * 2
    assert run('REST_FRAMEWORK = {"PAGE_SIZE": 1}\n' + twice)[BEFORE] == {}
    project.REST_FRAMEWORK = run('REST_FRAMEWORK = {"PAGE_SIZE": 1}\n' + twice)
    refused = APIClient().get("/own_session/")
    assert (refused.status_code, set(refused.json())) == (403, {"detail"})


def test_a_test_that_overrides_rest_framework_opens_nothing(project: Any) -> None:
    """DRF's views keep the classes that they were made with, whatever the setting says later; so must these."""
    assert APIClient().get("/default/").status_code == 403
    project.REST_FRAMEWORK = {
        "PAGE_SIZE": 1,
        "EXCEPTION_HANDLER": "stockade.drf.exceptions.exception_handler",
    }
    assert APIClient().get("/default/").status_code == 403


# -- callers -----------------------------------------------------------------------------------------------------------


def test_a_view_that_picks_its_authenticators_is_given_nobody_else(
    alice: User, client_of: Callable[..., Client]
) -> None:
    client = client_of(alice)
    assert client.get("/picky/").json() == {"user": "alice"}
    assert client.post("/picky/").json() == {"user": ""}


@pytest.mark.parametrize("adopted", [{}, {"UNDECLARED": "refuse", "MODE": {"policies": "report"}}])
def test_a_view_called_by_a_plain_one_takes_no_caller_whom_it_does_not_read(
    configure: Callable[..., None], alice: User, client_of: Callable[..., Client], adopted: dict[str, Any]
) -> None:
    configure(**adopted)
    assert client_of(alice).get("/calls_login/").json() == {"user": ""}
    assert client_of(alice).get("/callback/").content == b"alice"


@pytest.mark.parametrize("middleware", [True, False])
@pytest.mark.parametrize("way", ["/calls_renames/", "/renames/"])
def test_what_a_view_does_to_its_user_does_not_stay_in_the_worker(
    project: Any, alice: User, client_of: Callable[..., Client], way: str, middleware: bool
) -> None:
    if not middleware:
        project.MIDDLEWARE = [one for one in project.MIDDLEWARE if not one.startswith("stockade")]
    client = client_of(alice)
    assert [client.get(way).json() for _ in range(2)] == [{"user": "alice"}] * 2


def test_a_view_called_by_a_declared_one_is_asked_for_the_projects_permissions(anonymous: Client) -> None:
    assert anonymous.get("/calls/").status_code == 403


def test_a_dead_token_does_not_keep_anyone_from_a_login(alice: User, anonymous: Client) -> None:
    assert anonymous.post("/login/", headers=expired(alice)).status_code == 200
    assert anonymous.get("/default/", headers=expired(alice)).status_code == 401


def test_a_dead_token_closes_no_page_that_reads_none(alice: User, anonymous: Client) -> None:
    assert anonymous.get("/plain/", headers=expired(alice)).status_code == 200
    assert anonymous.get("/page/", headers=expired(alice)).status_code == 302


def test_a_browsers_cookie_closes_no_view_that_csrf_leaves_alone(alice: User) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.post("/callback/").content == b"alice"
    assert client.post("/login/").json() == {"user": ""}
    assert client.post("/own_session/").json() == {"user": "alice"}
    assert client.post("/default/").status_code == 403


def test_a_caller_forced_by_a_test_need_be_no_row() -> None:
    client = APIClient()
    client.force_authenticate(
        SimpleNamespace(is_authenticated=True, is_active=True, pk=7, username="nobody's row")
    )
    assert client.get("/default/").json() == {"user": "nobody's row"}


# -- the same answers --------------------------------------------------------------------------------------------------

ASKED = [
    ("get", "/default/"), ("put", "/default/"), ("options", "/default/"), ("head", "/default/"), ("put", "/open/"),
    ("options", "/open/"), ("post", "/plain/"), ("options", "/plain/"), ("get", "/page/"), ("delete", "/login/"),
    ("trace", "/plain/"), ("propfind", "/open/"),
]  # fmt: skip
OURS = {
    "x-request-id", "ratelimit", "ratelimit-policy", "x-content-type-options", "x-frame-options", "referrer-policy",
    "cross-origin-opener-policy", "cross-origin-resource-policy", "permissions-policy", "content-security-policy",
    "cache-control", "cross-origin-embedder-policy", "strict-transport-security",
    "vary",  # by a cookie, where SCHEMES names the session: who calls decides which limits apply
}  # fmt: skip


@pytest.mark.parametrize(("method", "way"), ASKED)
def test_what_is_refused_is_refused_in_the_same_words(project: Any, method: str, way: str) -> None:
    def ask() -> tuple[int, dict[str, str], bytes]:
        answer = APIClient().generic(method.upper(), way)
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in OURS}
        return answer.status_code, kept, answer.content

    ours = ask()
    project.MIDDLEWARE = [one for one in project.MIDDLEWARE if not one.startswith("stockade")]
    stockade_setting = project.STOCKADE
    del project.STOCKADE
    theirs = ask()
    project.STOCKADE = stockade_setting
    assert ours == theirs


# -- the state away ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
async def test_a_caller_is_known_in_report_while_the_state_is_away_also_under_asgi(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asgiref.sync import sync_to_async

    project.STOCKADE = {**project.STOCKADE, "MODE": "report", "UNDECLARED": "refuse"}
    alice = await sync_to_async(User.objects.create_user)("alice")
    pair = await sync_to_async(stockade.issue)(alice)
    headers = {"authorization": f"Bearer {pair.access}"}
    client = AsyncClient()
    assert (await client.get("/default/", headers=headers)).json() == {"user": "alice"}

    async def away_async(*_: Any) -> Any:
        raise Unavailable(reason="state")

    def away(*_: Any) -> Any:
        raise Unavailable(reason="state")

    engine = registry.current().engine  # type: ignore[union-attr]
    monkeypatch.setattr(engine, "remote", True)
    monkeypatch.setattr(engine.gate, "ask_async", away_async, raising=False)
    monkeypatch.setattr(engine.gate, "ask", away)
    assert (await client.get("/default/", headers=headers)).json() == {"user": "alice"}


def test_without_a_stockade_setting_odd_json_is_taken_as_ever(project: Any) -> None:
    del project.STOCKADE
    project.MIDDLEWARE = [one for one in project.MIDDLEWARE if not one.startswith("stockade")]
    from io import BytesIO

    from stockade.drf.parsers import StrictJSONParser

    assert StrictJSONParser().parse(BytesIO(b'{"a": 1, "a": 2}')) == {"a": 2}


# -- bans --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schemes", [["jwt", SESSION], ["jwt"]])
@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer garbage"}])
@pytest.mark.parametrize("way", ["/page/", "/default/", "/own_session/"])
def test_a_banned_user_is_thrown_out_whatever_else_his_browser_sends(
    project: Any, alice: User, bob: User, schemes: list[str], headers: dict[str, str], way: str
) -> None:
    project.STOCKADE = {**project.STOCKADE, "SCHEMES": schemes}
    client, other = APIClient(), APIClient()
    client.force_login(alice)
    other.force_login(bob)
    ListEntry.objects.create(kind="user", value=str(alice.pk))
    refused = client.get(way, headers=headers)
    assert (refused.status_code, refused.json()) == (403, {"detail": "Access is refused."})
    assert other.get(way, headers=headers).status_code == 200


@pytest.mark.django_db(transaction=True)
async def test_so_is_he_under_asgi(project: Any) -> None:
    from asgiref.sync import sync_to_async

    alice = await sync_to_async(User.objects.create_user)("alice")
    client = AsyncClient()
    await client.aforce_login(alice)
    assert (await client.get("/page/", headers={"authorization": "Bearer garbage"})).status_code == 200
    await sync_to_async(ListEntry.objects.create)(kind="user", value=str(alice.pk))
    assert (await client.get("/page/", headers={"authorization": "Bearer garbage"})).status_code == 403
