"""Browser mode over the wire, by several real workers: the headers as they are, many tabs at once, planted cookies."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import tempfile
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from django.contrib.auth.models import User

from stockade import conf
from tests import pages, servers
from tests.schemes.browsing import BINDING, NAME, OBTAIN, REFRESH, REVOKE
from tests.schemes.conftest import PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import Page

WORKERS = 3
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module", params=["wsgi", "asginl"])
def shared(request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    """The workers, their state, and the port of pages elsewhere, for all tests of an interface."""
    folder = tempfile.mkdtemp(prefix="stockade-state-", dir="/var/tmp")
    name = "application" if request.param == "wsgi" else "asgi"
    with pages.serve() as port:
        environment = {
            "DJANGO_SETTINGS_MODULE": "tests.schemes.browser_site",
            "STOCKADE_TEST_STATE": folder,
            "STOCKADE_TEST_PAGE": f"http://spa.app.localhost:{port}",
        }
        with django_db_blocker.unblock():
            context = servers.granian(
                f"tests.schemes.browser_site:{name}",
                interface=request.param,
                workers=WORKERS,
                env=environment,
            )
        with context as running:
            yield running, folder, port
    shutil.rmtree(folder)


@pytest.fixture
def server(shared: Any, project: Any) -> Iterator[servers.Server]:
    """The workers; this process shares their state."""
    running, folder, _ = shared
    project.STOCKADE = {
        "STATE": f"lmdb://{folder}",
        "STATE_TIMEOUT": "30s",  # a loaded machine may make a writer wait
        "EVENTS": {"SINKS": ["null"]},
        "JWT": {"REFRESH_COOKIE": NAME},
    }
    yield running
    conf.forget()


def user(name: str) -> User:
    # A key of its own in every test: the tests empty the tables of epochs, which nobody does to a living project.
    return User.objects.create_user(name, password=PASSWORD, pk=secrets.randbelow(10**9))


def headers(server: servers.Server, cookies: str = "", **others: str) -> dict[str, str]:
    own = {"Origin": server.base_url, "X-Stockade-CSRF": "1", **others}
    return {**own, "Cookie": cookies} if cookies else own


def log_in(server: servers.Server, name: str) -> httpx2.Response:
    return httpx2.post(
        server.base_url + OBTAIN,
        json={"username": name, "password": PASSWORD},
        headers=headers(server),
        timeout=30,
    )


def refresh(server: servers.Server, cookies: str, **others: str) -> httpx2.Response:
    return httpx2.post(server.base_url + REFRESH, headers=headers(server, cookies, **others), timeout=60)


def kept(answer: httpx2.Response) -> dict[str, str]:
    """What the browser keeps of an answer."""
    found: SimpleCookie = SimpleCookie()
    for line in answer.headers.get_list("set-cookie"):
        found.load(line)
    return {name: morsel.value for name, morsel in found.items() if name in {NAME, BINDING}}


def shown(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def sid(access: str) -> str:
    part = access.split(".")[1]
    return str(json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))["sid"])


def test_the_headers_on_the_wire(server: servers.Server) -> None:
    user("alice")
    answer = log_in(server, "alice")
    assert (answer.status_code, list(answer.json())) == (200, ["access"])
    lines = [line for line in answer.headers.get_list("set-cookie") if "refresh-token" in line]
    age = r"; expires=[^;]+ GMT; HttpOnly; Max-Age=60\d{4}"
    assert re.fullmatch(
        rf"{NAME}=st_refresh\.[\w.-]+{age}; Path=/api/token/browser/; SameSite=Strict; Secure", lines[0]
    )
    assert re.fullmatch(rf"{BINDING}=[\w-]{{22}}{age}; Path=/; SameSite=Strict; Secure", lines[1])
    assert answer.headers["Cache-Control"] == "no-store"
    cookies = shown(kept(answer))
    assert refresh(server, cookies).status_code == 200
    out = httpx2.post(server.base_url + REVOKE, headers=headers(server, cookies), timeout=60)
    assert (out.status_code, kept(out)) == (204, {NAME: "", BINDING: ""})
    dead = refresh(server, cookies)
    assert (dead.status_code, kept(dead)) == (401, {NAME: "", BINDING: ""})
    assert all("Max-Age=0" in line for line in dead.headers.get_list("set-cookie"))


def test_many_tabs_at_once_get_one_successor_from_all_workers(server: servers.Server) -> None:
    user("alice")
    obtained = log_in(server, "alice")
    cookies = kept(obtained)
    for _ in range(4):  # within the limit of one session's refreshes
        with ThreadPoolExecutor(12) as tabs:
            answers = list(tabs.map(refresh, [server] * 12, [shown(cookies)] * 12))
        assert {answer.status_code for answer in answers} == {200}
        assert {sid(answer.json()["access"]) for answer in answers} == {sid(obtained.json()["access"])}
        (token,) = {kept(answer)[NAME] for answer in answers}
        assert token != cookies[NAME]
        assert {kept(answer)[BINDING] for answer in answers} == {cookies[BINDING]}
        cookies[NAME] = token


def test_logging_out_while_tabs_refresh_leaves_nothing_that_works(server: servers.Server) -> None:
    """Whichever comes first: when the logout has returned, no cookie and no access token holds."""
    user("alice")
    for _ in range(4):
        obtained = log_in(server, "alice")
        cookies = shown(kept(obtained))
        with ThreadPoolExecutor(6) as tabs:
            refreshed = [tabs.submit(refresh, server, cookies) for _ in range(5)]
            out = httpx2.post(server.base_url + REVOKE, headers=headers(server, cookies), timeout=60)
            answers = [future.result() for future in refreshed]
        assert out.status_code == 204
        assert {answer.status_code for answer in answers} <= {200, 401}
        tokens = [answer.json()["access"] for answer in [obtained, *answers] if "access" in answer.json()]
        for token in tokens:
            bearer = {"Authorization": f"Bearer {token}"}
            assert (
                httpx2.get(f"{server.base_url}/api/sessions/", headers=bearer, timeout=60).status_code == 401
            )
        for answer in answers:
            if answer.status_code == 200:
                assert refresh(server, shown(kept(answer))).status_code == 401


@pytest.mark.parametrize(
    ("others", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost"}, 403),
        ({"X-Stockade-CSRF": ""}, 403),
    ],
)
def test_what_a_forged_request_brings_is_seen_behind_a_server(
    server: servers.Server, others: dict[str, str], status: int
) -> None:
    user("alice")
    assert refresh(server, shown(kept(log_in(server, "alice"))), **others).status_code == status


def test_two_origins_are_none_of_ours(server: servers.Server) -> None:
    user("alice")
    cookies = shown(kept(log_in(server, "alice")))
    twice = [*headers(server, cookies).items(), ("Origin", "https://evil.example")]
    for order in (twice, twice[::-1]):
        assert httpx2.post(server.base_url + REFRESH, headers=order, timeout=60).status_code == 403


PLANT = """([name, value, binding, other]) => {
    const all = 'Domain=app.localhost; Secure';
    document.cookie = `${name}=${value}; ${all}; Path=/`;
    document.cookie = `${name}=${value}; ${all}; Path=/api/token/browser/refresh/`;
    document.cookie = `${binding}=${other}; ${all}; Path=/`;
    document.cookie = `${binding}=${other}; Secure; Path=/`;
}"""
CALL = """([path, body]) => fetch(path, {method: 'POST', body: body && JSON.stringify(body), credentials: 'include',
    headers: {'X-Stockade-CSRF': '1', ...(body && {'Content-Type': 'application/json'})}})
    .then(async answer => [answer.status, (await answer.json()).access], () => [0, null])"""


class Frontend:
    """The project's page, on `spa.app.localhost`, and pages beside it; the API is on `app.localhost`."""

    def __init__(self, page: Page, server: servers.Server, port: int) -> None:
        self.page, self.port = page, port
        self.api = f"http://app.localhost:{server.base_url.rpartition(':')[2]}"
        self.visit("spa.app.localhost")

    def visit(self, host: str) -> None:
        self.page.goto(f"http://{host}:{self.port}/")

    def call(self, path: str, body: Any = None) -> tuple[int, str]:
        """The status, 0 where CORS forbids to see it, and the access token."""
        status, access = self.page.evaluate(CALL, [self.api + path, body])
        return status, access or ""

    def log_in(self) -> int:
        return self.call(OBTAIN, {"username": "alice", "password": PASSWORD})[0]


@pytest.fixture
def frontend(server: servers.Server, shared: Any, request: pytest.FixtureRequest) -> Frontend:
    """It, when there is an alice. No SQL in the tests that use it, see the docstring of `browser`."""
    user("alice")
    return Frontend(request.getfixturevalue("page"), server, shared[2])


@pytest.mark.browser
def test_a_sibling_host_cannot_plant_its_session_in_a_browser(
    server: servers.Server, frontend: Frontend
) -> None:
    """What Chromium lets it plant goes before and after our own cookie; with nobody logged in it is the only one."""
    answer = httpx2.post(
        server.base_url + OBTAIN,
        json={"username": "alice", "password": PASSWORD},
        headers=headers(server),
        timeout=30,
    )
    mallorys, page = kept(answer), frontend.page  # another session of the same user will do
    frontend.visit("evil.app.localhost")
    page.evaluate(PLANT, [NAME, mallorys[NAME], BINDING, mallorys[BINDING]])
    frontend.visit("spa.app.localhost")
    with page.expect_request(f"**{REFRESH}") as asked:
        assert frontend.call(REFRESH) == (401, "")
    assert asked.value.all_headers()["cookie"].count(mallorys[NAME]) == 2
    assert frontend.log_in() == 200
    with page.expect_request(f"**{REFRESH}") as asked:
        status, access = frontend.call(REFRESH)
    names = [pair.partition("=")[0].strip() for pair in asked.value.all_headers()["cookie"].split(";")]
    assert (names.count(NAME), names.count(BINDING)) == (3, 1)
    assert status == 200
    assert sid(access) != sid(answer.json()["access"])
    assert refresh(server, shown(mallorys)).status_code == 200, "the attacker's own goes on, elsewhere"


@pytest.mark.browser
def test_a_page_on_another_host_of_the_site_works_if_it_is_named_and_no_other_does(
    frontend: Frontend,
) -> None:
    assert frontend.log_in() == 200
    assert frontend.call(REFRESH)[0] == 200
    for host in ("blog.app.localhost", "app.localhost", "other.localhost", "127.0.0.1"):
        frontend.visit(host)
        assert frontend.call(REFRESH) == (0, "")
        assert frontend.log_in() == 0
    frontend.visit("spa.app.localhost")
    assert frontend.call(REFRESH)[0] == 200
