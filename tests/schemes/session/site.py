"""Views that browsers call: of DRF, plain, async; Django's own login, logout and admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import views as auth_views
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.response import Response
from rest_framework.views import APIView

from stockade.policy import Authenticated, Public, Role, Staff
from stockade.web.decorators import protect


class Me(APIView):
    policy = Authenticated()

    def get(self, request: Any) -> Response:
        return Response({"user": request.user.get_username(), "scheme": request.auth.scheme})

    post = put = delete = get


class Quiet(APIView):
    policy = Authenticated()

    def get(self, request: Any) -> Response:
        return Response({"user": request.user.pk})

    post = get


class Proof(APIView):
    policy = Authenticated()

    def get(self, request: Any) -> Response:
        shown = request.auth
        return Response({"amr": sorted(shown.amr), "acr": shown.acr, "auth_time": shown.auth_time})


class Editing(Quiet):
    policy = Role("Editors")


class Open(APIView):
    policy = Public()

    def get(self, request: Any) -> Response:
        credential = request.auth
        return Response({"scheme": credential.scheme if credential is not None else ""})

    post = get


@protect(policy=Authenticated())
def plain(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"user": request.user.pk})


@protect(policy=Authenticated())
async def waiting(request: HttpRequest) -> JsonResponse:
    user = await request.auser()
    seen = await request.session.aget("seen", 0)
    await request.session.aset("seen", seen + 1)
    return JsonResponse({"user": user.pk, "seen": seen})


@csrf_exempt
@protect(policy=Authenticated())
def left(request: HttpRequest) -> JsonResponse:
    """What is left of the body."""
    return JsonResponse({"left": len(request.read())})


@protect(policy=Staff())
def staff(request: HttpRequest) -> JsonResponse:
    return JsonResponse({})


@protect(policy=Public())
def message(request: HttpRequest) -> JsonResponse:
    messages.info(request, "hello")
    return JsonResponse({})


@protect(policy=Public())
def read_messages(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"messages": [str(one) for one in messages.get_messages(request)]})


@protect(policy=Public())
def visit(request: HttpRequest) -> JsonResponse:
    """Keeps something of a visitor."""
    request.session["basket"] = request.session.get("basket", 0) + 1
    return JsonResponse({"basket": request.session["basket"]})


@protect(policy=Authenticated())
def visiting(request: HttpRequest) -> JsonResponse:
    """Writes its session at each request."""
    request.session["count"] = request.session.get("count", 0) + 1
    return JsonResponse({})


urlpatterns = [
    path("visiting/", visiting),
    path("me/", Me.as_view()),
    path("quiet/", Quiet.as_view()),
    path("open/", Open.as_view()),
    path("plain/", plain),
    path("waiting/", waiting),
    path("left/", left),
    path("proof/", Proof.as_view()),
    path("editors/", Editing.as_view()),
    path("message/", message),
    path("messages/", read_messages),
    path("staff/", staff),
    path("visit/", visit),
    path(
        "accounts/login/", protect(policy=Public())(auth_views.LoginView.as_view(template_name="login.html"))
    ),
    path("accounts/logout/", protect(policy=Public())(auth_views.LogoutView.as_view(next_page="/open/"))),
    path("admin/", admin.site.urls),
    path("api/", include("stockade.drf.urls")),
]
