"""Pages of other sites that write with a cookie which the browser sends along: of each scheme that reads one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from stockade import observe
from stockade.events import Event
from tests.drf.foreign.cases.packages import PACKAGES, access, basic, jwt_cookie, session
from tests.drf.foreign.cases.views import OldLogin

Configure = Callable[..., None]
Log = Callable[[], list[Any]]
HERE = "tests.drf.foreign.cases.cross_site"
EVIL, APP = "https://evil.example", "https://app.example"


class WithoutCsrf(SessionAuthentication):
    """As it stands in many projects, from an answer to "CSRF Failed"."""

    def enforce_csrf(self, request: Request) -> None:
        return


class OfACookie(BaseAuthentication):
    """A project's own: it reads a cookie, which is all that is known of it from outside."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        name = request.COOKIES.get("who", "")
        return (User.objects.get(username=name), None) if name else None


class OfAHeader(BaseAuthentication):
    """A project's own: it reads a header."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        name = request.headers.get("X-Who", "")
        return (User.objects.get(username=name), None) if name else None


class OfATicket(BaseAuthentication):
    """A project's own: it reads what a browser that was asked for it sends to whoever asks, and says nothing of it."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        word, _, name = request.headers.get("Authorization", "").partition(" ")
        return (User.objects.get(username=name), None) if word == "Negotiate" else None


class OfANamedTicket(OfATicket):
    """And one that says it."""

    def authenticate_header(self, request: Request) -> str:
        return "Negotiate"


class OldCookie(OldLogin):
    """Without a policy: it keeps to the cookie."""

    authentication_classes = (OfACookie,)  # type: ignore[assignment]


SCHEMES = {
    "dj_rest_auth": PACKAGES["dj_rest_auth"].path,
    "session without": f"{HERE}.WithoutCsrf",
    "own cookie": f"{HERE}.OfACookie",
    "own ticket": f"{HERE}.OfATicket",
    "own named ticket": f"{HERE}.OfANamedTicket",
    "basic": PACKAGES["basic"].path,  # a browser that was asked once sends the password along ever after
}
STRANGERS = [
    {"origin": EVIL},
    {"origin": "null"},
    {"origin": EVIL, "sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"origin": "http://testserver.evil.example"},
    {"origin": "https://testserver", "sec-fetch-site": "cross-site"},
    {"origin": EVIL, "dpr": "1"},  # of a page, and Chromium asks for no preflight
    {"origin": EVIL, "save-data": "on"},  # of the browser, for whoever saves data
    {"origin": "null", "ping-from": EVIL, "ping-to": "http://testserver/who/"},  # of <a ping>
    {"origin": EVIL, "x-amz-cf-id": "a", "x-correlation-id": "b"},  # of what stands in front
]
OWN = [
    {"origin": "http://testserver"},
    {"origin": "http://testserver", "sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "same-origin"},
    {"origin": "https://testserver", "sec-fetch-site": "same-origin"},  # the proxy does not say https
    {"sec-fetch-site": "none"},
    {},  # no browser
    {"origin": APP, "sec-fetch-site": "cross-site"},  # listed
]


@pytest.fixture(autouse=True)
def loose(project: Any) -> None:
    """dj-rest-auth as it comes: no CSRF token is asked for."""
    project.REST_AUTH = {"USE_JWT": True, "JWT_AUTH_COOKIE": "jwt-auth"}
    project.CSRF_TRUSTED_ORIGINS = [APP]


@pytest.fixture(params=SCHEMES)
def browser(request: pytest.FixtureRequest, user: User, configure: Configure) -> Client:
    """Alice's, logged in by a cookie of that scheme."""
    configure("jwt", SCHEMES[request.param])
    if request.param == "dj_rest_auth":
        return jwt_cookie(user).client()
    if request.param == "session without":
        return session(user).client()
    if request.param == "basic":
        return basic(user).client()
    if "ticket" in request.param:
        return Client(headers={"authorization": "Negotiate alice"})
    client = Client()
    client.cookies["who"] = "alice"
    return client


@pytest.mark.parametrize("headers", STRANGERS, ids=str)
def test_a_strangers_page_does_not_write_with_the_cookie(
    headers: dict[str, str], browser: Client, log: Log
) -> None:
    assert browser.get("/who/").status_code == 200
    for _ in range(2):
        found = browser.post("/who/", headers=headers)
        assert (found.status_code, found.json()["code"]) == (403, "csrf_failed")
    assert {(one.event, one.reason.partition("_")[0]) for one in log() if one.status == 403} == {
        (Event.CSRF_FAIL, "csrf")
    }


@pytest.mark.parametrize("headers", OWN, ids=str)
def test_ones_own_page_and_what_is_no_browser_write(headers: dict[str, str], browser: Client) -> None:
    assert browser.post("/who/", headers=headers).status_code == 200


def test_reading_is_for_cors_to_decide(browser: Client) -> None:
    assert browser.get("/who/", headers={"origin": EVIL, "sec-fetch-site": "cross-site"}).status_code == 200


@pytest.mark.parametrize("scheme", [PACKAGES["simplejwt"].path, f"{HERE}.OfAHeader"])
def test_a_page_elsewhere_writes_with_a_credential_in_a_header(
    scheme: str, user: User, configure: Configure
) -> None:
    """No browser sends that by itself, and no page without a preflight that CORS has answered."""
    configure("jwt", scheme, CORS={"ORIGINS": [EVIL], "HEADERS": ["authorization", "x-who"]})
    shown = {"x-who": "alice"} if scheme.startswith(HERE) else {"authorization": f"Bearer {access(user)}"}
    client = Client()
    client.cookies["language"] = "en"
    assert client.post("/who/", headers={"origin": EVIL, **shown}).status_code == 200


def test_where_every_page_may_send_headers_those_of_a_browser_are_no_sign_of_it(
    user: User, configure: Configure
) -> None:
    configure("jwt", SCHEMES["own cookie"], CORS={"ORIGINS": ["*"]})
    client = Client()
    client.cookies["who"] = "alice"
    for sent in ({"dpr": "1"}, {"save-data": "on"}, {"x-amz-cf-id": "a"}, {"x-correlation-id": "a"}):
        assert client.post("/who/", headers={"origin": EVIL, **sent}).status_code == 403


def test_the_library_s_word_counts_where_it_makes_cors(
    user: User, configure: Configure, project: Any
) -> None:
    configure("jwt", f"{HERE}.OfAHeader")
    project.MIDDLEWARE = [
        project.MIDDLEWARE[0],
        "corsheaders.middleware.CorsMiddleware",
        *project.MIDDLEWARE[1:],
    ]
    client = Client()
    client.cookies["language"] = "en"

    def status() -> int:
        return client.post("/who/", headers={"origin": APP.upper(), "x-who": "alice"}).status_code

    project.CORS_ALLOW_HEADERS = ["X-Who"]
    project.CORS_ALLOWED_ORIGINS = ["https://other.example"]
    assert status() == 403
    project.CORS_ALLOWED_ORIGIN_REGEXES = [r"(?i)^https://app\.example\Z"]
    assert status() == 200
    project.CORS_ALLOWED_ORIGIN_REGEXES = []
    project.CORS_ALLOW_ALL_ORIGINS = True
    assert status() == 200
    project.CORS_ALLOW_HEADERS = ["authorization"]
    assert status() == 403


def test_a_header_beside_the_cookie_is_the_credential(user: User, configure: Configure) -> None:
    configure("jwt", SCHEMES["dj_rest_auth"])
    headers = {"origin": EVIL, "authorization": f"Bearer {access(user)}"}
    assert jwt_cookie(user).client().post("/who/", headers=headers).status_code == 200


def test_a_view_that_keeps_to_its_own_classes_is_guarded_too(user: User, configure: Configure) -> None:
    """UNDECLARED = "legacy": what the view reads by itself it would refuse by itself, but nobody does here."""
    configure("jwt", SCHEMES["own cookie"], UNDECLARED="legacy")
    client = Client()
    client.cookies["who"] = "alice"
    assert client.post("/old-cookie/").json()["user"] == "alice"
    assert client.post("/old-cookie/", headers={"origin": EVIL}).status_code == 403


def test_in_report_mode_it_is_counted(user: User, configure: Configure) -> None:
    configure("jwt", SCHEMES["own cookie"], UNDECLARED="legacy", MODE="report")
    observe.clear()
    client = Client()
    client.cookies["who"] = "alice"
    found = client.post("/old-cookie/", headers={"origin": EVIL})
    assert (found.status_code, found.json()["user"]) == (200, "alice")
    assert [(row.kind, row.reason) for row in observe.read()] == [("policies", "csrf_origin")]
