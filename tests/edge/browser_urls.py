"""What the project that a browser attacks serves. Its caller is known by a cookie that goes with everything."""

from __future__ import annotations

from base64 import b64decode

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import engines
from django.urls import path
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from stockade.edge import csrf
from stockade.edge.csp import nonce
from stockade.policy import Authenticated, Public
from stockade.web import protect

if getattr(settings, "OFF", False):  # the control that is no setting
    csrf.require_no_stranger = lambda request: None

written: list[str] = []
PICTURE = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


class OfACookie(BaseAuthentication):
    """A project's own."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        name = request.COOKIES.get("who", "")
        return (User.objects.get(username=name), None) if name else None


@protect(policy=Public())
def login(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("<!doctype html><title>Logged in</title>")
    response.set_cookie("who", request.GET["who"], secure=True, httponly=True, samesite="None")
    return response


@protect(policy=Authenticated())
def me(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"who": request.user.get_username()})


@protect(policy=Public())
def public(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"weather": "fine"})


@protect(policy=Authenticated())
def write(request: HttpRequest) -> JsonResponse:
    if request.method == "POST":
        written.append(request.user.get_username())
    return JsonResponse({"written": written})


@protect(policy=Public())
def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<!doctype html><title>Transfer</title><button>Give everything away</button>")


@protect(policy=Public())
def upload(request: HttpRequest) -> HttpResponse:
    """What a user has uploaded as text, with a type or with none."""
    response = HttpResponse(request.GET["text"], content_type="text/plain")
    if "untyped" in request.GET:
        del response.headers["Content-Type"]
    return response


@protect(policy=Public())
def picture(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PICTURE, content_type="image/gif")


@protect(policy=Public())
def echo(request: HttpRequest) -> HttpResponse:
    """A page that forgets to escape."""
    source = (
        "<!doctype html><p id=p></p>{{ text|safe }}"
        "<script nonce='{{ csp_nonce }}'>document.getElementById('p').textContent = 'own'</script>"
    )
    context = {**nonce(request), "text": request.GET.get("text", "")}
    return HttpResponse(engines["django"].from_string(source).render(context, request))


@protect(policy=Public())
def worker(request: HttpRequest) -> HttpResponse:
    text = "fetch('/public/').then((r) => r.text(), String).then((text) => postMessage(text))"
    return HttpResponse(text, content_type="text/javascript")


urlpatterns = [
    path("worker.js", worker),
    path("login/", login),
    path("me/", me),
    path("public/", public),
    path("write/", write),
    path("page/", page),
    path("upload/", upload),
    path("picture/", picture),
    path("echo/", echo),
]
