"""Documents whose rank is the business of few, and serializers of every strictness."""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.views import SpectacularAPIView
from rest_framework import serializers
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.generics import ListAPIView
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet

from stockade.drf.filters import ListedOrderingFilter
from stockade.drf.mixins import PolicyMixin
from stockade.drf.pagination import BoundedLimitOffsetPagination, BoundedPageNumberPagination
from stockade.drf.parsers import StrictJSONParser
from stockade.drf.renderers import SafeJSONRenderer
from stockade.drf.serializers import StrictModelSerializer
from stockade.policy import Authenticated, Owner, Public, Role, Scope
from stockade.web import protect
from tests.policy_app.models import Doc, Note

PAYROLL = Role("hr") | (Scope("payroll") & Role("Machines"))


class StaffSerializer(StrictModelSerializer):
    class Meta:
        model = Doc
        fields = ("id", "title", "rank", "ceiling", "owner_text", "owner_number", "locked")
        visible = {
            "rank, ceiling": PAYROLL,
            "owner_text": Owner("author") | Role("hr"),
            "owner_number": Role("hr"),
        }
        writable = {
            "locked": Role("hr"),
            "owner_number": Authenticated(),
        }


class Pages(BoundedPageNumberPagination):
    page_size = 20
    max_page_size = 50


class Staff(PolicyMixin, ModelViewSet[Doc]):
    queryset = Doc.every.order_by("pk")
    serializer_class = StaffSerializer
    policy = Authenticated()
    pagination_class = Pages
    parser_classes = [StrictJSONParser, FormParser]
    renderer_classes = [SafeJSONRenderer, BrowsableAPIRenderer]
    filter_backends = [DjangoFilterBackend, SearchFilter, OrderingFilter]
    filterset_fields = ["rank", "title"]
    search_fields = ["title", "owner_text"]
    ordering_fields = ["title", "rank"]

    def perform_create(self, serializer: Any) -> None:
        serializer.save(author=self.request.user, keeper=self.request.user)


class StockSerializer(serializers.ModelSerializer[Doc]):
    """As a project has it that knows nothing of us."""

    class Meta:
        model = Doc
        fields = ("id", "title", "rank", "locked", "extra", "day")


class LaxSerializer(StockSerializer):
    strict = False


class Stock(PolicyMixin, ModelViewSet[Doc]):
    queryset = Doc.every.order_by("pk")
    serializer_class = StockSerializer
    policy = Authenticated()
    parser_classes = [JSONParser, FormParser, MultiPartParser]
    filter_backends = [ListedOrderingFilter]
    ordering_fields = ["title", "rank"]

    def perform_create(self, serializer: Any) -> None:
        serializer.save(author=self.request.user, keeper=self.request.user)


class Reported(Stock):
    mode = {"input": "report"}


class Lax(Stock):
    serializer_class = LaxSerializer


class Small(Stock):
    max_body = 50


class ByHand(APIView):
    """Makes its serializer by itself, without a context."""

    policy = Authenticated()

    def get(self, request: Request) -> Response:
        return Response(StaffSerializer(Doc.every.order_by("pk"), many=True).data)

    def post(self, request: Request) -> Response:
        serializer = StockSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response({})


class CamelParser(JSONParser):
    """As a project has it: names in camel case become DRF's."""

    media_type = "application/vnd.stock+json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        found = super().parse(stream, media_type, parser_context)
        return {re.sub("[A-Z]", lambda one: f"_{one[0].lower()}", name): each for name, each in found.items()}


class Camel(ByHand):
    parser_classes = [CamelParser]

    def post(self, request: Request) -> Response:
        return Response(request.data)


class ReportedCamel(Camel):
    mode = {"input": "report"}


class PutTogether(APIView):
    """Adds to what came: what it adds is its own business."""

    policy = Authenticated()

    def post(self, request: Request) -> Response:
        serializer = StockSerializer(data={**request.data, "by": "server"})
        serializer.is_valid(raise_exception=True)
        return Response({})


class Echo(APIView):
    policy = Public()
    renderer_classes = [SafeJSONRenderer]
    parser_classes = [StrictJSONParser]

    def post(self, request: Request) -> Response:
        return Response(request.data)


class Broken(APIView):
    policy = Public()

    def get(self, request: Request) -> Response:
        raise RuntimeError("SELECT secret FROM /srv/app/settings.py")


class Dump(APIView):
    """Gives out rows as they are stored."""

    policy = Public()
    renderer_classes = [SafeJSONRenderer]

    def get(self, request: Request) -> Response:
        return Response({"notes": Note.objects.values()})


@protect(policy=Public())
def quoting(request: HttpRequest) -> HttpResponse:
    """Has Django look at what was sent; a message of Django's quotes it, half a surrogate pair included."""
    raise ValidationError("%(value)s is none.", params={"value": "<script>alert(1)</script>\ud800"})


class Window(BoundedLimitOffsetPagination):
    default_limit = 10
    max_limit = 20
    max_offset = 100


class Sliced(ListAPIView[Doc]):
    policy = Public()
    queryset = Doc.every.order_by("pk")
    serializer_class = StockSerializer
    pagination_class = Window


class Schema(SpectacularAPIView):
    policy = Authenticated()


router = SimpleRouter()
for name, view in {"staff": Staff, "stock": Stock, "reported": Reported, "lax": Lax, "small": Small}.items():
    router.register(name, view, basename=name)

urlpatterns = [
    path("", include(router.urls)),
    path("by_hand/", ByHand.as_view()),
    path("camel/", Camel.as_view()),
    path("reported_camel/", ReportedCamel.as_view()),
    path("put_together/", PutTogether.as_view()),
    path("echo/", Echo.as_view()),
    path("broken/", Broken.as_view()),
    path("dump/", Dump.as_view()),
    path("quoting/", quoting),
    path("sliced/", Sliced.as_view()),
    path("schema/", Schema.as_view()),
]
