"""One view of each kind that a document must tell apart."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Q
from django.http import Http404
from django.urls import include, path
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework import serializers
from rest_framework.authentication import BasicAuthentication
from rest_framework.decorators import action, api_view
from rest_framework.permissions import AllowAny, IsAdminUser, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet

from stockade.drf.mixins import PolicyMixin
from stockade.policy import Assurance, Authenticated, Fresh, Owner, Public, Role, Scope
from stockade.web import protect
from tests.policy_app.models import Doc


class DocSerializer(serializers.ModelSerializer[Doc]):
    class Meta:
        model = Doc
        fields = ("id", "title")


class Word(serializers.Serializer[Any]):
    word = serializers.CharField()


class Docs(PolicyMixin, ModelViewSet[Doc]):
    """What is published is everyone's to read; the rest its author's."""

    queryset = Doc.every.order_by("pk")
    serializer_class = DocSerializer
    lookup_value_converter = "uuid"
    visible = (Public(where=Q(published=True)) | Owner("author")) & Scope("docs:read")
    policy = {
        "list, retrieve": visible,
        "create": Role("Editors") & Scope("docs:write"),
        "update, partial_update, destroy": Role("Editors") & Owner("author") & Scope("docs:write"),
    }
    limits = {"create": "1/hour"}

    def perform_create(self, serializer: serializers.BaseSerializer[Doc]) -> None:
        serializer.save(author=self.request.user, keeper=self.request.user)

    @extend_schema(request=None, responses=Word)
    @action(detail=True, methods=["post"], policy=Authenticated() & Scope("docs:print"))
    def print(self, request: Request, pk: str) -> Response:
        self.get_object()
        return Response({"word": "printed"})


class Said(APIView):
    """Declares a policy of one kind; what it takes and gives is a word."""

    serializer_class = Word
    policy: ClassVar[Any] = None

    def get(self, request: Request) -> Response:
        return Response({"word": "read"})

    def post(self, request: Request) -> Response:
        serializer = Word(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(serializer.data)


class Open(Said):
    policy = Public()


class Known(Said):
    policy = Authenticated()
    permission_classes = (AllowAny,)  # does not open what the policy closes


class Either(Said):
    policy = {
        "GET": Scope("a") & Scope("b") | Scope("c") & Role("Editors"),
        "POST": Role("Editors") | Scope("a"),
    }


class Recent(Said):
    policy = {"GET": Fresh("5m"), "POST": Role("Editors") & Assurance("mfa")}


class Numbered(APIView):
    serializer_class = Word
    policy = Authenticated()

    def get(self, request: Request, pk: int) -> Response:
        if pk != 7:
            raise Http404
        return Response({"word": "seven"})


class Undeclared(Said):
    permission_classes = (IsAuthenticated,)


class Inside(Said):
    policy = Authenticated()
    allowed_addresses = ("192.0.2.0/24",)


class Unlimited(Said):
    policy = Authenticated()
    limited = False
    cost = 3


class Costly(Said):
    policy = Authenticated()
    throttle_scope = "uploads"
    cost = 2


class Staff(Said):
    policy = Authenticated()
    permission_classes = (IsAdminUser,)


class Basic(Said):
    """Its own authenticators judge nothing where a policy does."""

    policy = Authenticated()
    authentication_classes = (BasicAuthentication,)


class Reporting(Said):
    policy = Authenticated()
    mode = "report"


class Unthrottled(Said):
    policy = Authenticated()
    mode = {"limits": "report"}


class LastWord(Said):
    """Says itself how it refuses."""

    policy = Authenticated()

    @extend_schema(
        auth=[{"own": []}],
        responses={
            200: Word,
            "4XX": OpenApiResponse(Word, description="Mine."),
        },
        parameters=[
            OpenApiParameter(
                "RateLimit", location="header", type=str, response=[200], description="My own words."
            )
        ],
        extensions={"x-stockade-limits": "mine"},
    )
    def get(self, request: Request) -> Response:
        return super().get(request)

    @extend_schema(responses={200: Word, 403: OpenApiResponse(description="Mine too.")})
    def post(self, request: Request) -> Response:
        return super().post(request)

    @extend_schema(operation={"operationId": "mine", "responses": {"200": {"description": "Whole."}}})
    def put(self, request: Request) -> Response:
        return Response()

    @extend_schema(exclude=True)
    def delete(self, request: Request) -> Response:
        return Response()


@extend_schema(request=Word, responses=Word)
@protect(policy={"GET": Public(), "POST": Role("Editors")}, limits={"POST": "7/min"})
@api_view(["GET", "POST"])
def function(request: Request) -> Response:
    return Response({"word": "function"})


@extend_schema(responses=Word)
@api_view(["GET"])
def bare(request: Request) -> Response:
    return Response({"word": "bare"})


class Schema(SpectacularAPIView):
    policy = Public()


class PrivateSchema(SpectacularAPIView):
    policy = Public()
    serve_public = False


router = SimpleRouter(use_regex_path=False)
router.register("docs", Docs)
versioned = ([path("said/", Known.as_view(), name="said")], "said")

urlpatterns = [
    path("", include(router.urls)),
    path("open/", Open.as_view()),
    path("known/", Known.as_view()),
    path("numbered/<int:pk>/", Numbered.as_view(), name="detail"),
    path("initial/", Said.as_view(policy=Role("Editors")), name="initial"),
    path("either/", Either.as_view()),
    path("recent/", Recent.as_view()),
    path("undeclared/", Undeclared.as_view()),
    path("inside/", Inside.as_view()),
    path("unlimited/", Unlimited.as_view()),
    path("costly/", Costly.as_view()),
    path("staff/", Staff.as_view()),
    path("basic/", Basic.as_view()),
    path("reporting/", Reporting.as_view()),
    path("unthrottled/", Unthrottled.as_view()),
    path("last/", LastWord.as_view()),
    path("function/", function),
    path("bare/", bare),
    path("one/", include(versioned, namespace="one")),
    path("two/", include(versioned, namespace="two")),
    path("api/", include("stockade.drf.urls")),
    path("schema/", Schema.as_view(), name="schema"),
    path("schema/own/", PrivateSchema.as_view(), name="schema-own"),
]
