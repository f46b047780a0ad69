"""A project whose policies ask for no scope, and our own views."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from stockade.policy import Authenticated
from stockade.web.decorators import protect


@protect(policy=Authenticated())
def things(request: HttpRequest) -> HttpResponse:
    return HttpResponse("things")


urlpatterns = [path("things/", things), path("api/", include("stockade.drf.urls"))]
