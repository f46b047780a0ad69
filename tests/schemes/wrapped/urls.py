"""Our views, the admin, and a view that says who calls."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from stockade.policy import Authenticated
from stockade.web.decorators import protect


@protect(policy=Authenticated())
def whoami(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


urlpatterns = [
    path("api/", include("stockade.drf.urls")),
    path("whoami/", whoami),
    path("admin/", admin.site.urls),
]
