"""URLs of the cases."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path

from stockade.policy import Assurance, Authenticated, Fresh
from stockade.web import protect


def _me(request: HttpRequest) -> JsonResponse:
    exchange: Any = request
    credential = exchange.stockade.principal.credential
    return JsonResponse(
        {
            "user": request.user.get_username(),
            "scheme": credential.scheme,
            "amr": sorted(credential.amr),
            "auth_time": credential.auth_time,
        }
    )


def _done(request: HttpRequest) -> HttpResponse:
    return HttpResponse("done")


urlpatterns = [
    path("me/", protect(policy=Authenticated())(_me)),
    path("fresh/", protect(policy=Fresh("5m"))(_done)),
    path("mfa/", protect(policy=Assurance("mfa"))(_done)),
    path("phishing/", protect(policy=Assurance("phishing_resistant"))(_done)),
    path("accounts/", include("allauth.urls")),
    path("_allauth/", include("allauth.headless.urls")),
    path("api/", include("stockade.drf.urls")),
    path("api/", include("stockade.contrib.allauth.urls")),
]
