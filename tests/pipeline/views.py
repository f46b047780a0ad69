"""Views of every kind, declared and undeclared, that the tests of the pipeline call."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import View
from rest_framework import serializers
from rest_framework.decorators import action, api_view
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet, ViewSet

from stockade.demo.articles.models import Article
from stockade.drf.mixins import PolicyMixin
from stockade.drf.serializers import StrictModelSerializer
from stockade.policy import Authenticated, Owner, Public, Role, Scope
from stockade.web import protect

reached: list[str] = []  # which views have run; emptied before every test


def undeclared_function(request: HttpRequest) -> HttpResponse:
    reached.append("function")
    return HttpResponse("open")


async def undeclared_async(request: HttpRequest) -> HttpResponse:
    reached.append("async")
    return HttpResponse("open")


class UndeclaredView(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        reached.append("class")
        return HttpResponse("open")


class UndeclaredAPIView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Response:
        reached.append("apiview")
        return Response({})


@api_view(["GET"])
def undeclared_api_view(request: Request) -> Response:
    reached.append("api_view")
    return Response({})


class HalfDeclared(ViewSet):
    policy = {"list": Public()}

    def list(self, request: Request) -> Response:
        return Response([])

    @action(detail=False, permission_classes=[AllowAny])
    def extra(self, request: Request) -> Response:
        reached.append("action")
        return Response({})


@protect(policy=Public())
def public(request: HttpRequest) -> HttpResponse:
    reached.append("public")
    return JsonResponse({"user": str(request.user), "authenticated": request.user.is_authenticated})


@protect(policy=Authenticated())
def private(request: HttpRequest) -> HttpResponse:
    reached.append("private")
    return JsonResponse({"user": request.user.get_username()})


@protect(policy=Authenticated())
async def private_async(request: HttpRequest) -> HttpResponse:
    user = await request.auser()
    reached.append("private_async")
    return JsonResponse({"user": str(user.pk)})


@protect(policy=Authenticated())
async def named_async(request: HttpRequest) -> HttpResponse:
    """Reads a column of the caller's row, which no event loop may fetch at first touch."""
    user = await request.auser()
    again = await request.auser()
    return JsonResponse({"user": user.get_username(), "same": user is again})


@protect(policy=Authenticated())
@api_view(["GET", "POST"])
def private_api_view(request: Request) -> Response:
    reached.append("private_api_view")
    return Response({"user": request.user.get_username(), "data": request.data})


class Me(APIView):
    policy = Authenticated()
    # What a project had before: none of it may weaken or break what the middleware found.
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Response:
        reached.append("me")
        return Response({"user": request.user.get_username(), "scheme": request.auth.scheme})


class Renewal(APIView):
    """As logins and refreshes of other packages are: what counts stands in the body."""

    policy = {"POST": Public(), "GET": Authenticated()}
    authentication_classes = ()

    def post(self, request: Request) -> Response:
        return Response({"user": str(request.user)})

    get = post


class EditorsOnly(APIView):
    policy = Role("Editors")

    def get(self, request: Request) -> Response:
        reached.append("editors")
        return Response({})


class NeedsScope(APIView):
    policy = Authenticated() & Scope("articles:write")

    def get(self, request: Request) -> Response:
        reached.append("scope")
        return Response({})


@protect(policy=Authenticated(), limits="3/min")
def three(request: HttpRequest) -> HttpResponse:
    reached.append("three")
    return HttpResponse("ok")


@protect(policy=Public(), limits={"GET": "10/min"}, cost={"GET": 4})
def dear(request: HttpRequest) -> HttpResponse:
    reached.append("dear")
    return HttpResponse("ok")


class Scoped(APIView):
    policy = Public()
    throttle_scope = "uploads"

    def get(self, request: Request) -> Response:
        return Response({})


visible = (Public(where=Q(published=True)) | Owner("author") | Role("Admins")) & Scope("articles:read")
change = (Role("Editors") & Owner("author") | Role("Admins")) & Scope("articles:write")


class ArticleSerializer(StrictModelSerializer):
    class Meta:
        model = Article
        fields = ("id", "title", "body", "published", "author")
        read_only_fields = ("id",)
        extra_kwargs = {"author": {"required": False}}


class Articles(PolicyMixin, ModelViewSet[Article]):
    queryset = Article.objects.order_by("created_at", "pk")
    serializer_class = ArticleSerializer
    visible = visible
    policy = {
        "list, retrieve": visible,
        "create": Role("Editors") & Owner("author"),
        "update, partial_update, destroy": change,
        "forgetful": change,
    }

    def perform_create(self, serializer: serializers.BaseSerializer[Article]) -> None:
        if "author" in serializer.validated_data:
            serializer.save()
        else:
            serializer.save(author=self.request.user)

    @action(detail=True, methods=["get", "post"])
    def forgetful(self, request: Request, pk: Any = None) -> Response:
        """Fetches the object past the policy and answers with it."""
        article = Article.objects.get(pk=pk)
        if request.method == "POST":
            Article.objects.filter(pk=pk).update(title="changed past the policy")
        return Response({"title": article.title})


class Bypass(ModelViewSet[Article]):
    """An object policy on a view without PolicyMixin."""

    queryset = Article.objects.all()
    serializer_class = ArticleSerializer
    policy = visible


@protect(policy=change, visible=visible)
def change_article(request: HttpRequest, pk: str) -> HttpResponse:
    article = Article.objects.get(pk=pk)
    article.title = "changed"
    article.save()
    if "ask" in request.GET:
        request.stockade.authorize(article)
    return HttpResponse("done")


@protect(policy=visible)
def titles(request: HttpRequest) -> HttpResponse:
    found = Article.objects.all()
    if "ask" in request.GET:
        found = request.stockade.visible(found)
    return JsonResponse({"titles": [article.title for article in found]})


def _look_up(value: str) -> None:
    if value.isdigit():
        with connection.cursor() as cursor:
            cursor.execute("SELECT CAST(%s AS bigint)", [int(value)])
    elif value == "many":
        raw = " OR ".join(["a.title = 'x'"] * 20_000)  # PostgreSQL flattens them; SQLite and its stack do not
        list(Article.objects.raw(f"SELECT * FROM {Article._meta.db_table} AS a WHERE {raw}"))
    else:
        Article.objects.filter(pk=value).exists()


@protect(policy=Public())
def plain_lookup(request: HttpRequest) -> HttpResponse:
    _look_up(request.GET["value"])
    return HttpResponse("found")


@protect(policy=Public())
@api_view(["GET"])
def drf_lookup(request: Request) -> Response:
    _look_up(request.query_params["value"])
    return Response("found")


@protect(policy=Public())
def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a bug of the project's own")


# -- callers whose row is gone ---------------------------------------------------------------------------------------


@protect(policy=Authenticated())
def gone_plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.username)


@protect(policy=Authenticated())
async def gone_async(request: HttpRequest) -> HttpResponse:
    from stockade.schemes.users import aload

    await aload(request.user)
    return HttpResponse(request.user.username)


class GoneView(APIView):
    policy = Authenticated()

    def get(self, request: Request) -> Response:
        return Response({"email": request.user.email})


class ReadsTheCaller:
    """A rule of a project's own that looks at a column."""

    about_objects = False

    def check(self, principal: Any, obj: Any) -> bool:
        return bool(principal.is_authenticated and principal.user.email)

    def filter(self, principal: Any) -> Q:
        return Q()


@protect(policy=ReadsTheCaller())
def gone_rule(request: HttpRequest) -> HttpResponse:
    return HttpResponse("in")


@protect(policy=Authenticated())
def gone_other(request: HttpRequest) -> HttpResponse:
    return HttpResponse(User.objects.get(username="nobody").username)
