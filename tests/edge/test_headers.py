"""Every kind of answer carries every header; single ones are changed by views and by settings."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.test import AsyncClient, Client
from django.utils.cache import patch_cache_control

import stockade
from stockade.core.errors import ConfigurationError
from stockade.edge import csp
from stockade.pipeline import registry

ALL = {
    "Strict-Transport-Security", "X-Content-Type-Options", "Referrer-Policy", "Permissions-Policy",
    "Cross-Origin-Opener-Policy", "Cross-Origin-Embedder-Policy", "Cross-Origin-Resource-Policy", "Cache-Control",
    "Content-Security-Policy", "X-Frame-Options",
}  # fmt: skip
NOBODY = "default-src 'none'; frame-ancestors 'none'"
CSP, FRAME = "Content-Security-Policy", "X-Frame-Options"
Configure = Callable[..., None]


def outer(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    """A middleware behind ours that answers some requests itself."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path == "/moved/":
            return HttpResponseRedirect("/elsewhere/")
        if request.path == "/fails/":
            raise RuntimeError("a middleware's own")
        return get_response(request)

    return middleware


KINDS: dict[str, tuple[int, str, dict[str, Any]]] = {
    "200": (200, "GET /data/", {}),
    "200 page": (200, "GET /page/", {}),
    "HEAD": (200, "HEAD /data/", {}),
    "201": (201, "POST /rest/", {}),
    "204": (204, "GET /empty/", {}),
    "302 by a middleware": (302, "GET /moved/", {}),
    "301 by APPEND_SLASH": (301, "GET /data", {}),
    "304": (304, "GET /tagged/", {"headers": {"if-none-match": '"tag"'}}),
    "304 page": (304, "GET /tagged/?page", {"headers": {"if-none-match": '"tag"', "accept": "text/html"}}),
    "400": (400, "GET /data/?access_token=str_a.b", {"headers": {"authorization": "Bearer a, Bearer b"}}),
    "400 of Django's": (400, "GET /data", {"headers": {"host": "evil.example"}}),
    "401": (401, "GET /private/", {}),
    "401 wrong": (401, "GET /private/", {"headers": {"authorization": "Bearer eyJ0.eyJ1.c2ln"}}),
    "403": (403, "GET /undeclared/", {}),
    "404": (404, "GET /nothing/", {}),
    "404 of a view": (404, "GET /static/nothing.css", {}),
    "405": (405, "DELETE /nobodys/", {}),
    "405 of DRF's": (405, "DELETE /rest/", {}),
    "413": (413, "GET /data/?status=413", {}),
    "415": (415, "POST /rest/", {"content_type": "text/xml", "data": b"<a/>"}),
    "500": (500, "GET /broken/", {}),
    "500 of a middleware": (500, "GET /fails/", {}),
    "503": (503, "GET /away/", {}),
    "OPTIONS": (200, "OPTIONS /rest/", {}),
    "streaming": (200, "GET /streaming/", {}),
    "download": (200, "GET /download/", {}),
    "static": (200, "GET /static/admin/css/base.css", {}),
    "probe": (200, "GET /healthz", {}),
}


@pytest.fixture(autouse=True)
def middlewares(project: Any) -> None:
    project.MIDDLEWARE = [*project.MIDDLEWARE, f"{__name__}.outer"]


def ask(client: Client, line: str, **extra: Any) -> Any:
    method, path = line.split()
    content = {"data": b"{}", "content_type": "application/json"} if method == "POST" else {}
    response = client.generic(method, path, secure=True, **{**content, **extra})
    if response.streaming:
        b"".join(response)  # which closes the file
    return response


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_answer_has_every_header(kind: str, client: Client) -> None:
    status, line, extra = KINDS[kind]
    response = ask(client, line, **extra)
    assert response.status_code == status
    assert ALL - set(response.headers) == set()
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in response.headers[CSP]


def test_a_limit_and_its_429_too(client: Client) -> None:
    for status in (200, 429):
        response = ask(client, "GET /once/")
        assert (response.status_code, ALL - set(response.headers)) == (status, set())


@pytest.mark.parametrize(
    "line", ["GET /data/", "GET /private/", "GET /broken/", "GET /nothing/", "GET /moved/"]
)
async def test_so_it_is_under_asgi(line: str) -> None:
    method, path = line.split()
    client = AsyncClient(raise_request_exception=False)
    response = await client.generic(method, path, secure=True)
    assert set(response.headers) >= ALL


@pytest.mark.parametrize("line", ["GET /broken/", "GET /nothing/"])
def test_djangos_own_error_pages_too(line: str, client: Client, configure: Configure) -> None:
    """In report mode for policies the 404 is Django's page, not a problem document."""
    configure(MODE={"policies": "report"})
    response = ask(client, line)
    assert response.headers["Content-Type"].startswith("text/html")
    assert ALL - set(response.headers) == set()


def test_what_a_token_opened_is_stored_nowhere(client: Client) -> None:
    token = stockade.issue(User.objects.create_user("alice")).access
    response = ask(client, "GET /private/", headers={"authorization": f"Bearer {token}"})
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")


def test_an_answer_that_sets_a_cookie_is_stored_by_nobody_else(client: Client) -> None:
    """A view says public, and a middleware adds a session's cookie: the next visitor would get it."""
    assert ask(client, "GET /cached/").headers["Cache-Control"] == "public, max-age=3600"
    response = ask(client, "GET /cached/?cookie")
    assert response.cookies["sessionid"].value == "secret"
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("words", "kept"), [({"private": True}, "private"), ({"no_store": True}, "no-store")]
)
def test_what_a_view_says_of_its_cookie_is_kept_where_it_is_safe(
    words: dict[str, bool], kept: str, client: Client, project: Any
) -> None:
    global _words
    _words = words
    project.MIDDLEWARE = [*project.MIDDLEWARE, f"{__name__}.caches"]
    assert ask(client, "GET /data/").headers["Cache-Control"] == kept


_words: dict[str, bool] = {}


def caches(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.set_cookie("a", "b")
        patch_cache_control(response, **_words)
        return response

    return middleware


# -- pages and data ----------------------------------------------------------------------------------------------------


def test_data_loads_nothing_and_is_framed_by_nobody(client: Client) -> None:
    for line in ("GET /data/", "GET /private/", "GET /nothing/", "GET /streaming/"):
        assert ask(client, line).headers[CSP] == NOBODY


def test_a_page_of_a_living_project_is_not_broken(client: Client) -> None:
    headers = ask(client, "GET /page/").headers
    assert headers[CSP] == "base-uri 'self'; object-src 'none'; frame-ancestors 'none'"
    assert headers["Cross-Origin-Embedder-Policy"] == "unsafe-none"


@pytest.mark.parametrize(
    "kind", ["text/javascript", "application/javascript; charset=utf-8", "application/xhtml+xml"]
)
def test_a_worker_may_load_what_its_page_may(kind: str, client: Client) -> None:
    assert "default-src" not in ask(client, f"GET /typed/?type={quote(kind)}").headers[CSP]


@pytest.mark.parametrize("kind", ["image/svg+xml", "text/plain", "application/pdf", "text/css", "TEXT/HTML"])
def test_nothing_else_runs_a_script(kind: str, client: Client) -> None:
    """An SVG with a script in it, opened by its address."""
    assert ask(client, f"GET /typed/?type={quote(kind)}").headers[CSP] == NOBODY


def test_a_304_does_not_put_the_policy_of_data_over_a_page(client: Client) -> None:
    """Its headers replace those of the page that the browser has stored."""
    match = {"if-none-match": '"tag"'}
    data = ask(client, "GET /tagged/", headers=match)
    assert (data.status_code, data.headers[CSP]) == (304, NOBODY)
    for told in ({"sec-fetch-dest": "document"}, {"sec-fetch-dest": "iframe"}, {"accept": "text/html,*/*"}):
        assert "default-src" not in ask(client, "GET /tagged/?page", headers={**match, **told}).headers[CSP]
    fetched = ask(client, "GET /tagged/", headers={**match, "sec-fetch-dest": "empty", "accept": "text/html"})
    assert fetched.headers[CSP] == NOBODY


# -- changed -----------------------------------------------------------------------------------------------------------


def test_what_a_view_sets_is_kept(client: Client) -> None:
    headers = ask(client, "GET /own/").headers
    assert headers[CSP] == "default-src 'self'"
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers[FRAME] == "DENY"


def test_djangos_decorators_for_frames_are_heeded(client: Client) -> None:
    """frame-ancestors counts more than X-Frame-Options: it has to say the same."""
    ours = ask(client, "GET /framed_by_us/").headers
    assert (ours[FRAME], "frame-ancestors 'self'" in ours[CSP]) == ("SAMEORIGIN", True)
    anyones = ask(client, "GET /framed_by_anyone/").headers
    assert FRAME not in anyones
    assert "frame-ancestors" not in anyones[CSP]
    assert "object-src 'none'" in anyones[CSP]


def test_djangos_settings_are_heeded(client: Client, project: Any) -> None:
    project.X_FRAME_OPTIONS = "SAMEORIGIN"
    project.SECURE_REFERRER_POLICY = ["no-referrer", "strict-origin"]
    project.SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin-allow-popups"
    project.SECURE_CONTENT_TYPE_NOSNIFF = False
    project.SECURE_HSTS_SECONDS = 63072000
    project.SECURE_HSTS_INCLUDE_SUBDOMAINS = project.SECURE_HSTS_PRELOAD = True
    headers = ask(client, "GET /page/").headers
    assert headers[FRAME] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in headers[CSP]
    assert headers["Referrer-Policy"] == "no-referrer, strict-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"
    assert "X-Content-Type-Options" not in headers
    assert headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains; preload"


def test_nothing_changes_if_djangos_middlewares_stay(client: Client, project: Any) -> None:
    before = dict(ask(client, "GET /page/").headers)
    first, *others = project.MIDDLEWARE
    project.MIDDLEWARE = [
        first,
        "django.middleware.security.SecurityMiddleware",
        *others,
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ]
    after = dict(ask(client, "GET /page/").headers)
    for headers in (before, after):
        del headers["X-Request-ID"]
    assert after == before
    assert FRAME not in ask(client, "GET /framed_by_anyone/").headers


def test_a_project_changes_single_headers(client: Client, configure: Configure) -> None:
    configure(
        HEADERS={"x-frame-options": "SAMEORIGIN", "Permissions-Policy": None, CSP: "default-src 'self'"}
    )
    headers = ask(client, "GET /page/").headers
    assert (headers[FRAME], headers[CSP]) == ("SAMEORIGIN", "default-src 'self'")
    assert "Permissions-Policy" not in headers
    assert ask(client, "GET /framed_by_us/").headers[CSP] == "default-src 'self'"


@pytest.mark.parametrize(
    "wrong",
    [
        {"X-Frame-Options": 1},
        {"A b": "c"},
        {"A": "b\r\nSet-Cookie: c=d"},
        {"A": ""},
        {"A": "b", "a": "c"},
        [],
    ],
)
def test_what_is_no_header_stops_the_start(wrong: Any, configure: Configure) -> None:
    configure(HEADERS=wrong)
    with pytest.raises(ConfigurationError, match=r"stockade\.E180"):
        registry.current()


def test_hsts_of_the_projects_own_is_sent_over_https_only(client: Client, configure: Configure) -> None:
    configure(HEADERS={"strict-transport-security": "max-age=63072000"})
    assert ask(client, "GET /data/").headers["Strict-Transport-Security"] == "max-age=63072000"
    assert "Strict-Transport-Security" not in client.get("/data/").headers


# -- nonces ------------------------------------------------------------------------------------------------------------

STRICT = {
    "default-src": ["'self'"],
    "script-src": ["'self'", "<CSP_NONCE_SENTINEL>"],
    "upgrade-insecure-requests": True,
    "report-uri": None,
    "img-src": {"data:", "'self'"},
}
WITHOUT = (
    "default-src 'self'; script-src 'self'; upgrade-insecure-requests; img-src 'self' data:; "
    "frame-ancestors 'none'"
)


@pytest.mark.parametrize("path", ["/nonce/", "/nonce/django/"])
def test_a_page_gets_a_nonce_of_its_own_each_time(path: str, client: Client, project: Any) -> None:
    project.SECURE_CSP = STRICT
    seen = set()
    for _ in range(3):
        response = ask(client, f"GET {path}")
        (nonce,) = re.findall(r"nonce='([\w-]{22})'", response.content.decode())
        assert response.headers[CSP] == WITHOUT.replace(
            "script-src 'self'", f"script-src 'self' 'nonce-{nonce}'"
        )
        seen.add(nonce)
    assert len(seen) == 3


def test_a_page_that_uses_no_nonce_has_none(client: Client, project: Any) -> None:
    project.SECURE_CSP = STRICT
    assert ask(client, "GET /page/").headers[CSP] == WITHOUT
    assert ask(client, "GET /data/").headers[CSP] == NOBODY


def test_a_304_leaves_a_stored_page_its_nonce(client: Client, project: Any) -> None:
    project.SECURE_CSP = STRICT
    response = ask(
        client, "GET /tagged/?page", headers={"if-none-match": '"tag"', "sec-fetch-dest": "document"}
    )
    assert response.status_code == 304
    assert CSP not in response.headers


def test_a_policy_that_is_only_reported(client: Client, project: Any) -> None:
    project.SECURE_CSP_REPORT_ONLY = STRICT
    response = ask(client, "GET /nonce/")
    (nonce,) = re.findall(r"nonce='([\w-]{22})'", response.content.decode())
    assert f"'nonce-{nonce}'" in response.headers["Content-Security-Policy-Report-Only"]
    assert "Content-Security-Policy-Report-Only" not in ask(client, "GET /data/").headers


def test_djangos_page_about_a_failure_keeps_its_styles(client: Client, project: Any) -> None:
    project.SECURE_CSP = STRICT
    project.DEBUG = True
    headers = ask(client, "GET /broken/").headers
    assert "script-src" not in headers[CSP]
    assert "frame-ancestors 'none'" in headers[CSP]


def test_a_view_overrides_the_policy_as_in_django_6(client: Client, project: Any) -> None:
    project.SECURE_CSP = STRICT
    assert ask(client, "GET /overridden/").headers[CSP] == "default-src data:"
    assert CSP not in ask(client, "GET /overridden/?none").headers


@pytest.mark.parametrize(
    ("config", "plain", "marked"),
    [
        ({"default-src": ["'self'"]}, "default-src 'self'", "default-src 'self'"),
        ({"script-src": [csp.NONCE]}, "", "script-src 'nonce-n'"),
        ({"a": True, "b": False, "c": None, "d": "x y"}, "a; d x y", "a; d x y"),
        (
            {"img-src": {"b:", "a:"}, "x": (csp.NONCE, "y")},
            "img-src a: b:; x y",
            "img-src a: b:; x 'nonce-n' y",
        ),
        ({"script-src": csp.NONCE}, "", "script-src 'nonce-n'"),
    ],
)
def test_a_policy_is_written_alike_on_every_django(config: csp.Config, plain: str, marked: str) -> None:
    assert (csp.build(config), csp.build(config, "n")) == (plain, marked)
    assert (csp._render(config, None), csp._render(config, "n")) == (plain, marked)


# -- MODE --------------------------------------------------------------------------------------------------------------


def test_headers_have_a_word_of_their_own_in_mode(client: Client, configure: Configure) -> None:
    configure(MODE={"edge": "report"})
    headers = ask(client, "GET /page/").headers
    assert not (ALL & set(headers))
    assert "X-Request-ID" in headers
    configure(MODE={"policies": "report", "limits": "report", "input": "report"})
    assert ALL - set(ask(client, "GET /page/").headers) == set()
    configure(MODE="report")
    assert not (ALL | {"X-Request-ID"}) & set(ask(client, "GET /page/").headers)


async def test_without_a_setting_no_header_is_touched(project: Any) -> None:
    del project.STOCKADE
    for method, path in (("GET", "/page/"), ("GET", "/nothing/"), ("GET", "/broken/")):
        client = Client(raise_request_exception=False)
        response = await sync_to_async(client.generic)(method, path, secure=True)
        assert not ALL & set(response.headers)
