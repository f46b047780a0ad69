"""CORS from one declaration: who may read what, on which path, and also what is refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import AsyncClient, Client

import stockade
from stockade.core.errors import ConfigurationError
from stockade.edge import cors
from stockade.pipeline import registry
from tests.edge.test_headers import ALL

Configure = Callable[..., None]
APP, EVIL = "https://app.example.com", "https://evil.example"
ALLOWED, COOKIES = "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"
WISH = {"access-control-request-method": "DELETE", "access-control-request-headers": "authorization"}


@pytest.fixture(autouse=True)
def declared(configure: Configure) -> None:
    configure(
        CORS={
            "ORIGINS": [APP, "https://*.apps.example.com"],
            "PATHS": {
                "/page/": {"ORIGINS": "*"},
                "/own/": {"CREDENTIALS": True, "ORIGINS": [APP], "EXPOSE": ["X-Total"]},
                "/private/": None,
            },
        }
    )


def ask(
    client: Client, path: str = "/data/", origin: str | None = APP, method: str = "GET", **headers: str
) -> Any:
    own = {"origin": origin} if origin else {}
    return client.generic(
        method, path, headers={**own, **{k.replace("_", "-"): v for k, v in headers.items()}}
    )


def told(response: Any) -> dict[str, str]:
    return {
        name: value for name, value in response.headers.items() if name.lower().startswith("access-control")
    }


# -- who ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [APP, "https://a.apps.example.com", "https://a.b.apps.example.com"])
def test_ones_own_pages_read(origin: str, client: Client) -> None:
    response = ask(client, origin=origin)
    assert told(response) == {
        ALLOWED.lower(): origin,
        "access-control-expose-headers": "RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-ID",
    }
    assert "origin" in response.headers["Vary"].lower()


@pytest.mark.parametrize(
    "origin",
    [
        EVIL, "null", "http://app.example.com", "https://app.example.com.evil.example", "https://appXexample.com",
        "https://app.example.com:8443", "https://APP.example.com", "https://apps.example.com",
        "https://evilapps.example.com", "https://.apps.example.com", "https://a.apps.example.com.evil.example",
        "https://a.apps.example.com:1", "https://app.example.com/", "https://app.example.com#.apps.example.com",
        "https://[", "", "https://app.example.com, https://evil.example", "file://",
    ],
)  # fmt: skip
def test_no_strangers_page_does(origin: str, client: Client) -> None:
    response = ask(client, origin=origin)
    assert response.status_code == 200
    assert ALLOWED not in response.headers
    assert "origin" in response.headers["Vary"].lower(), "or a cache gives the one's answer to the other"


def test_what_varies_already_goes_on_varying(client: Client) -> None:
    for _ in range(2):
        vary = ask(client, "/rest/").headers["Vary"]
        assert {one.strip().lower() for one in vary.split(",")} == {"accept", "origin"}


def test_strangers_do_not_fill_the_memory(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cors, "_MOST", 10)
    for number in range(30):
        ask(client, origin=f"https://evil{number}.example")
        ask(client, origin="https://" + "e" * 300 + f"{number}.example")
    current = registry.current()
    assert current is not None
    assert current.cors is not None
    assert len(current.cors._known) <= 10
    assert ask(client).headers[ALLOWED] == APP


def test_a_preflight_is_answered_without_credential_and_before_any_limit(client: Client) -> None:
    for _ in range(3):
        response = ask(client, "/once/", method="OPTIONS", **WISH)
        assert response.status_code == 200
        assert told(response) == {
            ALLOWED.lower(): APP,
            "access-control-allow-headers": ", ".join(cors.CorsSettings().headers),
            "access-control-allow-methods": "DELETE, GET, OPTIONS, PATCH, POST, PUT",
            "access-control-max-age": "600",
            "access-control-expose-headers": ", ".join(cors.CorsSettings().expose),
        }
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    assert told(ask(client, "/once/", EVIL, "OPTIONS", **WISH)) == {}


@pytest.mark.parametrize("origin", [APP, EVIL])
def test_a_preflight_has_every_header(origin: str, client: Client) -> None:
    response = client.options("/once/", headers={"origin": origin, **WISH}, secure=True)
    assert ALL - set(response.headers) == set()


def test_no_private_network_is_opened(client: Client) -> None:
    response = ask(client, method="OPTIONS", **WISH, access_control_request_private_network="true")
    assert "Access-Control-Allow-Private-Network" not in response.headers


# -- which answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nobodys/", 401),
        ("/undeclared/", 403),
        ("/nothing/", 404),
        ("/broken/", 500),
        ("/away/", 503),
        ("/data", 301),
    ],
)
def test_a_page_reads_also_why_it_was_refused(path: str, status: int, client: Client) -> None:
    response = ask(client, path, method="POST" if path == "/nobodys/" else "GET")
    assert (response.status_code, response.headers[ALLOWED]) == (status, APP)


def test_and_when_it_may_come_again(client: Client) -> None:
    for status in (200, 429):
        response = ask(client, "/once/")
        assert (response.status_code, response.headers[ALLOWED]) == (status, APP)
    assert "Retry-After" in response.headers["Access-Control-Expose-Headers"]


async def test_so_it_is_under_asgi() -> None:
    client = AsyncClient()
    assert (await client.get("/data/", headers={"origin": APP})).headers[ALLOWED] == APP
    assert ALLOWED not in (await client.get("/data/", headers={"origin": EVIL})).headers
    preflight = await client.options("/private/", headers={"origin": APP, **WISH})
    assert (preflight.status_code, told(preflight)) == (401, {})
    preflight = await client.options("/data/", headers={"origin": APP, **WISH})
    assert preflight.headers["Access-Control-Allow-Methods"]


# -- paths -------------------------------------------------------------------------------------------------------------


def test_a_path_that_is_open_to_all_gives_no_cookies(client: Client) -> None:
    response = ask(client, "/page/", EVIL)
    assert response.headers[ALLOWED] == "*"
    assert COOKIES not in response.headers


def test_a_path_with_cookies_names_its_reader(client: Client) -> None:
    response = ask(client, "/own/")
    assert (response.headers[ALLOWED], response.headers[COOKIES]) == (APP, "true")
    assert response.headers["Access-Control-Expose-Headers"] == "X-Total"
    assert told(ask(client, "/own/", "https://a.apps.example.com")) == {}
    assert COOKIES not in ask(client, "/data/").headers


def test_a_path_that_is_closed_says_nothing(client: Client) -> None:
    token = stockade.issue(User.objects.create_user("alice")).access
    response = ask(client, "/private/", authorization=f"Bearer {token}")
    assert (response.status_code, told(response)) == (200, {})
    assert ask(client, "/private/", method="OPTIONS", **WISH).status_code == 401, (
        "no preflight: the view's own"
    )


def test_the_longest_beginning_decides(client: Client, configure: Configure) -> None:
    paths = {"/": {"ORIGINS": "*"}, "/da": None, "/data/": {"ORIGINS": [APP]}}
    for order in itertools.permutations(paths.items()):
        configure(CORS={"PATHS": dict(order)})
        assert ask(client, "/data/", EVIL).headers.get(ALLOWED) is None
        assert ask(client, "/data/").headers[ALLOWED] == APP
        assert ask(client, "/data", EVIL).headers.get(ALLOWED) is None
        assert ask(client, "/page/", EVIL).headers[ALLOWED] == "*"


@pytest.mark.parametrize(
    "path", ["/page/../private/", "//private/", "/page/%2e%2e/private/", "/page/..%2fprivate/"]
)
def test_no_spelling_of_a_path_opens_another(path: str, client: Client) -> None:
    token = stockade.issue(User.objects.create_user("alice")).access
    response = ask(client, path, EVIL, authorization=f"Bearer {token}")
    assert response.status_code in (301, 404)


# -- the setting -------------------------------------------------------------------------------------------------------


def test_without_it_nothing_is_said(client: Client, configure: Configure) -> None:
    configure(CORS={})
    response = ask(client)
    assert told(response) == {}
    assert "Vary" not in response.headers


@pytest.mark.parametrize(
    ("wrong", "id", "says"),
    [
        ({"ORIGINS": "*", "CREDENTIALS": True}, "E193", "every origin"),
        ({"ORIGINS": [APP], "CREDENTIALS": True, "PATHS": {"/a/": {"ORIGINS": "*"}}}, "E193", "path /a/"),
        ({"ORIGINS": ["null"]}, "E186", "sandboxed"),
        ({"ORIGINS": ["*", APP]}, "E186", "every origin"),
        ({"ORIGINS": ["app.example.com"]}, "E186", "https://app.example.com"),
        ({"ORIGINS": [f"{APP}/"]}, "E186", "without a path"),
        ({"ORIGINS": ["https://App.example.com"]}, "E186", "lower case"),
        ({"ORIGINS": [f"{APP}:443"]}, "E186", "leave port 443 out"),
        ({"ORIGINS": ["https://*.com"]}, "E186", "everybody below com"),
        ({"ORIGINS": ["https://a.*.example.com"]}, "E186", "no origin"),
        ({"ORIGINS": [r"^https://.*\.example\.com$"]}, "E186", "no origin"),
        ({"ORIGINS": ["https://user@app.example.com"]}, "E186", "no origin"),
        ({"ORIGINS": ["ftp://app.example.com"]}, "E186", "no origin"),
        ({"ORIGINS": ["https://[::1"]}, "E186", "no origin"),
        ({"CREDENTIALS": "yes"}, "E187", "True or False"),
        ({"METHODS": ["GET, POST"]}, "E188", "each by itself"),
        ({"HEADERS": ["*"]}, "E189", "each by itself"),
        ({"EXPOSE": "X-Total"}, "E190", "list"),
        ({"MAX_AGE": "long"}, "E191", "time"),
        ({"PATHS": {"api/": {}}}, "E192", "beginning of a path"),
        ({"PATHS": {"/api/": {"ORIGIN": [APP]}}}, "E192", "Did you mean ORIGINS"),
        ({"PATHS": {"/api/": {"ORIGINS": ["null"]}}}, "E192", "sandboxed"),
        ({"ORIGIN": [APP]}, "E003", "ORIGINS"),
    ],
)
def test_what_would_open_too_much_stops_the_start(
    wrong: Any, id: str, says: str, configure: Configure
) -> None:
    configure(CORS=wrong)
    with pytest.raises(ConfigurationError, match=f"stockade.{id}: .*{says}"):
        registry.current()


@pytest.mark.parametrize(
    "origin", ["https://app.example.com:8443", "http://localhost:5173", "http://[::1]:3000"]
)
def test_what_browsers_send_can_be_named(origin: str, client: Client, configure: Configure) -> None:
    configure(CORS={"ORIGINS": [origin]})
    assert ask(client, origin=origin).headers[ALLOWED] == origin


def test_it_wants_the_library(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cors, "find_spec", lambda name: None)
    configure(CORS={"ORIGINS": [APP]})
    with pytest.raises(ConfigurationError, match=r"stockade\.E194.*django-stockade\[cors\]"):
        registry.current()


def test_the_librarys_own_middleware_goes_on_reading_its_own_settings(client: Client, project: Any) -> None:
    """Its one object for settings is ours as soon as CORS was declared in this process."""
    assert ask(client).headers[ALLOWED] == APP
    project.STOCKADE = {key: value for key, value in project.STOCKADE.items() if key != "CORS"}
    project.MIDDLEWARE = [project.MIDDLEWARE[0], cors.MIDDLEWARE, *project.MIDDLEWARE[1:]]
    project.CORS_ALLOWED_ORIGINS = [EVIL]
    project.CORS_ALLOW_CREDENTIALS = True
    client = Client()  # its middlewares are loaded once
    assert told(ask(client)) == {}
    assert told(ask(client, origin=EVIL)) == {ALLOWED.lower(): EVIL, COOKIES.lower(): "true"}


async def test_two_requests_at_once_have_each_their_own_rule() -> None:
    client = AsyncClient()
    for _ in range(5):
        own, anyones = (
            await client.get("/own/", headers={"origin": APP}),
            await client.get("/page/", headers={"origin": EVIL}),
        )
        assert (own.headers.get(COOKIES), anyones.headers.get(COOKIES)) == ("true", None)
    assert await sync_to_async(cors._current.get)() is None


# -- MODE --------------------------------------------------------------------------------------------------------------


def test_what_is_declared_holds_in_report_mode_too(client: Client, configure: Configure) -> None:
    """It opens, and refuses nothing; without it a page that uses it would break."""
    configure(MODE="report")
    response = ask(client)
    assert response.headers[ALLOWED] == APP
    assert "X-Frame-Options" not in response.headers
