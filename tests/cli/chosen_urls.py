"""A project with one view that asks for a scope, and our own."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from stockade.policy import Authenticated, Scope
from stockade.web.decorators import protect


@protect(policy=Authenticated() & Scope("things:read"))
def things(request: HttpRequest) -> HttpResponse:
    return HttpResponse("things")


urlpatterns = [path("things/", things), path("api/", include("stockade.drf.urls"))]
