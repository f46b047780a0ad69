"""Views that every scheme is shown to, and an authenticator of the project's own."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.urls import include, path
from rest_framework.authentication import TokenAuthentication
from rest_framework.response import Response
from rest_framework.views import APIView

from stockade.policy import Authenticated, Scope


class LegacyToken(TokenAuthentication):
    """What the project had before: a token in DRF's table, under a word of its own."""

    keyword = "Legacy"


class Me(APIView):
    policy = Authenticated()

    def get(self, request: Any) -> Response:
        principal = request._request.stockade.principal
        return Response({"user": request.user.get_username(), "scheme": principal.credential.scheme})


class Reading(Me):
    policy = Authenticated() & Scope("articles:read")


class Writing(Me):
    policy = Authenticated() & Scope("articles:write")


class Broken(APIView):
    policy = Authenticated()

    def get(self, request: Any) -> Response:
        raise RuntimeError(f"a view went wrong for {request.user.pk}")


urlpatterns = [
    path("me/", Me.as_view()),
    path("reading/", Reading.as_view()),
    path("writing/", Writing.as_view()),
    path("broken/", Broken.as_view()),
    path("admin/", admin.site.urls),
    path("api/", include("stockade.drf.urls")),
]
