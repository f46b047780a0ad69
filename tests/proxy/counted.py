"""URLs of the site whose limits the command can read without the demo's folder."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.urls import path

from stockade.policy import Public
from stockade.web import protect


@protect(policy=Public())
def counted(request: HttpRequest) -> JsonResponse:
    """One that `anon` counts."""
    return JsonResponse({})


@protect(policy=Public(), limited=False)
def told(request: HttpRequest) -> JsonResponse:
    """One that it does not."""
    return JsonResponse({})


urlpatterns = [path("counted/", counted), path("told/", told)]
