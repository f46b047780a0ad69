"""Who gets in at all: found where nothing is asked, and nowhere that something is, or may be."""

from __future__ import annotations

import functools
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.mixins import LoginRequiredMixin, UserPassesTestMixin
from django.contrib.auth.views import redirect_to_login
from django.contrib.syndication.views import Feed
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django.views.generic import TemplateView
from rest_framework.authentication import SessionAuthentication
from rest_framework.decorators import action, api_view, permission_classes
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated, IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from stockade import conf
from stockade.policy import Authenticated, Public
from stockade.web import protect
from tests.drf.survey.asking import at, facts, listed, routed
from tests.drf.survey.common import Docs, Generic, IsOwner, IsOwnerOrReadOnly, Rest
from tests.policy_app.models import Doc

# --- DRF views that anyone may use ---


class Open(Rest):
    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        return Response()

    def post(self, request: Request) -> Response:
        return Response()


class Empty(Open):
    permission_classes = []


class Inherited(Open):
    pass


class Either(Open):
    permission_classes = [IsAuthenticated | AllowAny]  # type: ignore[operator]


class OnlyAboutObjects(Open):
    """IsOwner leaves has_permission as it is, and there is no object here."""

    permission_classes = [IsOwner]


class Closed(Open):
    permission_classes = [IsAuthenticated]


class Both(Open):
    permission_classes = [AllowAny & IsAuthenticated]  # type: ignore[operator]


class ByMethod(Open):
    def get_permissions(self) -> list[Any]:
        return [AllowAny()] if self.request.method == "GET" else [IsAuthenticated()]


class Signed(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return hmac.compare_digest(request.headers.get("X-Signature", ""), "secret")


class BySignature(Open):
    permission_classes = [Signed]


class ByInitial(Open):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not request.user.is_authenticated:
            raise PermissionDenied


class OwnersOnly(Docs):
    permission_classes = [IsOwner]


class Readable(Docs):
    permission_classes = [IsAuthenticatedOrReadOnly, IsOwnerOrReadOnly]


class OneAction(Docs):
    @action(detail=False, methods=["post"], permission_classes=[AllowAny])
    def subscribe(self, request: Request) -> Response:
        return Response()


class PickedMethods(Docs):
    permission_classes = [AllowAny]
    http_method_names = ["get", "head", "options"]


class Reads(Generic, ReadOnlyModelViewSet[Any]):
    permission_classes = [AllowAny]


class Declared(Open):
    policy = Authenticated()


@api_view(["GET", "POST"])
@permission_classes([AllowAny])
def open_function(request: Request) -> Response:
    return Response()


@api_view(["GET", "POST"])
@permission_classes([IsAuthenticated])
def closed_function(request: Request) -> Response:
    return Response()


# --- plain views ---


@require_POST
def takes(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.POST["x"])


def both_ways(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.POST["x"] if request.method == "POST" else "form")


@require_GET
def reads(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def page(request: HttpRequest) -> HttpResponse:
    """Nothing here tells that it would write."""
    return HttpResponse()


class OpenClass(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


class Mixed(LoginRequiredMixin, OpenClass):
    pass


class Judged(UserPassesTestMixin, OpenClass):
    def test_func(self) -> bool:
        return bool(self.request.user.is_authenticated)


@method_decorator(login_required, name="dispatch")
class Decorated(OpenClass):
    pass


class MethodsDecorated(OpenClass):
    @method_decorator(login_required)
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    @method_decorator(login_required)
    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


class ByDispatch(OpenClass):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not request.user.is_authenticated:
            return HttpResponseForbidden()
        return super().dispatch(request, *args, **kwargs)


class ByBody(View):
    async def get(self, request: HttpRequest) -> HttpResponse:
        user = await request.auser()
        return HttpResponse() if user.is_authenticated else HttpResponse(status=401)

    async def post(self, request: HttpRequest) -> HttpResponse:
        return await self.get(request)


def signed_in(view: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        return JsonResponse({}, status=401)

    return wrapper


def timed(view: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return wrapper


@csrf_exempt
@require_POST
def hook(request: HttpRequest) -> HttpResponse:
    if not hmac.compare_digest(request.headers["X-Signature"], "secret"):
        return HttpResponse(status=403)
    return HttpResponse()


def needs_user(request: HttpRequest) -> None:
    if not request.user.is_authenticated:
        raise PermissionDenied


def by_helper(request: HttpRequest) -> HttpResponse:
    needs_user(request)
    return HttpResponse(request.POST.get("x"))


def own_rows(request: HttpRequest) -> HttpResponse:
    return HttpResponse(Doc.objects.filter(author=request.user).count(), request.POST)


class SignedIn:
    """A middleware as projects write it."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        if not request.user.is_authenticated:
            return redirect_to_login(request.path)
        return self.get_response(request)


class Times:
    """One that asks nothing."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)


class News(Feed):
    title = link = description = "News"

    def items(self) -> list[Any]:
        return []


class Noted(Rest):
    """Its own dispatch asks nothing."""

    permission_classes = [AllowAny]

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().dispatch(request, *args, **kwargs)
        response["X-Seen"] = "1"
        return response

    def get(self, request: Request) -> Response:
        return Response()

    def post(self, request: Request) -> Response:
        return Response()


def asks(kind: str, *, found: dict[str, Any], missed: dict[str, Any]) -> list[Any]:
    """Both sides of a border: the patterns for which there is such a fact, and those for which there is none."""
    sides = ((True, found), (False, missed))
    return [
        pytest.param(kind, each, side, id=f"{kind}-{name}")
        for side, group in sides
        for name, each in group.items()
    ]


GUARDED = {
    "login_required": listed(login_required(both_ways)),
    "permission_required": listed(permission_required("app.change_x")(both_ways)),
    "staff_member_required": listed(staff_member_required(both_ways)),
    "behind other decorators": listed(csrf_exempt(login_required(both_ways))),
    "LoginRequiredMixin": listed(Mixed),
    "UserPassesTestMixin": listed(Judged),
    "method_decorator": listed(Decorated),
    "method_decorator on methods": listed(MethodsDecorated),
    "its own dispatch": listed(ByDispatch),
    "its own body": listed(ByBody),
    "a decorator of the project": listed(signed_in(both_ways)),
    "login_required in urls": listed(login_required(OpenClass.as_view())),
    "a policy": listed(protect(policy=Public())(both_ways)),
    "a helper": listed(by_helper),
    "the caller's own rows": listed(own_rows),
    "the admin": listed(site.admin_view(both_ways)),
}
DRF_GUARDED = {
    "IsAuthenticated": listed(Closed),
    "AllowAny & IsAuthenticated": listed(Both),
    "a signature": listed(BySignature),
    "its own initial": listed(ByInitial),
    "a function": listed(closed_function),
    "a policy of its own": listed(Declared),
    "a viewset": routed(Docs),
}


@pytest.mark.parametrize(
    ("kind", "patterns", "expected"),
    [
        *asks(
            "anyone-writes",
            found={
                "AllowAny": listed(Open),
                "no permission class": listed(Empty),
                "inherited": listed(Inherited),
                "IsAuthenticated | AllowAny": listed(Either),
                "a permission about objects alone": listed(OnlyAboutObjects),
                "a create without an object": routed(OwnersOnly),
                "an action": routed(OneAction),
                "a function of DRF": listed(open_function),
                "require_POST": listed(takes),
                "a method that is looked at": listed(both_ways),
                "a class of Django": listed(OpenClass),
                "a decorator that asks nothing": listed(timed(both_ways)),
                "a dispatch that asks nothing": listed(Noted),
            },
            missed={
                **GUARDED,
                **DRF_GUARDED,
                "by method": listed(ByMethod),
                "read only": routed(Readable),
                "no unsafe route": routed(Reads),
                "http_method_names": routed(PickedMethods),
                "require_GET": listed(reads),
                "a page": listed(page),
                "a template": listed(TemplateView.as_view(template_name="x.html")),
                "a webhook that looks at its signature": listed(hook),
            },
        ),
        *asks(
            "anyone-reads",
            found={
                "AllowAny": listed(Open),
                "by method": listed(ByMethod),
                "read only": routed(Readable),
                "a viewset": routed(Reads),
                "a page": listed(page),
                "require_GET": listed(reads),
                "a template": listed(TemplateView.as_view(template_name="x.html")),
                "a class of Django": listed(OpenClass),
                "a feed": [path("news/", News())],
                "a dispatch that asks nothing": listed(Noted),
            },
            missed={
                **GUARDED,
                **DRF_GUARDED,
                "POST alone": listed(takes),
                "an action that writes": routed(OneAction),
            },
        ),
        *asks(
            "csrf-exempt",
            found={
                "a function": listed(csrf_exempt(takes)),
                "with a login": listed(csrf_exempt(login_required(takes))),
                "a webhook": listed(hook),
                "a class": listed(csrf_exempt(OpenClass.as_view())),
                "by dispatch": listed(
                    method_decorator(csrf_exempt, name="dispatch")(type("Exempt", (OpenClass,), {}))
                ),
                "any method": listed(csrf_exempt(page)),
            },
            missed={
                "not exempt": listed(takes),
                "DRF's own exemption": listed(Open),
                "DRF's own exemption of a viewset": routed(Docs),
                "a function of DRF": listed(open_function),
                "GET alone": listed(csrf_exempt(reads)),
                "safe methods alone": listed(csrf_exempt(require_http_methods(["GET", "HEAD"])(page))),
                "a template": listed(csrf_exempt(TemplateView.as_view(template_name="x.html"))),
            },
        ),
    ],
)
def test_it_is_found_and_not_invented(kind: str, patterns: Any, expected: bool, settings: Any) -> None:
    assert (kind in facts(settings, patterns)) is expected


class Writes(Rest):
    """Asks for a login, by its permission classes."""

    def post(self, request: Request) -> Response:
        return Response()


class WithoutInitial(Writes):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.format_kwarg = self.get_format_suffix(**kwargs)
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)


class WithoutChecks(Writes):
    def check_permissions(self, request: Request) -> None:
        """For the tests of the frontend."""


class WithoutDispatch(Writes):
    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return self.post(request)


class InitialThatGoesOn(Writes):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.started = True


class InitialOfABase(Writes):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        APIView.initial(self, request, *args, **kwargs)


class InitialThatRefuses(WithoutInitial):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.kwargs:
            raise NotFound


class InitialThatHandsOn(WithoutInitial):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        counted(request)


class AsksInside(WithoutChecks):
    def post(self, request: Request) -> Response:
        if not request.user.is_authenticated:
            return Response(status=401)
        return Response()


def counted(request: Request) -> None:
    """Whatever it does."""


PASSED = {"initial": WithoutInitial, "check_permissions": WithoutChecks, "dispatch": WithoutDispatch}
HEEDED = {
    "goes on": InitialThatGoesOn, "a base's": InitialOfABase, "refuses": InitialThatRefuses,
    "hands the request on": InitialThatHandsOn, "asks inside": AsksInside, "nothing of its own": Writes,
}  # fmt: skip


@pytest.mark.parametrize("name", PASSED)
def test_a_hook_that_never_comes_to_the_permission_classes_leaves_the_view_open(
    name: str, settings: Any
) -> None:
    assert "anyone-writes" in facts(settings, listed(PASSED[name]))


@pytest.mark.parametrize("name", HEEDED)
def test_of_a_hook_that_asks_or_may_do_so_nothing_is_claimed(name: str, settings: Any) -> None:
    assert "anyone-writes" not in facts(settings, listed(HEEDED[name]))


@pytest.mark.parametrize("kind", ["anyone-writes", "anyone-reads"])
def test_django_s_own_middleware_asks_for_a_login(kind: str, settings: Any) -> None:
    assert kind in facts(settings, listed(both_ways))
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert kind not in facts(settings, listed(both_ways))
    assert kind in facts(settings, listed(Open)), "it leaves DRF's views alone"


@pytest.mark.parametrize("kind", ["anyone-writes", "anyone-reads"])
def test_a_middleware_of_the_project_may_ask_for_a_login(kind: str, settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.Times"]
    assert kind in facts(settings, listed(both_ways))
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.SignedIn"]
    assert kind not in facts(settings, listed(both_ways))
    assert kind not in facts(settings, listed(Open))


def test_it_says_which_handlers_are_meant(settings: Any) -> None:
    assert facts(settings, routed(Readable))["anyone-reads"].methods == ("list", "retrieve")
    assert facts(settings, routed(OneAction))["anyone-writes"].methods == ("subscribe",)
    assert facts(settings, listed(both_ways))["anyone-writes"].methods == ("POST",)
    assert facts(settings, listed(ByMethod))["anyone-reads"].methods == ("GET",)


def test_a_view_stands_under_its_dotted_name_and_route(settings: Any) -> None:
    fact = facts(settings, listed(open_function))["anyone-writes"]
    assert (fact.view, fact.where) == ("tests.drf.survey.test_access.open_function", "/things/")


# --- undeclared ---


class Partly(Docs):
    policy = {"list, retrieve": Public()}


class Wholly(Docs):
    policy = {"list, retrieve": Public(), "*": Authenticated()}


class ByMethodsDeclared(Open):
    policy = {"GET": Public(), "POST": Authenticated()}


class ActionsDeclared(Docs):
    policy = {"list, retrieve, create, update, partial_update, destroy": Public()}

    @action(detail=True, policy=Authenticated())
    def more(self, request: Request, pk: str) -> Response:
        return Response()


UNDECLARED = {
    "a viewset": (routed(Docs), ("list", "create", "retrieve", "update", "partial_update", "destroy")),
    "a part": (routed(Partly), ("create", "update", "partial_update", "destroy")),
    "a function": (listed(closed_function), ("GET", "POST")),
    "a plain view": (listed(reads), ("GET",)),
    "a plain form": (listed(both_ways), ("GET", "POST")),
    "a plain class": (at(OpenClass, "x/"), ("GET", "POST")),
}


@pytest.mark.parametrize("name", UNDECLARED)
def test_a_view_without_a_policy_is_told_with_what_it_lacks(name: str, settings: Any) -> None:
    patterns, lacking = UNDECLARED[name]
    assert facts(settings, patterns)["undeclared"].methods == lacking


@pytest.mark.parametrize(
    "patterns",
    [
        routed(Wholly),
        listed(ByMethodsDeclared),
        listed(Declared),
        listed(protect(policy=Public())(reads)),
        listed(protect(policy=Public())(closed_function)),
    ],
)
def test_a_declared_view_is_not_told(patterns: Any, settings: Any) -> None:
    assert "undeclared" not in facts(settings, patterns)


def test_what_is_refused_to_everybody_is_not_open(settings: Any) -> None:
    settings.STOCKADE = {"STATE": "memory://", "EVENTS": {"SINKS": ["null"]}}
    assert "anyone-writes" in facts(settings, listed(Open)), "the middleware is not there"
    settings.MIDDLEWARE = ["stockade.web.Middleware", *settings.MIDDLEWARE]
    assert set(facts(settings, listed(Open))) == {"undeclared"}
    settings.STOCKADE = {**settings.STOCKADE, "UNDECLARED": "legacy"}
    assert "anyone-writes" in facts(settings, listed(Open))
    settings.STOCKADE = {**settings.STOCKADE, "UNDECLARED": "refuse", "MODE": "report"}
    assert "anyone-writes" in facts(settings, listed(Open))


class ByDefault(APIView):
    """Its permission classes are the project's default: here ours, and before them DRF's."""

    authentication_classes = [SessionAuthentication]

    def get(self, request: Request) -> Response:
        return Response()


def test_defaults_are_judged_as_they_stood_before_ours(settings: Any) -> None:
    closed = {
        "STOCKADE_BEFORE": {"DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"]}
    }
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, **closed}
    conf.forget()
    found = facts(settings, listed(ByDefault))
    assert "anyone-reads" not in found
    assert "policy = Authenticated()" in found["undeclared"].write
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "STOCKADE_BEFORE": {}}
    conf.forget()
    found = facts(settings, listed(ByDefault))
    assert "anyone-reads" in found, "DRF's own default lets anyone in"
    assert "policy = Public()" in found["undeclared"].write
