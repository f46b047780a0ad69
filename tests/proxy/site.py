"""The reference API, every kind of answer, and views that tell what reached them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from stockade.demo.project.urls import urlpatterns as demo
from stockade.policy import Public
from stockade.web import protect
from tests.edge.urls import urlpatterns as kinds

_smuggled: list[str] = []


@csrf_exempt
@protect(policy=Public(), limited=False)
def told(request: HttpRequest) -> JsonResponse:
    """What reached us."""
    context = request.stockade_context  # type: ignore[attr-defined]
    return JsonResponse(
        {
            "address": context.address,
            "peer": request.META.get("REMOTE_ADDR"),
            "request_id": context.id,
            "secure": request.is_secure(),
            "host": request.get_host(),
            "path": request.get_full_path(),
            "body": len(request.body),
            "headers": {k: v for k, v in request.META.items() if k.startswith("HTTP_")},
        }
    )


@csrf_exempt
@protect(policy=Public(), limited=False)
def smuggled(request: HttpRequest) -> JsonResponse:
    """Remember that this was called by POST; tell by GET how often."""
    if request.method == "POST":
        _smuggled.append(request.get_full_path())
    return JsonResponse({"calls": _smuggled})


@protect(policy=Public())
def counted(request: HttpRequest) -> JsonResponse:
    """One that `anon` counts."""
    return JsonResponse({})


urlpatterns: list[Any] = [
    path("told/", told),
    path("smuggled/", smuggled),
    path("counted/", counted),
    *kinds,
    *demo,
]
