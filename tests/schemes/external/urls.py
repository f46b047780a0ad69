"""Views that tell who has called."""

from __future__ import annotations

from typing import Any

from django.urls import include, path
from rest_framework.response import Response
from rest_framework.views import APIView

from stockade.policy import Authenticated, Role, Scope


class Me(APIView):
    policy = Authenticated()

    def get(self, request: Any) -> Response:
        user = getattr(request.user, "username", "") if request.user is not None else ""
        credential = request.auth
        return Response(
            {
                "user": user,
                "scheme": credential.scheme,
                "subject": credential.subject,
                "client": credential.client,
                "amr": sorted(credential.amr),
                "acr": credential.acr,
                "auth_time": credential.auth_time,
            }
        )


class Reading(APIView):
    policy = Scope("articles:read")

    def get(self, request: Any) -> Response:
        return Response({})


class Editing(APIView):
    policy = Role("Editors")

    def get(self, request: Any) -> Response:
        return Response({})


class Quiet(APIView):
    policy = Authenticated()

    def get(self, request: Any) -> Response:
        return Response({})


urlpatterns = [
    path("me/", Me.as_view()),
    path("reading/", Reading.as_view()),
    path("editing/", Editing.as_view()),
    path("quiet/", Quiet.as_view()),
    path("api/", include("stockade.drf.urls")),
]
