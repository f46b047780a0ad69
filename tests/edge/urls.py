"""One view for every kind of answer."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import django
from django.contrib.staticfiles.views import serve
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from django.template import engines
from django.urls import path
from django.views.decorators.cache import cache_control
from django.views.decorators.clickjacking import xframe_options_exempt, xframe_options_sameorigin
from django.views.decorators.http import etag
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from stockade.core.errors import Unavailable
from stockade.policy import Authenticated, Public, Role
from stockade.web import protect
from stockade.web.health import healthz

PAGE = "<!doctype html><title>Page</title>"
# Django 6's own, where there is one.
PROCESSOR = (
    "django.template.context_processors.csp" if django.VERSION >= (6, 0) else "stockade.edge.csp.nonce"
)
open_to_all = protect(policy=Public())


@open_to_all
def data(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"a": 1}, status=int(request.GET.get("status", 200)))


@open_to_all
def typed(request: HttpRequest) -> HttpResponse:
    return HttpResponse("1", content_type=request.GET["type"])


@open_to_all
def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204)


@open_to_all
def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PAGE)


def _with_nonce(processor: str) -> Callable[[HttpRequest], HttpResponse]:
    def view(request: HttpRequest) -> HttpResponse:
        template = engines["django"].from_string(f"{PAGE}<script nonce='{{{{ csp_nonce }}}}'>1</script>")
        from django.utils.module_loading import import_string

        return HttpResponse(template.render(import_string(processor)(request), request))

    return open_to_all(view)


@open_to_all
def overridden(request: HttpRequest) -> HttpResponse:
    """As Django 6's `csp_override` leaves it."""
    response = HttpResponse(PAGE)
    response._csp_config = {"default-src": "data:"} if "none" not in request.GET else {}  # type: ignore[attr-defined]
    return response


@open_to_all
@etag(lambda request: '"tag"')
@cache_control(no_cache=True)
def tagged(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PAGE) if "page" in request.GET else JsonResponse({})


@open_to_all
@xframe_options_exempt
def framed_by_anyone(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PAGE)


@open_to_all
@xframe_options_sameorigin
def framed_by_us(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PAGE)


@open_to_all
@cache_control(public=True, max_age=3600)
def cached(request: HttpRequest) -> HttpResponse:
    response = JsonResponse({})
    if "cookie" in request.GET:
        response.set_cookie("sessionid", "secret")
    return response


@open_to_all
def session(request: HttpRequest) -> HttpResponse:
    request.session["a"] = "b"
    return JsonResponse({})


@open_to_all
def own(request: HttpRequest) -> HttpResponse:
    headers = {
        "Content-Security-Policy": "default-src 'self'",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Referrer-Policy": "no-referrer",
    }
    return HttpResponse(PAGE, headers=headers)


@open_to_all
def streaming(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([b"a", b"b"]), content_type="text/plain")


@open_to_all
def download(request: HttpRequest) -> FileResponse:
    return FileResponse(BytesIO(b"a"), filename="a.bin")


@open_to_all
def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("broken")


@open_to_all
def away(request: HttpRequest) -> HttpResponse:
    raise Unavailable()


@protect(policy=Authenticated())
def private(request: HttpRequest) -> HttpResponse:
    return JsonResponse({})


@protect(policy=Public(), limits="1/day")
def once(request: HttpRequest) -> HttpResponse:
    return JsonResponse({})


@protect(policy={"GET": Public(), "POST": Role("Editors")})
def nobodys(request: HttpRequest) -> HttpResponse:
    return JsonResponse({})


@protect(policy=Public())
@api_view(["GET", "POST"])
def rest(request: Request) -> Response:
    return Response({"got": str(request.data)}, status=201 if request.method == "POST" else 200)


@open_to_all
def static(request: HttpRequest, name: str) -> HttpResponseBase:
    return serve(request, name, insecure=True)


def undeclared(request: HttpRequest) -> HttpResponse:
    return JsonResponse({})


urlpatterns: list[Any] = [
    path("data/", data),
    path("empty/", empty),
    path("typed/", typed),
    path("page/", page, name="page"),
    path("nonce/", _with_nonce("stockade.edge.csp.nonce")),
    path("nonce/django/", _with_nonce(PROCESSOR)),
    path("overridden/", overridden),
    path("tagged/", tagged),
    path("framed_by_anyone/", framed_by_anyone),
    path("framed_by_us/", framed_by_us),
    path("cached/", cached),
    path("own/", own),
    path("session/", session),
    path("streaming/", streaming),
    path("download/", download),
    path("broken/", broken),
    path("away/", away),
    path("private/", private),
    path("once/", once),
    path("nobodys/", nobodys),
    path("rest/", rest),
    path("static/<path:name>", static),
    path("undeclared/", undeclared),
    path("healthz", healthz),
]
