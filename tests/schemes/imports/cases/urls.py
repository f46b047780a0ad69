"""Our views, and the packages' own, which old code may go on using."""

from __future__ import annotations

from typing import Any

from django.urls import include, path
from rest_framework.authtoken.views import ObtainAuthToken
from rest_framework.response import Response
from rest_framework.views import APIView

from stockade.policy import Authenticated, Public


class Me(APIView):
    policy = Authenticated()

    def get(self, request: Any) -> Response:
        return Response({"user": request.user.get_username(), "scheme": request.auth.scheme})


class OldLogin(ObtainAuthToken):
    policy = Public()


urlpatterns = [
    path("me/", Me.as_view()),
    path("old-login/", OldLogin.as_view()),
    path("api/", include("stockade.drf.urls")),
]
