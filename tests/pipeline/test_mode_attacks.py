"""Attacks on MODE, UNDECLARED and EXEMPT: what is enforced holds beside what only reports, which changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db import OperationalError
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from stockade import observe
from stockade.demo.articles.models import Article
from stockade.drf.mixins import PolicyMixin
from stockade.drf.permissions import PolicyPermission
from stockade.models import ListEntry
from stockade.observe.rows import METHODS, OTHERS
from stockade.pipeline import registry, reporting
from stockade.policy import Owner, Public, Role
from stockade.web import protect

Configure = Callable[..., None]
reached: list[str] = []


# -- views -------------------------------------------------------------------------------------------------------------


def anything(request: HttpRequest) -> HttpResponse:
    """Takes whatever is not POST for GET, as function views do."""
    reached.append(request.method or "")
    return HttpResponse("open")


def unmarked(view: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator as many write it: without functools.wraps."""

    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return view(request, *args, **kwargs)

    return inner


class AdminsOnly(APIView):
    policy = Role("Admins")

    def get(self, request: Request) -> Response:
        reached.append("admins")
        return Response({"secret": 1})

    post = get


def calls_admins(request: HttpRequest) -> Any:
    return AdminsOnly.as_view()(request)


def verified_email_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """As allauth.account.decorators has it."""
    inner = unmarked(view)
    inner.__module__ = "allauth.account.decorators"
    return login_required(inner)


@verified_email_required
def behind_allauth(request: HttpRequest) -> HttpResponse:
    reached.append("behind_allauth")
    return HttpResponse("secret")


@protect(policy=Role("Admins"))
@wraps(admin.site.index)
def declared_admin(request: HttpRequest) -> HttpResponse:
    reached.append("declared_admin")
    return HttpResponse("secret")


class OnlyVisible(PolicyMixin, APIView):
    visible = Owner("author")

    def get(self, request: Request) -> Response:
        reached.append("only_visible")
        return Response({})


def asks(request: HttpRequest) -> HttpResponse:
    request.stockade.authorize(Article.objects.get())  # type: ignore[attr-defined]
    titles = request.stockade.visible(Article.objects.all())  # type: ignore[attr-defined]
    return HttpResponse(", ".join(one.title for one in titles))


class BrokenRule:
    """A rule whose table is away."""

    about_objects = False

    def check(self, principal: Any, obj: Any) -> bool:
        raise OperationalError("the database is away")

    def filter(self, principal: Any) -> Q:
        return Q()


@protect(policy=BrokenRule())  # type: ignore[arg-type]  # a project's own, without our operators
def broken_rule(request: HttpRequest) -> HttpResponse:
    return HttpResponse("in")


class Audited(PolicyMixin, APIView):
    """Writes, then refuses."""

    policy = Owner("author")

    def post(self, request: Request) -> Response:
        User.objects.create(username="written")
        raise ValidationError("no")


@protect(policy=Owner("author"))
def missing(request: HttpRequest) -> HttpResponse:
    raise Http404


@protect(policy=Public(), limits="2/min")
def enforced(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


@protect(policy=Public())
def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body.decode(request.encoding or "utf-8"))


class OwnMode(PolicyMixin, APIView):
    policy = Owner("author")
    mode = "enforce"

    def get(self, request: Request) -> Response:
        self.check_object_permissions(request, Article.objects.get())
        return Response({})


urlpatterns = [
    path("anything/", anything),
    path("unmarked/", unmarked(AdminsOnly.as_view())),
    path("calls/", calls_admins, name="calls"),
    path(
        "calls/enforced/", include(([path("", protect(policy=Public())(calls_admins), name="x")], "strict"))
    ),
    path("calls/loose/", include(([path("", protect(policy=Public())(calls_admins), name="x")], "loose"))),
    path("behind/", behind_allauth),
    path("declared_admin/", declared_admin),
    path("only_visible/", OnlyVisible.as_view()),
    path("asks/", asks),
    path("broken_rule/", broken_rule),
    path("audited/", Audited.as_view()),
    path("missing/", missing),
    path("echo/", echo),
    path("own_mode/", OwnMode.as_view()),
    path("login/", include(("stockade.drf.urls", "login"))),
    path("a/", include(([path("", enforced, name="x")], "a"))),
    path("b/", include(([path("", enforced, name="x")], "b"))),
    path("", include("tests.pipeline.urls")),
]


@pytest.fixture(autouse=True)
def urls(project: Any) -> Iterator[None]:
    project.ROOT_URLCONF = __name__
    observe.clear()
    reporting.forget()
    reached.clear()
    yield
    observe.clear()


def counts() -> dict[tuple[str, str, str], int]:
    found: dict[tuple[str, str, str], int] = {}
    for row in observe.read(None):
        key = (row.method, row.kind, row.reason)
        found[key] = found.get(key, 0) + row.count
    return found


# -- EXEMPT ------------------------------------------------------------------------------------------------------------


def test_a_view_behind_a_decorator_of_an_exempt_package_is_not_exempt(
    configure: Configure, alice: User, client_of: Callable[..., Client]
) -> None:
    """allauth's verified_email_required leaves its own function in the view's place."""
    configure(EXEMPT=["allauth"])
    assert client_of(alice).get("/behind/").status_code == 403
    assert not reached


def test_a_policy_on_a_view_of_an_exempt_package_is_not_passed_over(
    configure: Configure, anonymous: Client
) -> None:
    configure(EXEMPT=["admin"])
    assert anonymous.get("/declared_admin/").status_code == 401
    assert not reached


def test_a_view_that_says_it_wraps_itself_hangs_no_worker() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    view.__wrapped__ = view  # type: ignore[attr-defined]
    assert registry.presets_of(view) == set()


# -- policies hold in legacy -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["/unmarked/", "/calls/"])
def test_a_declared_view_reached_through_an_undeclared_one_keeps_its_policy(
    configure: Configure, alice: User, client_of: Callable[..., Client], way: str
) -> None:
    configure(UNDECLARED="legacy")
    assert Client().get(way).status_code == 401
    assert client_of(alice).get(way).status_code == 403
    assert not reached


def test_a_view_that_says_only_what_is_visible_is_not_left_open(
    configure: Configure, anonymous: Client
) -> None:
    configure(UNDECLARED="legacy")
    assert anonymous.get("/only_visible/").status_code == 403
    assert not reached


def test_who_asks_the_policy_of_a_view_that_has_none_gets_a_no(
    configure: Configure, bob: User, alice: User, client_of: Callable[..., Client]
) -> None:
    Article.objects.create(title="Bob's draft", body="secret", author=bob)
    configure(UNDECLARED="legacy")
    answer = client_of(alice).get("/asks/")
    assert answer.status_code == 404
    assert b"draft" not in answer.content


def test_a_view_that_is_only_probed_is_not_open_to_anyone() -> None:
    """Generators of schemas ask views that do not run which of them a caller may use."""
    from rest_framework.test import APIRequestFactory

    view = AdminsOnly(format_kwarg=None)
    request = view.initialize_request(APIRequestFactory().get("/"))
    assert not PolicyPermission().has_permission(request, view)


# -- MODE by name ------------------------------------------------------------------------------------------------------


def test_a_view_called_by_an_enforced_name_is_enforced(configure: Configure, anonymous: Client) -> None:
    configure(MODE={"policies": "report", "views": {"strict": "enforce"}})
    assert anonymous.get("/calls/enforced/").status_code == 401
    assert not reached
    assert anonymous.get("/calls/loose/").status_code == 200


def test_two_names_of_one_view_are_not_mixed_up(configure: Configure, anonymous: Client) -> None:
    configure(MODE={"views": {"b": "report"}})
    assert [anonymous.get("/b/").status_code for _ in range(3)] == [200] * 3
    assert anonymous.get("/a/").status_code == 429  # one view, one count
    assert anonymous.get("/b/").status_code == 200


def test_a_login_that_is_enforced_by_name_counts_guesses(configure: Configure, alice: User) -> None:
    configure(MODE={"limits": "report", "views": {"login": "enforce"}}, LIMITS={"login": "2/min"})
    wrong = {"username": "alice", "password": "wrong"}
    answers = [
        Client().post("/login/token/", wrong, content_type="application/json").status_code for _ in range(4)
    ]
    assert answers == [401, 401, 429, 429]


def test_a_login_that_only_reports_by_name_refuses_no_guess(configure: Configure, alice: User) -> None:
    configure(MODE={"views": {"login": {"limits": "report"}}}, LIMITS={"login": "2/min"})
    wrong = {"username": "alice", "password": "wrong"}
    answers = [
        Client().post("/login/token/", wrong, content_type="application/json").status_code for _ in range(4)
    ]
    assert answers == [401] * 4


# -- limits and bans beside what is only recorded ----------------------------------------------------------------------


@pytest.mark.parametrize("adopted", [{"MODE": {"policies": "report"}}, {"UNDECLARED": "legacy"}])
def test_a_made_up_method_does_not_escape_the_limits(
    configure: Configure, anonymous: Client, adopted: dict[str, Any]
) -> None:
    configure(**adopted, LIMITS={"anon": "2/min"})
    answers = [anonymous.generic("PROPFIND", "/anything/").status_code for _ in range(3)]
    assert answers == [200, 200, 429]


@pytest.mark.parametrize("adopted", [{"MODE": "report"}, {"UNDECLARED": "legacy"}])
def test_a_made_up_method_does_not_escape_a_ban(
    configure: Configure, anonymous: Client, adopted: dict[str, Any]
) -> None:
    configure(**adopted)
    ListEntry.objects.create(value="127.0.0.1")
    assert anonymous.generic("PROPFIND", "/anything/").status_code == 403
    assert not reached


@pytest.mark.parametrize("query", ["x=%00", "&" * 2000])
def test_bad_input_does_not_escape_the_limits_of_paths_that_are_none(
    configure: Configure, anonymous: Client, query: str
) -> None:
    configure(MODE={"input": "report"}, LIMITS={"anon": "2/min"})
    answers = [anonymous.get("/nowhere/?" + query).status_code for _ in range(3)]
    assert answers == [404, 404, 429]


def test_bad_input_does_not_escape_a_ban_on_paths_that_are_none(
    configure: Configure, anonymous: Client
) -> None:
    configure(MODE={"input": "report"})
    ListEntry.objects.create(value="127.0.0.1")
    assert anonymous.get("/nowhere/?x=%00").status_code == 403


# -- what is only recorded changes nothing -----------------------------------------------------------------------------


def test_a_rule_that_cannot_ask_refuses_nobody_in_report(configure: Configure, anonymous: Client) -> None:
    assert anonymous.get("/broken_rule/").status_code == 503
    configure(MODE="report")
    assert anonymous.get("/broken_rule/").status_code == 200


def test_a_view_that_writes_and_then_says_no_keeps_what_it_wrote_in_report(
    configure: Configure, anonymous: Client
) -> None:
    configure(MODE="report")
    assert anonymous.post("/audited/").status_code == 400
    assert User.objects.filter(username="written").exists()


def test_what_is_missing_is_not_counted_as_refused(configure: Configure, anonymous: Client) -> None:
    configure(MODE={"policies": "report"})
    assert anonymous.get("/missing/").status_code == 404
    assert ("GET", "policies", "not_found") not in counts()


def test_a_view_that_only_reports_gets_no_headers_beside_one_that_is_enforced(
    configure: Configure, anonymous: Client
) -> None:
    concerns = dict.fromkeys(("policies", "limits", "input", "edge"), "report")
    configure(MODE={**concerns, "views": {"a": "enforce"}})
    assert "X-Request-ID" not in anonymous.get("/anything/").headers
    assert "X-Request-ID" not in anonymous.get("/nowhere/").headers
    assert {"X-Request-ID", "RateLimit"} <= set(anonymous.get("/a/").headers)


def test_a_view_that_enforces_by_its_own_mode_is_whole(
    configure: Configure, bob: User, alice: User, client_of: Callable[..., Client]
) -> None:
    Article.objects.create(title="Bob's draft", body="secret", author=bob)
    configure(MODE="report")
    refused = client_of(alice).get("/own_mode/")
    assert refused.status_code == 404
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert "X-Request-ID" in refused.headers
    assert "RateLimit" in refused.headers


def test_no_cookie_is_set_in_report(
    configure: Configure, project: Any, make_user: Callable[..., User]
) -> None:
    project.AUTHENTICATION_BACKENDS = [
        "stockade.schemes.backend.LoginLimits", "django.contrib.auth.backends.ModelBackend",
    ]  # fmt: skip
    make_user("root", is_staff=True, is_superuser=True)

    def log_in() -> set[str]:
        client = Client()
        answer = client.post("/admin/login/", {"username": "root", "password": "correct horse battery"})
        assert answer.status_code == 302
        return set(answer.cookies)

    enforced_cookies = log_in()
    configure(MODE="report")
    ours = {name for name in enforced_cookies if "stockade" in name.lower()}
    assert ours
    assert not log_in() & ours


def test_a_process_view_that_changes_the_method_of_a_legacy_view_may(
    configure: Configure, project: Any, anonymous: Client
) -> None:
    project.MIDDLEWARE = [*project.MIDDLEWARE, f"{__name__}.Override"]
    configure(UNDECLARED="legacy")
    assert anonymous.post("/anything/", headers={"x-http-method-override": "DELETE"}).status_code == 200
    assert reached == ["DELETE"]


class Override:
    def __init__(self, get_response: Callable[..., Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        request.method = request.headers.get("x-http-method-override", request.method)


# -- what is recorded --------------------------------------------------------------------------------------------------


def test_made_up_methods_do_not_flood_the_log(
    configure: Configure, anonymous: Client, log: Callable[[], list[Any]]
) -> None:
    configure(MODE="report", LIMITS={"anon": "1/min"})
    for number in range(20):
        anonymous.generic(f"X{number}", "/nowhere/")
        anonymous.generic(f"X{number}", "/anything/")
    assert len(log()) <= 2
    assert {method for method, _, _ in counts()} <= {*METHODS, OTHERS}


def test_what_a_class_refuses_by_itself_is_not_counted(configure: Configure, anonymous: Client) -> None:
    configure(MODE="report")
    assert anonymous.put("/editors/").status_code == 405
    assert counts() == {}
    assert anonymous.generic("PROPFIND", "/public/").status_code == 200
    assert list(counts()) == [(OTHERS, "policies", "method_not_allowed")]


@pytest.mark.parametrize("path", ["/private_api_view/", "/echo/"])
def test_a_charset_that_is_only_recorded_is_read_as_ever(
    configure: Configure, alice: User, client_of: Callable[..., Client], path: str
) -> None:
    client = client_of(alice)
    body = '{"data": "ü"}'.encode("utf-16")
    assert client.generic("POST", path, body, "application/json; charset=utf-16").status_code == 400
    configure(MODE={"input": "report"})
    answer = client.generic("POST", path, body, "application/json; charset=utf-16")
    assert answer.status_code == 200
    assert "ü" in answer.content.decode()
    assert counts()["POST", "input", "content_type"] == 1
