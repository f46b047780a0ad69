"""Mixes of schemes that the guide warns of are told by `check --deploy`, and those that it recommends are not."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path

import stockade.drf
from stockade.checks import check_deploy
from stockade.policy import Authenticated, Scope
from stockade.web.decorators import protect

HERE = "tests.pipeline.odd_authenticators"
DRF = "rest_framework.authentication"
MIXES = {f"stockade.W26{number}" for number in range(9)}


@protect(policy=Authenticated())
def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@protect(policy=Authenticated() & Scope("things:read"))
def scoped(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


class Scoped:
    """A URL conf with a view that asks for a scope."""

    urlpatterns = [path("plain/", plain), path("scoped/", scoped)]


class Unscoped:
    """One without."""

    urlpatterns = [path("plain/", plain)]


@pytest.fixture
def told(project: Any) -> Any:
    """What the checks say of these settings of STOCKADE, among the mixes."""

    def tell(urls: Any = Scoped, **keys: Any) -> list[str]:
        project.ROOT_URLCONF = urls
        project.STOCKADE = {"STATE": "memory://", "EVENTS": {"SINKS": ["null"]}, **keys}
        return sorted(one.id.removeprefix("stockade.") for one in check_deploy() if one.id in MIXES)

    project.MIDDLEWARE = [
        "stockade.web.Middleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ]
    project.SESSION_ENGINE = "stockade.schemes.session"
    return tell


@pytest.mark.parametrize(
    "schemes",
    [
        ["jwt"],
        ["token"],
        ["api_key"],
        ["session", "jwt"],
        ["jwt", "token", "api_key"],
        [f"{HERE}.ByHeader", "jwt"],
    ],
    ids=" ".join,
)
def test_what_the_guide_recommends_is_not_told_of(told: Any, schemes: list[str]) -> None:
    assert told(SCHEMES=schemes) == []


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"SCHEMES": ["jwt"], "JWT": {"ACCESS_LIFETIME": "2h"}}, ["W260"]),
        ({"SCHEMES": ["jwt"], "JWT": {"ACCESS_LIFETIME": "1h"}}, []),
        ({"SCHEMES": ["token"], "JWT": {"ACCESS_LIFETIME": "2h"}}, []),
        ({"SCHEMES": ["token"], "TOKEN": {"LIFETIME": None}}, ["W261"]),
        ({"SCHEMES": ["api_key"], "API_KEY": {"LIFETIME": None}}, ["W261"]),
        ({"SCHEMES": ["jwt"], "API_KEY": {"LIFETIME": None}}, []),
    ],
    ids=["long", "an hour", "no jwt", "token", "key", "no key"],
)
def test_what_is_good_for_long_is_told(told: Any, keys: dict[str, Any], found: list[str]) -> None:
    assert told(**keys) == found


@pytest.mark.parametrize(
    ("classes", "keys", "found"),
    [
        (None, {"UNDECLARED": "legacy"}, ["W262"]),
        (["rest_framework.permissions.AllowAny"], {"UNDECLARED": "legacy"}, ["W262"]),
        ([], {"UNDECLARED": "legacy"}, ["W262"]),
        (["rest_framework.permissions.IsAuthenticated"], {"UNDECLARED": "legacy"}, []),
        (["rest_framework.permissions.AllowAny"], {}, []),
    ],
    ids=["default", "AllowAny", "none", "IsAuthenticated", "refused anyway"],
)
def test_a_default_that_lets_anybody_in_is_told(
    told: Any, project: Any, classes: Any, keys: dict[str, Any], found: list[str]
) -> None:
    before = {} if classes is None else {"DEFAULT_PERMISSION_CLASSES": classes}
    project.REST_FRAMEWORK = {**before, **stockade.drf.defaults(before)}
    assert told(SCHEMES=["jwt"], **keys) == found


def test_keys_that_no_scope_bounds_and_scopes_that_bound_nobody_are_told(told: Any) -> None:
    assert told(Unscoped, SCHEMES=["jwt", "api_key"]) == ["W263"]
    assert told(Unscoped, SCHEMES=["jwt"]) == []
    assert told(Scoped, SCHEMES=["session"]) == ["W264"]
    assert told(Scoped, SCHEMES=["session", "api_key"]) == []


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (f"{DRF}.BasicAuthentication", "W265"),
        (f"{HERE}.Basic", "W265"),
        (f"{HERE}.Unguarded", "W266"),
        (f"{HERE}.Guarded", ""),
        (f"{DRF}.SessionAuthentication", ""),
        (f"{DRF}.TokenAuthentication", ""),
        (f"{HERE}.ByCookie", "W267"),
        (f"{HERE}.ByGuardedCookie", ""),
        (f"{HERE}.ByQuery", "W268"),
        (f"{HERE}.ByHeader", ""),
    ],
)
def test_an_authenticator_that_the_guide_warns_of_is_told(told: Any, path: str, found: str) -> None:
    assert told(SCHEMES=["jwt", path]) == ([found] if found else [])


@pytest.mark.parametrize(
    ("auth", "found"),
    [
        ({}, []),
        ({"JWT_AUTH_COOKIE": "jwt"}, ["W267"]),
        ({"JWT_AUTH_COOKIE": "jwt", "JWT_AUTH_COOKIE_USE_CSRF": True}, []),
    ],
    ids=["header", "cookie", "guarded"],
)
def test_the_cookie_of_dj_rest_auth_is_told_where_it_checks_nothing(
    told: Any, project: Any, auth: dict[str, Any], found: list[str]
) -> None:
    project.REST_AUTH = auth
    assert told(SCHEMES=["jwt", "dj_rest_auth.jwt_auth.JWTCookieAuthentication"]) == found


def test_basic_authentication_over_plain_http_says_who_reads_it(told: Any, project: Any) -> None:
    told(SCHEMES=["jwt", f"{DRF}.BasicAuthentication"])
    (message,) = [one.msg for one in check_deploy() if one.id == "stockade.W265"]
    assert "plain HTTP" in message
    project.STOCKADE = {**project.STOCKADE, "PLAIN_HTTP": "refuse"}
    (message,) = [one.msg for one in check_deploy() if one.id == "stockade.W265"]
    assert "plain HTTP" not in message
