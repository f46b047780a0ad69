"""`@protect` where no URL sees it: written to close a view, it would leave it as open as it was, unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, JsonResponse
from django.test import Client
from django.urls import clear_url_caches, include, path
from django.utils.decorators import method_decorator
from django.views import View
from rest_framework.decorators import action, api_view, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from stockade.pipeline import judged
from stockade.policy import Public, Role
from stockade.web import protect

Configure = Callable[..., None]
for_admins = protect(policy=Role("Admins"))


@api_view(["POST"])
@permission_classes([AllowAny])
@for_admins
def below(request: Request) -> Response:
    return Response({"wiped": True})


@for_admins
@api_view(["POST"])
def above(request: Request) -> Response:
    return Response({"wiped": True})


class OnMethod(APIView):
    permission_classes = [AllowAny]

    @method_decorator(for_admins)
    def post(self, request: Request) -> Response:
        return Response({"wiped": True})


class OnAsyncMethod(View):
    @method_decorator(for_admins)
    async def post(self, request: HttpRequest) -> JsonResponse:
        return JsonResponse({"wiped": True})


class OnAction(ViewSet):
    permission_classes = [AllowAny]

    @action(detail=False, methods=["post"])
    @method_decorator(for_admins)
    def wipe(self, request: Request) -> Response:
        return Response({"wiped": True})


@method_decorator(for_admins, name="dispatch")
class OnDispatch(APIView):
    def post(self, request: Request) -> Response:
        return Response({"wiped": True})


router = SimpleRouter()
router.register("things", OnAction, basename="thing")
UNSEEN = {
    "below api_view": (path("here/", below), "above @api_view"),
    "a method": (path("here/", OnMethod.as_view()), "policy = {...}"),
    "an async method": (path("here/", OnAsyncMethod.as_view()), "policy = {...}"),
    "an action": (path("", include(router.urls)), "policy = {...}"),
}


@pytest.fixture
def routed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    from tests.pipeline import urls

    def route(*patterns: Any) -> None:
        monkeypatch.setattr(urls, "urlpatterns", list(patterns))
        clear_url_caches()

    yield route
    monkeypatch.undo()
    clear_url_caches()


@pytest.mark.parametrize("undeclared", ["legacy", "refuse"])
@pytest.mark.parametrize("kind", UNSEEN)
def test_it_stops_the_start_and_says_where_it_belongs(
    kind: str, undeclared: str, routed: Callable[..., None], configure: Configure, anonymous: Client
) -> None:
    pattern, told = UNSEEN[kind]
    routed(pattern)
    configure(UNDECLARED=undeclared)
    (found,) = [finding for finding in judged.view_findings() if finding.id == "stockade.E010"]
    assert told in found.hint
    with pytest.raises(ImproperlyConfigured, match=r"stockade\.E010"):
        anonymous.post("/here/")


def test_where_it_is_seen_it_holds(
    routed: Callable[..., None], configure: Configure, anonymous: Client
) -> None:
    routed(path("above/", above), path("dispatch/", OnDispatch.as_view()))
    configure(UNDECLARED="legacy")
    assert [anonymous.post(f"/{name}/").status_code for name in ("above", "dispatch")] == [401, 401]


def test_views_of_a_package_that_guards_itself_are_told_at_once(
    routed: Callable[..., None], configure: Configure
) -> None:
    from django.contrib import admin

    routed(
        path("admin/", admin.site.urls),
        path("mine/", protect(policy=Public())(lambda request: JsonResponse({}))),
    )
    configure(EXEMPT=[])
    (found,) = [finding for finding in judged.view_findings() if finding.id == "stockade.W010"]
    assert "views of admin (admin/ and so on)" in found.message
    assert '"EXEMPT": ["admin"]' in found.hint
