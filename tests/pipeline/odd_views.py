"""Views as people really write them: delegating, with slips in their declarations, or past what PolicyMixin offers."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.decorators import action, api_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import ViewSet

from stockade.policy import Authenticated, Nobody, Public, Role
from stockade.web import protect


class Mapped(ViewSet):
    """One URL, two methods, two actions, each with a rule of its own."""

    policy = {"box": Public(), "empty": Role("Admins"), "list": Public()}

    def list(self, request: Request) -> Response:
        return Response([])

    @action(detail=False)
    def box(self, request: Request) -> Response:
        return Response("box")

    @box.mapping.delete
    def empty(self, request: Request) -> Response:
        return Response("emptied")


class Secretive(ViewSet):
    """Nobody is to be told what the endpoint takes."""

    policy = {"list": Public(), "metadata": Nobody()}

    def list(self, request: Request) -> Response:
        return Response([])


class ByHand(ViewSet):
    """Its routes are written by hand, so that nothing marks their methods as actions."""

    policy = {"lend": Authenticated(), "shelf": Public()}

    def lend(self, request: Request) -> Response:
        return Response("lent")

    def shelf(self, request: Request) -> Response:
        return Response("shelf")


@protect(policy=Public(), limits="2/min")
@api_view(["GET"])
def first(request: Request) -> Response:
    return Response("first")


@protect(policy=Public(), limits="2/min")
@api_view(["GET"])
def second(request: Request) -> Response:
    return Response("second")


router = SimpleRouter()
router.register("mapped", Mapped, basename="mapped")
router.register("secretive", Secretive, basename="secretive")

urlpatterns = [
    path("", include(router.urls)),
    path("byhand/", ByHand.as_view({"get": "shelf", "post": "lend"})),
    path("first/", first),
    path("second/", second),
]
