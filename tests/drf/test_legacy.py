"""UNDECLARED = "legacy" and EXEMPT: a view without a policy is judged by what it had, with the project's defaults."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.urls import include, path
from rest_framework import serializers
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.decorators import (
    action,
    api_view,
    authentication_classes,
    permission_classes,
    throttle_classes,
)  # fmt: skip
from rest_framework.permissions import AllowAny, BasePermission, IsAdminUser, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.test import APIClient
from rest_framework.throttling import ScopedRateThrottle, SimpleRateThrottle
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet

import stockade.drf
from stockade.core.mode import BEFORE
from stockade.demo.articles.models import Article
from stockade.drf import before
from stockade.drf.mixins import PolicyMixin
from stockade.models import ListEntry
from stockade.pipeline import start
from tests.pipeline.conftest import *  # noqa: F403 - the same project, users and tokens

SESSION = "rest_framework.authentication.SessionAuthentication"
PERMISSION = "DEFAULT_PERMISSION_CLASSES"
AUTHENTICATION = "DEFAULT_AUTHENTICATION_CLASSES"


class ThreeAMinute(SimpleRateThrottle):
    rate = "3/min"
    scope = "three"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"three-{type(view).__name__}-{request.user.pk}"


class Default(APIView):
    def get(self, request: Request) -> Response:
        return Response({"user": request.user.get_username()})

    post = get


class Open(Default):
    permission_classes = (AllowAny,)


class Admin(Default):
    permission_classes = (IsAdminUser,)


class Nobody(Default):
    authentication_classes = ()
    permission_classes = (AllowAny,)


class Sessions(Default):
    authentication_classes = (SessionAuthentication,)


class Throttled(Open):
    throttle_classes = (ThreeAMinute,)


class ScopedThrottle(ScopedRateThrottle):
    THROTTLE_RATES = {"uploads": "2/min", "burst": "1/min"}


class Scoped(Open):
    throttle_classes = (ScopedThrottle,)
    throttle_scope = "burst"  # not in LIMITS: it is DRF's


class IsAuthor(BasePermission):
    message = "Not yours."

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        return bool(obj.author == request.user)


class Mine:
    """A filter backend, as guardian's."""

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        return queryset.filter(author=request.user)


class ArticleSerializer(serializers.ModelSerializer[Article]):
    class Meta:
        model = Article
        fields = ("id", "title")


class Articles(ModelViewSet[Article]):
    queryset = Article.objects.order_by("title")
    serializer_class = ArticleSerializer
    permission_classes = (IsAuthenticated, IsAuthor)

    @action(detail=False, permission_classes=[AllowAny])
    def latest(self, request: Request) -> Response:
        return Response({"title": "latest"})

    @action(detail=True, methods=["post"], permission_classes=[IsAdminUser])
    def publish(self, request: Request, pk: Any = None) -> Response:
        return Response({})


class Filtered(Articles):
    permission_classes = (IsAuthenticated,)
    filter_backends = (Mine,)


class Mixed(PolicyMixin, Articles):
    """Prepared for a policy that it has not got yet."""


@api_view(["GET"])
def default_function(request: Request) -> Response:
    return Response({})


@api_view(["GET"])
@authentication_classes([BasicAuthentication])
@permission_classes([IsAdminUser])
@throttle_classes([ThreeAMinute])
def decorated(request: Request) -> Response:
    return Response({})


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("open")


@login_required
def guarded(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


async def plain_async(request: HttpRequest) -> HttpResponse:
    user = await request.auser()
    return HttpResponse(str(user.is_authenticated))


router = SimpleRouter()
router.register("articles", Articles)
router.register("filtered", Filtered, basename="filtered")
router.register("mixed", Mixed, basename="mixed")

drf = [
    path("", include(router.urls)),
    path("default/", Default.as_view(), name="default"),
    path("open/", Open.as_view()),
    path("admin/", Admin.as_view()),
    path("nobody/", Nobody.as_view()),
    path("sessions/", Sessions.as_view()),
    path("throttled/", Throttled.as_view()),
    path("scoped/", Scoped.as_view()),
    path("function/", default_function),
    path("decorated/", decorated),
    path("plain/", plain),
    path("guarded/", guarded),
    path("async/", plain_async),
]
urlpatterns = [path("", include(drf)), path("exempt/", include((drf, "left"), namespace="left"))]


@pytest.fixture
def stood(project: Any) -> Callable[..., None]:
    """Say what REST_FRAMEWORK said before."""

    def say(**known: Any) -> None:
        project.REST_FRAMEWORK = {**project.REST_FRAMEWORK, BEFORE: known}

    return say


@pytest.fixture(autouse=True)
def legacy(project: Any, stood: Callable[..., None]) -> Iterator[None]:
    from django.core.cache import cache

    cache.clear()
    project.ROOT_URLCONF = __name__
    project.STOCKADE = {
        **project.STOCKADE, "UNDECLARED": "legacy", "SCHEMES": ["jwt", SESSION], "ERRORS": "drf",
        "EXEMPT": ["left"],
    }  # fmt: skip
    stood(**{PERMISSION: ["rest_framework.permissions.IsAuthenticated"], AUTHENTICATION: [SESSION]})
    yield
    before._forget()


@pytest.fixture
def admin(make_user: Callable[..., User]) -> User:
    return make_user("root", is_staff=True)


def signed_in(user: User) -> APIClient:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(user)
    return client


# -- permissions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["/default/", "/function/", "/exempt/default/", "/exempt/function/"])
def test_the_projects_default_permissions_are_asked(anonymous: Client, alice: User, way: str) -> None:
    assert anonymous.get(way).status_code == 403  # no challenge of SessionAuthentication's
    assert signed_in(alice).get(way).status_code == 200


@pytest.mark.parametrize("way", ["/default/", "/exempt/default/"])
def test_without_defaults_of_the_project_drfs_own_are_asked(
    stood: Callable[..., None], anonymous: Client, way: str
) -> None:
    stood()
    assert anonymous.get(way).json() == {"user": ""}


@pytest.mark.parametrize("way", ["/admin/", "/exempt/admin/"])
def test_permission_classes_of_the_view_are_asked(alice: User, admin: User, way: str) -> None:
    refused = signed_in(alice).get(way)
    assert (refused.status_code, refused.json()) == (
        403,
        {"detail": "You do not have permission to perform this action."},
    )
    assert signed_in(admin).get(way).status_code == 200


def test_so_it_is_with_actions(
    anonymous: Client, alice: User, admin: User, client_of: Callable[..., Client]
) -> None:
    article = Article.objects.create(title="a", author=alice)
    assert anonymous.get("/articles/latest/").status_code == 200
    assert anonymous.get("/articles/").status_code == 403
    assert client_of(alice).post(f"/articles/{article.pk}/publish/").status_code == 403
    assert client_of(admin).post(f"/articles/{article.pk}/publish/").status_code == 200


def test_objects_are_asked_about(alice: User, bob: User, client_of: Callable[..., Client]) -> None:
    article = Article.objects.create(title="a", author=bob)
    for method in ("get", "delete", "put"):
        refused = getattr(client_of(alice), method)(f"/articles/{article.pk}/")
        assert (refused.status_code, refused.json()) == (403, {"detail": "Not yours."})
    assert client_of(bob).get(f"/articles/{article.pk}/").json()["title"] == "a"
    assert client_of(bob).delete(f"/articles/{article.pk}/").status_code == 204


def test_policy_mixin_without_a_policy_changes_nothing(
    alice: User, bob: User, client_of: Callable[..., Client]
) -> None:
    article = Article.objects.create(title="a", author=bob)
    assert [one["title"] for one in client_of(alice).get("/mixed/").json()] == ["a"]
    change = ({"title": "b"}, "application/json")
    assert client_of(alice).put(f"/mixed/{article.pk}/", *change).json() == {"detail": "Not yours."}
    assert client_of(bob).put(f"/mixed/{article.pk}/", *change).json()["title"] == "b"
    assert Client().get("/mixed/").status_code == 403


def test_filter_backends_narrow(alice: User, bob: User, client_of: Callable[..., Client]) -> None:
    article = Article.objects.create(title="a", author=bob)
    assert client_of(alice).get("/filtered/").json() == []
    assert client_of(alice).get(f"/filtered/{article.pk}/").status_code == 404
    assert [one["title"] for one in client_of(bob).get("/filtered/").json()] == ["a"]


def test_what_a_page_probes_is_told_by_the_views_own_classes(
    alice: User, bob: User, client_of: Callable[..., Client]
) -> None:
    article = Article.objects.create(title="a", author=bob)
    assert "PUT" in client_of(bob).options(f"/articles/{article.pk}/").json()["actions"]
    assert "actions" not in client_of(alice).options(f"/articles/{article.pk}/").json()
    assert "POST" not in json.dumps(APIClient().options("/articles/").json())


# -- callers -----------------------------------------------------------------------------------------------------------


def test_a_view_that_lists_authenticators_takes_no_others(
    alice: User, client_of: Callable[..., Client]
) -> None:
    assert client_of(alice).get("/sessions/").status_code == 403
    assert signed_in(alice).get("/sessions/").json() == {"user": "alice"}
    assert client_of(alice).get("/nobody/").json() == {"user": ""}
    assert signed_in(alice).get("/nobody/").json() == {"user": ""}
    assert client_of(alice).get("/default/").json() == {"user": "alice"}


@pytest.mark.parametrize("way", ["/default/", "/sessions/", "/exempt/default/", "/exempt/sessions/"])
def test_csrf_is_checked_as_ever(alice: User, way: str) -> None:
    refused = signed_in(alice).post(way)
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["detail"]
    client = APIClient()
    client.force_login(alice)
    assert client.post(way).json() == {"user": "alice"}


def test_authenticators_of_before_that_schemes_does_not_name_are_asked(
    project: Any, alice: User, stood: Callable[..., None]
) -> None:
    project.STOCKADE = {**project.STOCKADE, "SCHEMES": ["jwt"]}
    assert signed_in(alice).get("/default/").json() == {"user": "alice"}
    assert signed_in(alice).post("/default/").status_code == 403
    stood(**{AUTHENTICATION: ["rest_framework.authentication.BasicAuthentication"]})
    refused = Client(headers={"authorization": "Basic eDp5"}).get("/default/")
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, 'Basic realm="api"')


def test_force_authenticate_and_force_login_work(alice: User) -> None:
    client = APIClient()
    client.force_authenticate(alice)
    assert [client.get(way).json()["user"] for way in ("/default/", "/open/", "/sessions/")] == ["alice"] * 3
    client.force_authenticate(None)
    assert client.get("/default/").status_code == 403
    client.force_login(alice)
    assert client.get("/default/").json() == {"user": "alice"}


def test_decorators_of_a_function_view_are_asked(alice: User, admin: User) -> None:
    assert APIClient().get("/decorated/").status_code == 401
    basic = APIClient(headers={"authorization": "Basic cm9vdDpjb3JyZWN0IGhvcnNlIGJhdHRlcnk="})
    assert [basic.get("/decorated/").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert signed_in(admin).get("/decorated/").status_code == 401


# -- throttles ---------------------------------------------------------------------------------------------------------


def test_throttles_of_the_view_count(anonymous: Client) -> None:
    answers = [anonymous.get("/throttled/") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].json()["detail"].startswith("Request was throttled.")
    assert int(answers[-1].headers["Retry-After"]) <= 60
    assert [anonymous.get("/scoped/").status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize("way", ["/default/", "/exempt/default/"])
def test_throttles_of_the_project_count(stood: Callable[..., None], anonymous: Client, way: str) -> None:
    stood(DEFAULT_THROTTLE_CLASSES=[f"{__name__}.ThreeAMinute"])
    assert [anonymous.get(way).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_the_limits_of_limits_hold_beside_them(configure: Callable[..., None], anonymous: Client) -> None:
    configure(LIMITS={"anon": "2/min"})
    assert [anonymous.get("/throttled/").status_code for _ in range(3)] == [200, 200, 429]


# -- plain views -------------------------------------------------------------------------------------------------------


def test_plain_views_guard_themselves(alice: User, anonymous: Client) -> None:
    assert anonymous.get("/plain/").status_code == 200
    assert anonymous.get("/guarded/").status_code == 302
    assert signed_in(alice).get("/guarded/").content == b"alice"


@pytest.mark.django_db(transaction=True)
async def test_async_views_too() -> None:
    assert (await AsyncClient().get("/async/")).content == b"False"
    assert (await AsyncClient().get("/default/")).status_code == 403


@pytest.mark.parametrize("way", ["/plain/", "/default/", "/exempt/plain/", "/exempt/default/"])
def test_bans_hold(anonymous: Client, way: str) -> None:
    ListEntry.objects.create(value="127.0.0.1")
    assert anonymous.get(way).json() == {"detail": "Access is refused."}


# -- bodies ------------------------------------------------------------------------------------------------------------


def test_bodies_are_drfs_own_and_a_projects_handler_is_asked(
    stood: Callable[..., None], client_of: Callable[..., Client], alice: User
) -> None:
    assert client_of(alice).get("/articles/00000000-0000-0000-0000-000000000000/").json() == {
        "detail": "No Article matches the given query."
    }
    assert client_of(alice).post("/articles/", {}, "application/json").json() == {
        "title": ["This field is required."]
    }
    assert client_of(alice).put("/open/").json() == {"detail": 'Method "PUT" not allowed.'}
    stood(EXCEPTION_HANDLER=f"{__name__}.shouting")
    assert client_of(alice).post("/articles/", {}, "application/json").json() == {"ERROR": 400}


def shouting(exc: Any, context: Any) -> Response:
    return Response({"ERROR": exc.status_code}, status=exc.status_code)


# -- defaults() --------------------------------------------------------------------------------------------------------

KNOWN = {
    PERMISSION: ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": (
        "rest_framework.parsers.JSONParser",
        "rest_framework.parsers.FileUploadParser",
    ),
    "PAGE_SIZE": 10,
}
STRICT = "stockade.drf.parsers.StrictJSONParser"


def run(settings: str) -> Any:
    namespace: dict[str, Any] = {"stockade": stockade, "KNOWN": KNOWN}
    exec(settings, namespace)
    return namespace["REST_FRAMEWORK"]


def test_defaults_remembers_what_stood_there_and_makes_json_strict() -> None:
    found = run("REST_FRAMEWORK = KNOWN\nREST_FRAMEWORK = {**REST_FRAMEWORK, **stockade.drf.defaults()}")
    assert found[BEFORE] == {PERMISSION: KNOWN[PERMISSION]}
    assert found["DEFAULT_PARSER_CLASSES"] == [STRICT, "rest_framework.parsers.FileUploadParser"]
    assert found[PERMISSION] == ["stockade.drf.permissions.PolicyPermission"]
    assert found["PAGE_SIZE"] == 10


def test_what_is_given_goes_before_what_stands_there() -> None:
    found = run("REST_FRAMEWORK = {'PAGE_SIZE': 1}\nREST_FRAMEWORK = stockade.drf.defaults(KNOWN)")
    assert found[BEFORE] == {PERMISSION: KNOWN[PERMISSION]}


def test_a_new_project_takes_json_alone() -> None:
    found = stockade.drf.defaults({})
    assert found["DEFAULT_PARSER_CLASSES"] == [STRICT]
    assert found[BEFORE] == {}


def test_a_project_keeps_its_own_content_negotiation() -> None:
    name = "DEFAULT_CONTENT_NEGOTIATION_CLASS"
    assert stockade.drf.defaults({})[name] == "stockade.drf.negotiation.RememberedNegotiation"
    assert name not in stockade.drf.defaults({name: "shop.negotiation.Own"})


def test_called_in_a_class_of_settings_it_reads_the_class() -> None:
    found = run(
        "class Base:\n    REST_FRAMEWORK = KNOWN\n    REST_FRAMEWORK = {**REST_FRAMEWORK, **stockade.drf.defaults()}\n"
        "REST_FRAMEWORK = Base.REST_FRAMEWORK"
    )
    assert found[BEFORE] == {PERMISSION: KNOWN[PERMISSION]}


def test_a_start_finds_nothing_wrong_where_it_is_known() -> None:
    assert "stockade.E217" not in {finding.id for finding in start.findings()}
