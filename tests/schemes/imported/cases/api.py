"""One API behind simplejwt's own authenticator, at the address where ours has the list of sessions."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import path
from rest_framework.decorators import api_view, authentication_classes, permission_classes, throttle_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework_simplejwt.authentication import JWTAuthentication

from tests.schemes import simplejwt_urls


@api_view(["GET"])
@authentication_classes([JWTAuthentication])
@permission_classes([IsAuthenticated])
@throttle_classes([])
def sessions(request: HttpRequest) -> Response:
    return Response([])


urlpatterns = [path("api/sessions/", sessions), *simplejwt_urls.urlpatterns]
