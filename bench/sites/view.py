"""What every stack answers: a small JSON document that touches neither the user nor the database."""

from __future__ import annotations

import functools
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

DOCUMENT = {"id": "5d6f3a52", "title": "An article", "published": True, "tags": ["one", "two"], "reads": 1234}


class Article(APIView):
    """One read of something that the caller may see."""

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(DOCUMENT)


class ArticleAfterGet(APIView):
    """The same after one GET, as one writes it with redis-py: a client for the process, its pool, its defaults."""

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if _client().get("bench:greeting") != b"hello":
            raise RuntimeError("The Redis of this run lost what was put there.")
        return Response(DOCUMENT)


@functools.cache
def _client() -> Any:
    import redis
    from django.conf import settings

    client = redis.Redis.from_url(settings.BENCH_REDIS)
    client.set("bench:greeting", "hello")
    return client


class Profile(APIView):
    """What the guide's own view does: it reads a field of the user."""

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response({"username": request.user.get_username()})
