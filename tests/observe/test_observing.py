"""What is counted without a STOCKADE setting is what would have been refused: none missed, none invented."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import checks
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from stockade import observe
from stockade.core import clock
from stockade.core.secrets import generate
from stockade.observe.shapes import is_credential
from stockade.pipeline.find import QUERY_NAMES
from stockade.schemes.jwt.compact import encode
from tests.observe.asking import OURS, STOCK, Ask, answer, asgi, handler

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoxfQ.c2lnbmF0dXJl"
AUTHTOKEN = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b"
KNOX = "3bd0af9a55f2d9dcb5e8b8ff71fdc1fdd24fc40b2c1e0fae9e04c7bfa3d45621"
VIEWS = "tests.observe.views"


@pytest.fixture(autouse=True)
def project(settings: Any) -> Iterator[None]:
    del settings.STOCKADE
    settings.ROOT_URLCONF = VIEWS
    settings.MIDDLEWARE = [OURS, *STOCK]
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    observe.clear()
    yield
    observe.clear()
    clock.unshift()


@pytest.fixture(params=["wsgi", "asgi"])
def application(request: pytest.FixtureRequest) -> Any:
    return handler(str(request.param), True)


def told(kind: str = "") -> dict[tuple[str, str, str], int]:
    return {
        (row.view.removeprefix(f"{VIEWS}."), row.method, row.reason): row.count
        for row in observe.read()
        if not kind or row.kind == kind
    }


# -- policies --------------------------------------------------------------------------------------------------------


def test_a_view_without_a_policy_is_told_with_each_method_that_it_answers(application: Any) -> None:
    for method in ("GET", "GET", "OPTIONS", "POST"):  # POST is a 405 with and without us
        answer(application, Ask(method, "/api/"))
    assert told() == {("Api", "GET", "undeclared"): 2, ("Api", "OPTIONS", "undeclared"): 1}


def test_a_view_with_a_policy_is_told_for_the_methods_that_lack_one(application: Any) -> None:
    for method in ("GET", "POST"):
        answer(application, Ask(method, "/api/declared/"))
    assert told() == {("Declared", "POST", "undeclared"): 1}


def test_function_views_and_views_with_a_scope_of_drf_are_known_by_name(application: Any) -> None:
    for path in ("/plain/", "/async/", "/api/function/", "/api/scoped/", "/class/"):
        answer(application, Ask("GET", path))
    assert {view for view, _, _ in told()} == {"plain", "coroutine", "function_api", "Scoped", "ClassBased"}


def test_what_the_project_refuses_itself_is_no_refusal_of_ours(application: Any) -> None:
    for path in ("/denied/", "/missing/", "/private/", "/api/private/"):
        answer(application, Ask("GET", path))
    assert {reason for _, _, reason in told()} == {"undeclared"}


@pytest.mark.parametrize(
    "headers",
    [
        (("Authorization", f"Bearer {JWT}"), ("X-API-Key", "abcdefgh.12345678901234567890123456789012")),
        (("Authorization", f"Bearer {JWT}, Bearer {JWT}"),),
        (("Authorization", f"Basic YTpi, Token {AUTHTOKEN}"),),
    ],
)
def test_two_credentials_at_once_are_told(application: Any, headers: tuple[tuple[str, str], ...]) -> None:
    answer(application, Ask("GET", "/plain/", headers=headers))
    assert told("policies")["plain", "GET", "two_headers"] == 1


@pytest.mark.parametrize(
    "value", [f"Bearer {JWT}", 'Digest username="a", realm="b"', "Basic YTpi", "Bearer", f"Token {AUTHTOKEN}"]
)
def test_one_credential_of_any_kind_is_fine(application: Any, value: str) -> None:
    answer(application, Ask("GET", "/plain/", headers=(("Authorization", value),)))
    assert told() == {("plain", "GET", "undeclared"): 1}


# -- input -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        f"token={JWT}", f"next=/&access_token={JWT}", f"jwt={JWT}", f"TOKEN={AUTHTOKEN}", f"auth=Token+{AUTHTOKEN}",
        f"key={KNOX}", f"%74oken={JWT}", f"token=Bearer%20{JWT}",
        f"auth_token={AUTHTOKEN}",
    ],
)  # fmt: skip
def test_a_credential_of_another_package_in_the_query_string_is_told_apart(
    application: Any, query: str
) -> None:
    """Enforced, it is refused only where an authenticator of SCHEMES takes it from there."""
    answer(application, Ask("GET", "/query/", query))
    assert told("input") == {("query", "GET", "foreign_credential_in_query"): 1}


@pytest.mark.parametrize("name", sorted(QUERY_NAMES))
@pytest.mark.parametrize(
    "value",
    [generate("stk_").reveal(), generate("stt_").reveal(), f"st_refresh.{'0' * 40}"],
    ids=["key", "token", "refresh"],
)
def test_a_credential_of_ours_in_the_query_string_is_told(application: Any, name: str, value: str) -> None:
    answer(application, Ask("GET", "/query/", f"{name}={value}&key={KNOX}"))
    assert told("input") == {("query", "GET", "credential_in_query"): 1}


@pytest.mark.parametrize(
    "query",
    [
        "token=c2a1b2-5f3e9d8c7b6a5f4e3d2c1b0a9f8e7d6c",  # of a password reset
        f"q={JWT}", "key=the-name-of-a-thing-that-is-long", "token=eyJhbGciOiJIUzI1NiJ9", f"state={KNOX}",
        "key=" + "a" * 80, "auth=" + "0" * 64, "page=2",
    ],
)  # fmt: skip
def test_what_only_resembles_a_credential_is_not_told(application: Any, query: str) -> None:
    answer(application, Ask("GET", "/query/", query))
    assert told("input") == {}


def test_shapes() -> None:
    assert is_credential(generate("stk_").reveal())
    assert is_credential("st_refresh.0123")
    assert is_credential("abcdefgh.12345678901234567890123456789012")
    assert not is_credential("eyJub25lIjoxfQ.e30.")  # no algorithm
    assert not is_credential("ey" + "." * 100_000)
    assert not is_credential("\ud800" * 64)


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (Ask("GET", "/query/", "a=%00"), "null_character"),
        (Ask("GET", "/query/", "a=" + "x" * 20_000), "query_too_long"),
        (Ask("GET", "/query/", "&".join(["a=1"] * 1001)), "too_many_parameters"),
        (Ask("POST", "/echo/", body=b"a", headers=(("Content-Type", "text/plain; charset=utf-7"),)), "content_type"),
    ],
)  # fmt: skip
def test_input_that_is_refused_is_told(application: Any, ask: Ask, reason: str) -> None:
    answer(application, ask)
    assert list(told("input")) == [(ask.path.strip("/"), ask.method, reason)]


def test_nothing_of_a_request_is_kept_but_names(application: Any) -> None:
    """Attack: a report that tells of credentials in URLs and holds them would be a second leak."""
    headers = (("Authorization", f"Bearer {JWT}"), ("Cookie", "sessionid=" + "c" * 32))
    answer(application, Ask("GET", "/query/", f"token={JWT}&email=alice@example.org", headers=headers))
    shown = repr(observe.read())
    for secret in (JWT, "alice", "c" * 32, "192.0.2.1", "/query/"):
        assert secret not in shown


# -- limits ----------------------------------------------------------------------------------------------------------


def test_the_fifty_first_request_of_a_stranger_would_be_refused(application: Any) -> None:
    for _ in range(53):
        answer(application, Ask("GET", "/plain/"))
    assert told("limits") == {("plain", "GET", "limit:anon"): 3}
    clock.shift(86_401)
    answer(application, Ask("GET", "/plain/"))
    assert told("limits") == {("plain", "GET", "limit:anon"): 3}


def test_addresses_that_are_not_there_count_too(application: Any) -> None:
    for _ in range(52):
        answer(application, Ask("GET", "/nowhere/"))
    assert told() == {("(no view)", "GET", "limit:anon"): 2}


@pytest.mark.parametrize(
    ("peer", "told_of"), [("127.0.0.1", False), ("10.1.2.3", False), ("192.0.2.1", True)]
)
def test_callers_behind_a_proxy_of_one_s_own_are_told_apart(
    application: Any, peer: str, told_of: bool
) -> None:
    for at in range(60):
        answer(
            application, Ask("GET", "/plain/", headers=(("X-Forwarded-For", f"198.51.100.{at}"),), peer=peer)
        )
    assert bool(told("limits")) is told_of  # whoever is no proxy is believed nothing


def test_guessing_at_tokens_is_counted_by_address(application: Any) -> None:
    guess = (("Authorization", f"Token {AUTHTOKEN}"),)
    for _ in range(32):
        answer(application, Ask("GET", "/api/refusing/", headers=guess))
    assert told("limits")["Refusing", "GET", "limit:failed_auth"] == 2


def test_a_client_that_goes_on_with_an_expired_token_guesses_at_nothing(application: Any) -> None:
    for expires, told_of in ((clock.now() - 60, False), (clock.now() + 600, True)):
        claims = encode(json.dumps({"exp": expires}).encode())
        token = f"{JWT.split('.')[0]}.{claims}.c2lnbmF0dXJl"
        for _ in range(40):
            answer(application, Ask("GET", "/api/refusing/", headers=(("Authorization", f"Bearer {token}"),)))
        assert (("Refusing", "GET", "limit:failed_auth") in told("limits")) is told_of


@pytest.mark.django_db
def test_guessing_at_passwords_is_counted_by_address() -> None:
    get_user_model().objects.create_user("alice", password="right")
    client = Client()
    guess = {"username": "alice", "password": "wrong"}
    for _ in range(32):
        assert client.post("/api/login/", guess, "application/json").status_code == 401
    assert told("limits")["Login", "POST", "limit:login_address"] == 2
    assert client.post("/api/login/", {**guess, "password": "right"}, "application/json").status_code == 200
    assert told("limits")["Login", "POST", "limit:login_address"] == 2


@pytest.mark.django_db
def test_a_user_is_counted_as_himself_and_by_no_address() -> None:
    user = get_user_model().objects.create_user("alice", password="x")
    client = Client()
    client.force_login(user)
    for _ in range(60):
        assert client.get("/api/private/").status_code == 200
    assert told("limits") == {}  # anon would have been 50
    for _ in range(945):
        client.get("/api/private/")
    assert told("limits") == {("ApiPrivate", "GET", "limit:user"): 5}


@pytest.mark.django_db
def test_a_session_that_nobody_looks_at_is_no_stranger_and_is_not_looked_at() -> None:
    user = get_user_model().objects.create_user("alice", password="x")
    client = Client()
    client.force_login(user)
    with CaptureQueriesContext(connection) as queries:
        for _ in range(60):
            client.get("/plain/")
    assert len(queries) == 0  # the view does not ask who it is, and neither do we
    assert told("limits") == {}


@pytest.mark.django_db
@pytest.mark.parametrize("ours", [True, False])
def test_no_sql_is_asked_beyond_the_project_s_own(ours: bool, settings: Any) -> None:
    settings.MIDDLEWARE = [OURS, *STOCK] if ours else STOCK
    user = get_user_model().objects.create_user("alice", password="x")
    client = Client()
    client.force_login(user)
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/api/private/").status_code == 200
    assert len(queries) == 1  # the user
    with CaptureQueriesContext(connection) as queries:
        user.set_password("other")
        user.save()
    assert len(queries) == 1  # no row of ours is written, no table of ours is asked


def test_the_event_loop_goes_on_while_requests_are_counted() -> None:
    """Nothing is sent to a thread, nothing is waited for: a request of ours is one turn of the loop."""
    application = handler("asgi", True)

    async def both() -> int:
        turns = 0

        async def tick() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        ticking = asyncio.ensure_future(tick())
        for _ in range(5):
            await asgi(application, Ask("GET", "/async/"))
        ticking.cancel()
        return turns

    assert asyncio.run(both()) > 5


# -- the two lines, and nothing else -----------------------------------------------------------------------------------


def test_checks_are_quiet_until_deployment_is_asked_about() -> None:
    assert [m.id for m in checks.run_checks() if str(m.id).startswith("stockade")] == []
    deploy = [
        m.id for m in checks.run_checks(include_deployment_checks=True) if str(m.id).startswith("stockade")
    ]
    assert deploy == ["stockade.W001"]


_SITE = """
import django, sys
from django.conf import settings
from django.http import HttpResponse
from django.urls import path
settings.configure(
    SECRET_KEY="x" * 50, ROOT_URLCONF=__name__, DATABASES={}, ALLOWED_HOSTS=["*"], BASE_DIR=sys.argv[1],
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "stockade"],
    MIDDLEWARE=["stockade.web.Middleware"],
)
urlpatterns = [path("", lambda request: HttpResponse("fine"))]
django.setup()
from django.core.handlers.wsgi import WSGIHandler
from tests.observe.asking import Ask, answer
application = WSGIHandler()
for _ in range(int(sys.argv[2])):
    assert answer(application, Ask("GET", "/")).body == b"fine"
assert not [name for name in sys.modules if name.split(".")[0] == "rest_framework"]
from stockade import observe
for row in observe.read():
    print(row.kind, row.reason, row.count)
"""


def run(folder: Path, times: int, home: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _SITE, str(folder), str(times)],
        env={**os.environ, "XDG_STATE_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return sorted(done.stdout.splitlines())


def test_a_project_without_a_database_or_drf_is_observed_across_its_processes(folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    assert run(folder, 30, home) == ["policies undeclared 30"]
    assert run(folder, 30, home) == ["limits limit:anon 10", "policies undeclared 60"]


def test_a_project_whose_state_has_no_place_is_observed_in_memory(folder: Path) -> None:
    home = folder / "home"
    home.write_text("a file")
    done = run_failing(folder, home)
    assert "stockade.E022" in done


def run_failing(folder: Path, home: Path) -> str:
    """The requests are answered; only whoever reads is told."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _SITE.replace("for row in", "print('answered')\nfor row in"),
            str(folder),
            "60",
        ],
        env={**os.environ, "XDG_STATE_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "answered" in done.stdout
    return done.stderr
