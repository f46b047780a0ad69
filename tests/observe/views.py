"""One view of every kind that a project may have; none knows anything of Stockade."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotModified,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import path
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView
from rest_framework.authentication import SessionAuthentication
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField, Serializer
from rest_framework.views import APIView
from rest_framework_simplejwt.views import TokenObtainPairView

from stockade.policy import Public


def plain(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("plain", headers={"X-Own": "kept"})
    response.set_cookie("own", "cookie", httponly=True)
    return response


async def coroutine(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"async": True})


def streaming(request: HttpRequest) -> HttpResponseBase:
    def parts() -> Iterator[bytes]:
        yield from (b"one ", b"two ", b"three")

    return StreamingHttpResponse(parts())


async def streaming_async(request: HttpRequest) -> HttpResponseBase:
    async def parts() -> AsyncIterator[bytes]:
        for part in (b"one ", b"two ", b"three"):
            yield part

    return StreamingHttpResponse(parts())


def breaking_stream(request: HttpRequest) -> HttpResponseBase:
    def parts() -> Iterator[bytes]:
        yield b"one "
        raise RuntimeError("in the middle")

    return StreamingHttpResponse(parts())


def file(request: HttpRequest) -> HttpResponseBase:
    return FileResponse(io.BytesIO(b"%PDF-1.7"), filename="report.pdf", as_attachment=True)


def redirect(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect("/plain/")


def not_modified(request: HttpRequest) -> HttpResponse:
    return HttpResponseNotModified()


def teapot(request: HttpRequest) -> HttpResponse:
    return HttpResponse("short and stout", status=418)


def missing(request: HttpRequest) -> HttpResponse:
    raise Http404("nothing here")


def denied(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def suspicious(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation("odd")


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("broken")


async def broken_async(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("broken")


@login_required(login_url="/login/")
def private(request: HttpRequest) -> HttpResponse:
    return HttpResponse("private")


@csrf_exempt
def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body, content_type="application/octet-stream")


def query(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"query": dict(request.GET.lists())})


class ClassBased(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("class")


class AsyncClassBased(View):
    async def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("async class")


class Api(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Response:
        return Response({"api": 1})


class Word(Serializer[Any]):
    word = CharField(max_length=3)


class ApiWrites(Api):
    def post(self, request: Request) -> Response:
        word = Word(data=request.data)
        word.is_valid(raise_exception=True)
        return Response(word.validated_data, status=201)


class ApiPrivate(APIView):
    authentication_classes = (SessionAuthentication,)
    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        return Response({"user": request.user.get_username()})


class Refusing(Api):
    def get(self, request: Request) -> Response:
        return Response({"detail": "Invalid token."}, status=401)


class Login(TokenObtainPairView):
    """A team's own, derived from the library's."""


class ApiBroken(Api):
    def get(self, request: Request) -> Response:
        raise RuntimeError("broken")


@api_view(["GET", "POST"])
@authentication_classes([])
@permission_classes([AllowAny])
def function_api(request: Request) -> Response:
    return Response({"function": True})


class Declared(Api):
    """Somebody has begun to declare."""

    policy = {"GET": Public()}

    def post(self, request: Request) -> Response:
        return Response({})


class Scoped(Api):
    """A scope of DRF's throttles, which LIMITS does not name."""

    throttle_scope = "uploads"


urlpatterns = [
    path("plain/", plain),
    path("async/", coroutine),
    path("streaming/", streaming),
    path("streaming-async/", streaming_async),
    path("breaking-stream/", breaking_stream),
    path("file/", file),
    path("redirect/", redirect),
    path("redirect-view/", RedirectView.as_view(url="/plain/")),
    path("not-modified/", not_modified),
    path("teapot/", teapot),
    path("missing/", missing),
    path("denied/", denied),
    path("suspicious/", suspicious),
    path("broken/", broken),
    path("broken-async/", broken_async),
    path("private/", private),
    path("echo/", echo),
    path("query/", query),
    path("class/", ClassBased.as_view()),
    path("async-class/", AsyncClassBased.as_view()),
    path("api/", Api.as_view()),
    path("api/writes/", ApiWrites.as_view()),
    path("api/private/", ApiPrivate.as_view()),
    path("api/refusing/", Refusing.as_view()),
    path("api/login/", Login.as_view()),
    path("api/broken/", ApiBroken.as_view()),
    path("api/function/", function_api),
    path("api/declared/", Declared.as_view()),
    path("api/scoped/", Scoped.as_view()),
]
PATHS = [f"/{pattern.pattern}" for pattern in urlpatterns]
