"""The credential views, and one that an access token opens."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from stockade.policy import Authenticated
from stockade.web.decorators import protect


@protect(policy=Authenticated())
def private(request: HttpRequest) -> HttpResponse:
    return HttpResponse("private")


urlpatterns = [path("private/", private), path("api/", include("stockade.drf.urls"))]
