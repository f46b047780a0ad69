"""A small project behind the files of deploy/: it tells what reached it."""

from __future__ import annotations

import os
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from stockade.policy import Authenticated, Public
from stockade.web import protect
from stockade.web.health import healthz, readyz


@csrf_exempt
@protect(policy=Public(), limited=False)
def echo(request: HttpRequest) -> JsonResponse:
    context = request.stockade_context  # type: ignore[attr-defined]
    return JsonResponse(
        {
            "address": context.address,
            "request_id": context.id,
            "secure": request.is_secure(),
            "host": request.get_host(),
            "pid": os.getpid(),
            "body": len(request.body),
            "headers": {k: v for k, v in request.META.items() if k.startswith("HTTP_")},
        }
    )


@protect(policy=Authenticated())
@api_view(["GET"])
def whoami(request: Request) -> Response:
    return Response({"username": request.user.get_username()})


urlpatterns: list[Any] = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("echo", echo),
    path("whoami", whoami),
    path("api/", include("stockade.drf.urls")),
]
