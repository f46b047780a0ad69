"""The smallest site: enough to see that a real server reads the database of the test that started it."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path


def users(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"users": list(get_user_model().objects.values_list("username", flat=True))})


urlpatterns = [path("users", users)]


def __getattr__(name: str) -> object:
    """Build the application when a server asks for it: importing this module as a URLconf must not."""
    if name not in {"wsgi", "asgi"}:
        raise AttributeError(name)
    import django
    from django.conf import settings

    settings.ROOT_URLCONF = __name__
    django.setup()
    return WSGIHandler() if name == "wsgi" else ASGIHandler()
