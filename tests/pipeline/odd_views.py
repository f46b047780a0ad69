"""Views as people really write them: delegating, with slips in their declarations, or past what PolicyMixin offers."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import include, path
from django.views import View
from django.views.generic import DetailView
from rest_framework.authentication import SessionAuthentication
from rest_framework.decorators import action, api_view
from rest_framework.generics import RetrieveAPIView
from rest_framework.parsers import BaseParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.serializers import CharField, ListSerializer
from rest_framework.views import APIView, exception_handler
from rest_framework.viewsets import ModelViewSet, ViewSet

from stockade.demo.articles.models import Article
from stockade.drf.mixins import PolicyMixin
from stockade.policy import Authenticated, Nobody, Owner, Public, Role
from stockade.web import protect
from tests.pipeline.views import ArticleSerializer, change, visible


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


class Ledger(APIView):
    """Called by another view, its own rule counts."""

    policy = {"GET": Role("Admins"), "POST": Public()}
    limits = {"POST": "1/min"}

    def get(self, request: Request) -> Response:
        return Response("ledger")

    def post(self, request: Request) -> Response:
        return Response("entered")


class Drafts(PolicyMixin, ModelViewSet[Article]):
    """The same for rules about objects."""

    queryset = Article.objects.order_by("created_at", "pk")
    serializer_class = ArticleSerializer
    policy = {"list, retrieve": Owner("author"), "update, partial_update, destroy, create": change}


class Plain(APIView):
    """Has no rule of its own: that of the view which calls it has been asked."""

    def get(self, request: Request) -> Response:
        return Response("plain")


@protect(policy=Public())
def gateway(request: HttpRequest, to: str) -> HttpResponse:
    inner: Any = {"ledger": Ledger.as_view(), "plain": Plain.as_view()}[to]
    return inner(request)  # type: ignore[no-any-return]


@protect(policy=Public())
def draft_gateway(request: HttpRequest, pk: str) -> HttpResponse:
    return Drafts.as_view({"get": "retrieve", "put": "update", "delete": "destroy"})(request, pk=pk)


class Forgetful(PolicyMixin, RetrieveAPIView[Article]):
    """Fetches past the policy; its page probes whether the caller may change what it shows."""

    queryset = Article.objects.all()
    serializer_class = ArticleSerializer
    renderer_classes = [JSONRenderer, BrowsableAPIRenderer]
    policy = {"GET": visible, "PUT": change}

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(self.get_serializer(Article.objects.get(**kwargs)).data)

    def put(self, request: Request, pk: Any) -> Response:
        return Response({})


class OwnLookup(PolicyMixin, ModelViewSet[Article]):
    """Looks its objects up itself, and so asks whether they may be seen, but not whether this may be done."""

    queryset = Article.objects.all()
    serializer_class = ArticleSerializer
    visible = Public(where=Q(published=True)) | Owner("author")
    policy = {"list, retrieve": visible, "notes": Owner("author"), "audit": Role("Admins")}

    def get_object(self) -> Article:
        found: Article = get_object_or_404(self.filter_queryset(self.get_queryset()), pk=self.kwargs["pk"])
        return found

    @action(detail=True)
    def notes(self, request: Request, pk: Any) -> Response:
        return Response({"body": self.get_object().body})

    @action(detail=True)
    def audit(self, request: Request, pk: Any) -> Response:
        return Response({"body": self.get_object().body})


class Page(DetailView):  # type: ignore[type-arg] # not generic at run time
    """The same as a page of Django's own."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        seen = request.stockade.visible(Article.objects.all())  # type: ignore[attr-defined]
        return HttpResponse(get_object_or_404(seen, **kwargs).body)


page = protect(policy=Role("Admins"), visible=Public(where=Q(published=True)))(Page.as_view())


@protect(policy=Owner("author"))
def by_hand(request: HttpRequest, pk: str) -> HttpResponse:
    found: Article = get_object_or_404(Article, pk=pk)
    request.stockade.authorize(found)  # type: ignore[attr-defined]
    return HttpResponse(found.body)


class Scribbler(APIView):
    """Writes into everything that it is given."""

    policy = Authenticated()

    def get(self, request: Request) -> Response:
        auth: Any = request.auth
        found = {"user": request.user.get_username(), "scope": auth.get("scope"), "list": list(auth["list"])}
        auth.payload["scope"] = "everything"
        auth["list"].append("everything")
        request.user.username = "somebody else"
        request.user.is_superuser = True
        return Response({**found, "super": User.objects.get(pk=request.user.pk).is_superuser})


@protect(policy={"GET": Public(), "POST": Role("Admins")})
def counter(request: HttpRequest) -> HttpResponse:
    """As functions are mostly written: what is not GET must be POST."""
    if request.method == "GET":
        return HttpResponse("zero")
    return HttpResponse("counted by " + str(request.method))


@protect(policy={"GET, HEAD, OPTIONS": Public()})
def frank(request: HttpRequest) -> HttpResponse:
    return HttpResponse("read")


@protect(policy=Owner("author"))
def careless(request: HttpRequest, pk: str) -> HttpResponse:
    """Asks for the methods that it thought of."""
    found = Article.objects.get(pk=pk)
    if request.method == "GET":
        request.stockade.authorize(found)  # type: ignore[attr-defined]
    return HttpResponse(found.body)


class BulkSerializer(ListSerializer[Any]):
    def update(self, instance: Any, validated_data: Any) -> list[Article]:
        by_key = {str(one.pk): one for one in instance}
        return [self.child.update(by_key[row.pop("key")], row) for row in validated_data]  # type: ignore[union-attr]


class KeyedSerializer(ArticleSerializer):
    key = CharField(write_only=True, required=False)

    class Meta(ArticleSerializer.Meta):
        fields = ("key", *ArticleSerializer.Meta.fields)  # type: ignore[assignment]
        list_serializer_class = BulkSerializer


class Past(PolicyMixin, ModelViewSet[Article]):
    """Fetches what it changes past the policy, one or many; only what comes of it goes through a serializer."""

    queryset = Article.objects.all()
    serializer_class = KeyedSerializer
    policy = Owner("author")

    @action(detail=False, methods=["put"])
    def many(self, request: Request) -> Response:
        rows: Any = request.data
        found = Article.objects.filter(pk__in=[row["key"] for row in rows])
        return self._write(self.get_serializer(found, data=rows, many=True, partial=True))

    @action(detail=True, methods=["put"])
    def one(self, request: Request, pk: Any) -> Response:
        return self._write(self.get_serializer(Article.objects.get(pk=pk), data=request.data, partial=True))

    def _write(self, serializer: Any) -> Response:
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return Response(serializer.data)


class OwnParser(BaseParser):
    """A project's own, which is none of DRF's."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return json.loads(stream.read())


class Kept(Drafts):
    """What a project had before, untouched: nothing of `stockade.drf.defaults()`."""

    authentication_classes = [SessionAuthentication]
    permission_classes = [IsAuthenticated]
    parser_classes = [OwnParser]

    def get_exception_handler(self) -> Any:
        return exception_handler


class WhoAmI(APIView):
    policy = Authenticated()

    def get(self, request: Request) -> Response:
        return Response({"user": str(request.user), "auth": str(request.auth)})


class Shelf(ViewSet):
    """Open to readers, the rest to editors."""

    policy = {"list": Public(), "*": Role("Editors")}

    def list(self, request: Request) -> Response:
        return Response([])

    def create(self, request: Request) -> Response:
        return Response("created")


class Answering(APIView):
    """Its OPTIONS is its own, and does something."""

    policy = {"GET": Public(), "*": Role("Editors")}

    def get(self, request: Request) -> Response:
        return Response("read")

    def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response("done")


class PlainShelf(View):
    """A class of Django's."""

    policy = {"GET": Public(), "*": Role("Editors")}

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("read")

    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("written")


@protect(policy={"GET": Public(), "*": Role("Editors")})
def do_anything(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"did {request.method}")


router = SimpleRouter()
router.register("shelf", Shelf, basename="shelf")
router.register("kept", Kept, basename="kept")
router.register("past", Past, basename="past")
router.register("ownlookup", OwnLookup, basename="ownlookup")
router.register("mapped", Mapped, basename="mapped")
router.register("secretive", Secretive, basename="secretive")

urlpatterns = [
    path("", include(router.urls)),
    path("byhand/", ByHand.as_view({"get": "shelf", "post": "lend"})),
    path("first/", first),
    path("second/", second),
    path("gateway/<str:to>/", gateway),
    path("drafts/<uuid:pk>/", draft_gateway),
    path("forgetful/<uuid:pk>/", Forgetful.as_view()),
    path("page/<uuid:pk>/", page),
    path("by_hand/<uuid:pk>/", by_hand),
    path("whoami/", WhoAmI.as_view()),
    path("scribbler/", Scribbler.as_view()),
    path("counter/", counter),
    path("frank/", frank),
    path("careless/<uuid:pk>/", careless),
    path("answering/", Answering.as_view()),
    path("plain_shelf/", PlainShelf.as_view()),
    path("do_anything/", do_anything),
    path("mapped_options/", Shelf.as_view({"get": "list", "options": "create"})),
]
