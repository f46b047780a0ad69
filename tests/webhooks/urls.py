"""Views that take messages: of DRF, plain, async, by hand, and one whose URL names the source."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.parsers import FormParser, JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from stockade import webhooks
from stockade.policy import Public, Role
from stockade.web import protect, signed
from stockade.webhooks import Signed

taken: list[Any] = []
outcome = [204]  # what the views answer with; an exception is raised


def _work(request: Any) -> int:
    message = request.webhook
    taken.append((message.source, message.id, message.body))
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


class Hook(APIView):
    policy = {"POST": Signed(url="source")}
    parser_classes = [JSONParser, FormParser]

    def post(self, request: Request, source: str) -> Response:
        assert request.user.is_anonymous
        principal = request._request.stockade.principal
        assert (principal.kind.value, principal.subject, request.auth.scheme) == (
            "service",
            source,
            "webhook",
        )
        data = request.data
        assert data
        return Response(status=_work(request))


class Plain(APIView):
    """Reads no data: bodies that are neither JSON nor a form."""

    policy = {"POST": Signed(url="source")}

    def post(self, request: Request, source: str) -> Response:
        assert request._request.body == request.webhook.body
        return Response(status=_work(request))


@signed("github")
def plain(request: HttpRequest) -> HttpResponse:
    assert request.body == request.webhook.body  # type: ignore[attr-defined]
    return HttpResponse(status=_work(request))


@signed("standard")
async def coroutine(request: HttpRequest) -> HttpResponse:
    assert request.body == request.webhook.body  # type: ignore[attr-defined]
    return HttpResponse(status=_work(request))


@signed("twilio")
def form(request: HttpRequest) -> HttpResponse:
    return JsonResponse(dict(request.POST.lists()), status=_work(request))


@csrf_exempt
@protect(policy={"POST": Public()}, limited=False)
def by_hand(request: HttpRequest) -> HttpResponse:
    with webhooks.receive(request, request.GET["source"]) as message:
        taken.append((message.source, message.id, message.body))
        if isinstance(outcome[0], Exception):
            raise outcome[0]
    return HttpResponse(status=204)


class Both(APIView):
    policy = {"POST": Signed("github") & Role("Admins")}

    def post(self, request: Request) -> Response:
        return Response(status=_work(request))


urlpatterns = [
    path("hooks/<slug:source>/", Hook.as_view()),
    path("raw/<slug:source>/", Plain.as_view()),
    path("plain/", plain),
    path("async/", coroutine),
    path("form/", form),
    path("by-hand/", by_hand),
    path("both/", Both.as_view()),
]
