"""What every stack answers: a small JSON document that touches neither the user nor the database."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

DOCUMENT = {"id": "5d6f3a52", "title": "An article", "published": True, "tags": ["one", "two"], "reads": 1234}


class Article(APIView):
    """One read of something that the caller may see."""

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(DOCUMENT)


class Profile(APIView):
    """What the guide's own view does: it reads a field of the user."""

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response({"username": request.user.get_username()})
