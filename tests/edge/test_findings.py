"""What the checks say of the edge: each names the setting, what it risks, and what to write."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.safestring import mark_safe
from django.views.decorators.csrf import csrf_exempt

import stockade.edge
from stockade.edge.cors import MIDDLEWARE as LIBRARY
from stockade.edge.origins import reflects
from stockade.pipeline.start import findings, refuse_to_start
from stockade.pipeline.weak import CSRF, SECURITY, weak_findings
from stockade.policy import Authenticated, Public
from stockade.web import protect
from tests.servers import ROOT

OURS = re.compile(r"stockade\.(W1[6-9]\d|E18[3-9]|E19\d)")
Find = Callable[..., dict[str, str]]


@pytest.fixture(autouse=True)
def hardened(project: Any) -> None:
    """What a hardened project has, so that a test weakens one thing."""
    for name, value in stockade.edge.settings("browser", ALLOWED_HOSTS=["testserver"]).items():
        setattr(project, name, value)
    project.MIDDLEWARE = [*project.MIDDLEWARE, CSRF]


@pytest.fixture
def find(project: Any) -> Find:
    """The checks that speak of the edge, by id, after a change of Django's settings or (`stockade=`) of ours."""

    def found(stockade: dict[str, Any] | None = None, **given: Any) -> dict[str, str]:
        project.STOCKADE = {**project.STOCKADE, **(stockade or {})}
        for name, value in given.items():
            setattr(project, name, value)
        listed = [*findings(), *weak_findings()]
        return {one.id: f"{one.message} {one.hint}" for one in listed if OURS.match(one.id)}

    return found


@pytest.mark.parametrize("profile", ["api", "browser", "internal"])
def test_a_hardened_project_has_nothing_to_hear(profile: str, find: Find, project: Any) -> None:
    for name, value in stockade.edge.settings(profile).items():
        setattr(project, name, value)
    assert find() == {}


WEAK: dict[str, tuple[str, dict[str, Any]]] = {
    "hsts for a day": (
        "W180 SECURE_HSTS_SECONDS 31536000",
        {"SECURE_HSTS_SECONDS": 86400, "SECURE_HSTS_PRELOAD": False},
    ),
    "no hsts": ("W181 HSTS way", {"stockade": {"HSTS": False}}),
    "no subdomains": (
        "W182 SECURE_HSTS_INCLUDE_SUBDOMAINS cookies",
        {"SECURE_HSTS_INCLUDE_SUBDOMAINS": False, "SECURE_HSTS_PRELOAD": False},
    ),
    "preload without": (
        "W183 SECURE_HSTS_PRELOAD lists",
        {"SECURE_HSTS_INCLUDE_SUBDOMAINS": False, "STOCKADE_PROFILE": "internal"},
    ),
    "plain http": ("W184 PLAIN_HTTP token refuse", {"stockade": {"PLAIN_HTTP": "serve"}}),
    "django redirects calls": (
        "W185 SECURE_SSL_REDIRECT token PLAIN_HTTP",
        {
            "stockade": {"PLAIN_HTTP": "serve"},
            "SECURE_SSL_REDIRECT": True,
            "MIDDLEWARE": ["stockade.web.Middleware", SECURITY],
        },
    ),
    "proxies without the header": (
        "W186 SECURE_PROXY_SSL_HEADER refused HTTP_X_FORWARDED_PROTO",
        {"stockade": {"TRUSTED_PROXIES": ["10.0.0.11/32"]}},
    ),
    "header of everybody": (
        "W187 SECURE_PROXY_SSL_HEADER everybody TRUSTED_PROXIES",
        {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")},
    ),
    "header left out": (
        "W188 X-Content-Type-Options script",
        {"stockade": {"HEADERS": {"X-Content-Type-Options": None}}},
    ),
    "sniffing": ("W189 SECURE_CONTENT_TYPE_NOSNIFF script", {"SECURE_CONTENT_TYPE_NOSNIFF": False}),
    "no referrer policy": ("W190 SECURE_REFERRER_POLICY addresses", {"SECURE_REFERRER_POLICY": None}),
    "whole referrers": ("W190 unsafe-url addresses same-origin", {"SECURE_REFERRER_POLICY": "no-referrer, unsafe-url"}),
    "no opener policy": (
        "W191 SECURE_CROSS_ORIGIN_OPENER_POLICY window",
        {"SECURE_CROSS_ORIGIN_OPENER_POLICY": "unsafe-none"},
    ),
    "frames": ("W192 X_FRAME_OPTIONS frame DENY", {"X_FRAME_OPTIONS": "ALLOW-FROM https://a.example"}),
    "session anywhere": ("W193 SESSION_COOKIE_SAMESITE Lax", {"SESSION_COOKIE_SAMESITE": "None"}),
    "csrf anywhere": ("W193 CSRF_COOKIE_SAMESITE Lax", {"CSRF_COOKIE_SAMESITE": False}),
    "session for hosts below": (
        "W194 SESSION_COOKIE_DOMAIN None",
        {"SESSION_COOKIE_DOMAIN": ".example.com", "SESSION_COOKIE_NAME": "sessionid"},
    ),
    "inline scripts": (
        "W170 SECURE_CSP 'unsafe-inline' NONCE",
        {"SECURE_CSP": {"script-src": ["'unsafe-inline'"], "object-src": "'none'", "base-uri": "'none'"}},
    ),
    "eval": (
        "W170 'unsafe-eval'",
        {"SECURE_CSP": {"default-src": ["'self'", "'unsafe-eval'"], "object-src": "'none'", "base-uri": "'none'"}},
    ),
    "any script": ("W170 anywhere", {"SECURE_CSP": {"object-src": ["'none'"], "base-uri": ["'none'"]}}),
    "plug-ins": ("W171 object-src", {"SECURE_CSP": {"script-src": ["'self'"], "base-uri": ["'none'"]}}),
    "base": ("W171 base-uri", {"SECURE_CSP": {"default-src": ["'self'"]}}),
    "development": ("W176 STOCKADE_PROFILE", {"STOCKADE_PROFILE": "development"}),
    # CORS
    "everybody with cookies": (
        "W160 CORS_ALLOW_ALL_ORIGINS CORS_ALLOWED_ORIGINS",
        {
            "MIDDLEWARE": ["stockade.web.Middleware", LIBRARY],
            "CORS_ALLOW_ALL_ORIGINS": True,
            "CORS_ALLOW_CREDENTIALS": True,
        },
    ),
    "everybody": (
        "W166 CORS_ALLOW_ALL_ORIGINS PATHS",
        {"MIDDLEWARE": ["stockade.web.Middleware", LIBRARY], "CORS_ORIGIN_ALLOW_ALL": True},
    ),
    "a regex that reflects": (
        "W161 CORS_ALLOWED_ORIGIN_REGEXES strangers",
        {"MIDDLEWARE": ["stockade.web.Middleware", LIBRARY], "CORS_ALLOWED_ORIGIN_REGEXES": [r"https://.*"]},
    ),
    "null": (
        "W162 null sandboxed",
        {"MIDDLEWARE": ["stockade.web.Middleware", LIBRARY], "CORS_ALLOWED_ORIGINS": ["null"]},
    ),
    "a plain origin": (
        "W164 CORS_ALLOWED_ORIGINS http://app.example.com network",
        {"MIDDLEWARE": ["stockade.web.Middleware", LIBRARY], "CORS_ALLOWED_ORIGINS": ["http://app.example.com"]},
    ),
    "a plain origin declared": ("W164 CORS http://a.example", {"stockade": {"CORS": {"ORIGINS": ["http://a.example"]}}}),
    "subdomains with cookies": (
        "W163 https://*.example.com forgotten",
        {
            "stockade": {"CORS": {"ORIGINS": ["https://*.example.com"], "CREDENTIALS": True}},
            "CSRF_TRUSTED_ORIGINS": ["https://*.example.com"],
        },
    ),
    "read but not written": (
        "W165 CSRF_TRUSTED_ORIGINS https://a.example",
        {"stockade": {"CORS": {"ORIGINS": ["https://a.example"], "CREDENTIALS": True}}},
    ),
    # these stop the start
    "a prefix that fails": ("E185 __Host- SESSION_COOKIE_SECURE", {"SESSION_COOKIE_SECURE": False}),
    "a prefix with a domain": (
        "E185 CSRF_COOKIE_DOMAIN",
        {"CSRF_COOKIE_DOMAIN": "example.com", "MIDDLEWARE": ["stockade.web.Middleware"]},
    ),
    "no such profile": ("E183 STOCKADE_PROFILE apis", {"STOCKADE_PROFILE": "apis"}),
    "two of a kind": (
        "E195 MIDDLEWARE CorsMiddleware",
        {
            "MIDDLEWARE": ["stockade.web.Middleware", LIBRARY],
            "stockade": {"CORS": {"ORIGINS": ["https://a.example"]}},
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WEAK)
def test_a_weak_setting_is_told_with_its_risk_and_its_remedy(what: str, find: Find) -> None:
    expected, given = WEAK[what]
    id, *words = expected.split()
    found = find(**given)
    assert f"stockade.{id}" in found
    if id.startswith("W"):
        assert len(found) == 1, "and of nothing else"
    for word in words:
        assert word in found[f"stockade.{id}"]
    if id.startswith("E"):
        with pytest.raises(ImproperlyConfigured, match=id):
            refuse_to_start()


def test_every_one_of_them_is_documented_and_tested() -> None:
    sources = [ROOT / "src/stockade/pipeline" / name for name in ("edge.py", "weak.py")]
    sources += [ROOT / "src/stockade/checks.py", *(ROOT / "src/stockade/edge").glob("*.py")]
    written = {
        f"stockade.{id}"
        for source in sources
        for id in re.findall(r'"(?:stockade\.)?([EW]1[6-9]\d)"', source.read_text())
    }
    page = (ROOT / "docs/reference/edge.md").read_text()
    settings = {
        "E180",
        "E181",
        "E182",
        *(f"E{number}" for number in range(186, 193)),
    }  # in the table of settings
    assert {
        id for id in written if id.removeprefix("stockade.") not in settings and f"`{id}`" not in page
    } == set()
    told = {f"stockade.{expected.split()[0]}" for expected, _ in WEAK.values()}
    elsewhere = {f"stockade.{id}" for id in {"W172", "W173", "W174", "E184", "E193", "E194", *settings}}
    assert written <= told | elsewhere


# -- as Django shows them ----------------------------------------------------------------------------------------------


def test_they_are_shown_by_check_deploy_and_not_before(project: Any) -> None:
    project.SECURE_HSTS_INCLUDE_SUBDOMAINS = False
    shown = {message.id for message in run_checks(include_deployment_checks=True)}
    assert {"stockade.W182", "stockade.W183"} <= shown
    assert not any(OURS.match(str(message.id)) for message in run_checks())


def test_djangos_own_do_not_ask_for_middlewares_that_are_not_needed() -> None:
    shown = {
        message.id for message in run_checks(include_deployment_checks=True) if not message.is_silenced()
    }
    assert not {"security.W001", "security.W002", "security.W004", "security.W008"} & shown


def test_with_a_setting_that_cannot_be_read_nothing_more_is_judged(project: Any) -> None:
    project.STOCKADE = {**project.STOCKADE, "PLAIN_HTTP": "maybe", "HSTS": False}
    shown = {message.id for message in run_checks(include_deployment_checks=True)}
    assert "stockade.E182" in shown
    assert "stockade.W181" not in shown


@csrf_exempt
def hook(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return HttpResponse(request.session.get("user"))
    return HttpResponse()


@csrf_exempt
@protect(policy=Authenticated())
def machine(request: HttpRequest) -> HttpResponse:
    return hook(request)


def guarded(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


urlpatterns = [
    path("hook/", hook, name="hook"),
    path("machine/", machine, name="machine"),
    path("guarded/", guarded),
]


def test_a_view_that_is_exempt_from_csrf_protection_is_found(project: Any) -> None:
    project.ROOT_URLCONF = __name__

    def found() -> list[str]:
        shown = run_checks(include_deployment_checks=True)
        return [str(one.msg).partition(" ")[0] for one in shown if one.id == "stockade.W172"]

    assert found() == [f"{__name__}.hook"], "the machine shows a token, which no browser sends by itself"
    session = "rest_framework.authentication.SessionAuthentication"
    project.STOCKADE = {**project.STOCKADE, "SCHEMES": ["jwt", session]}
    assert found() == [f"{__name__}.hook", f"{__name__}.machine"]
    project.STOCKADE = {**project.STOCKADE, "EXEMPT": ["hook"]}
    assert found() == [f"{__name__}.machine"]


@protect(policy=Public())
def searched(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM auth_user WHERE username = '{request.GET.get('name')}'")
        return HttpResponse(cursor.fetchone())


@protect(policy=Public())
def counted(request: HttpRequest) -> HttpResponse:
    return HttpResponse(User.objects.extra(where=[f"username = '{request.GET.get('name')}'"]).count())


@protect(policy=Public())
def greeted(request: HttpRequest) -> HttpResponse:
    return HttpResponse(mark_safe(f"<b>{request.GET.get('name')}</b>"))


class Injected:
    """URLs of views that let text become code."""

    urlpatterns = [path("searched/", searched), path("counted/", counted), path("greeted/", greeted)]


def test_text_that_can_become_a_query_or_script_is_found(
    project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.ROOT_URLCONF = Injected
    monkeypatch.chdir(tmp_path)

    def found() -> list[tuple[str, str]]:
        shown = run_checks(include_deployment_checks=True)
        return sorted(
            (str(one.id), str(one.msg).partition(" ")[0].rpartition(".")[2])
            for one in shown
            if one.id in {"stockade.W173", "stockade.W174"}
        )

    everything = [("stockade.W173", "counted"), ("stockade.W173", "searched"), ("stockade.W174", "greeted")]
    assert found() == everything
    entry = (
        f'[[tool.stockade.accept]]\nfact = "raw-sql"\nview = "{__name__}.counted"\nreason = "Numbers only."\n'
    )
    (tmp_path / "pyproject.toml").write_text(entry)
    assert found() == everything[1:]
    (tmp_path / "pyproject.toml").write_text(entry.replace("reason", "why"))
    assert found() == everything


# -- regular expressions -----------------------------------------------------------------------------------------------

EVIL = {
    r"https://app\.example\.com": "https://app.example.com.evil.com",
    r"^https://app.example.com$": "https://appXexample.com",
    r"^https://.*example\.com$": "https://evilexample.com",
    r".*": "https://evil.com",
    r"^.*$": "https://evil.com",
    r"^https?://.*$": "https://evil.com",
    r"^https://a\.example\.com$|^https://b\.example\.com": "https://b.example.com.evil.com",
    r"^https://[a-z]+\.com$": "https://evil.com",
    r"^https://example\.com.*$": "https://example.com.evil.com",
    r"^https://(app|api).example\.com$": "https://appXexample.com",
    r"^https://\w*example\.com$": "https://evilexample.com",
    r"^(https://)?.+\.example\.com": "https://a.example.com.evil.com",
    r"^https://(.+\.)?example.com\Z": "https://exampleXcom",
    r"example\.com": "",
}
OWN = [
    r"^https://app\.example\.com$",
    r"^https://app\.example\.com\Z",
    r"^https://[\w-]+\.example\.com$",
    r"^https://.*\.example\.com$",
    r"^https://(\w+\.)?example\.com$",
    r"^https://(?:[a-z0-9-]+\.){1,3}example\.com(:8443)?$",
    r"^https://example\.com(:\d+)?$",
    r"^https://(?:app|api)\.example\.(?:com|org)$",
    r"^http://localhost:\d+$",
    r"^(?:https://a\.example\.com|https://b\.example\.com)$",
]


@pytest.mark.parametrize("expression", EVIL)
def test_an_expression_that_takes_a_strangers_origin_is_known(expression: str) -> None:
    if EVIL[expression]:
        assert re.match(expression, EVIL[expression]), "the attack, as django-cors-headers would let it in"
    assert reflects(expression)
    assert reflects(re.compile(expression))


@pytest.mark.parametrize("expression", OWN)
def test_an_expression_that_takes_ones_own_is_not_spoken_of(expression: str) -> None:
    assert reflects(expression) == ""
    for stranger in ("https://evil.com", "https://app.example.com.evil.com", "https://evilexample.com"):
        assert not re.match(expression, stranger)


@pytest.mark.parametrize(
    "expression", ["(" * 50 + "a" + ")?" * 50, "(a|b)" * 40, "(?:a?){9}" * 9, "(", r"\Z" * 99]
)
def test_no_expression_takes_long_to_judge(expression: str) -> None:
    reflects(expression)
