"""The token views take forms, as simplejwt's do: strictly, and nothing from a page of somebody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

from stockade.models import KnownAddress, Session
from stockade.schemes.jwt import Pair
from tests.schemes.conftest import PASSWORD

pytestmark = pytest.mark.django_db

TOKEN, REFRESH, VERIFY, REVOKE = (
    "/api/token/",
    "/api/token/refresh/",
    "/api/token/verify/",
    "/api/token/revoke/",
)
ALL = (TOKEN, REFRESH, VERIFY, REVOKE)
FORM = "application/x-www-form-urlencoded"
BOUNDARY = "b0undary"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
GOOD = {"username": "alice", "password": PASSWORD}
# What browsers say of a request that a page of their user's own doing, or of somebody else's, has made.
OWN = {"HTTP_ORIGIN": "http://testserver", "HTTP_SEC_FETCH_SITE": "same-origin"}
STRANGER = {"HTTP_ORIGIN": "https://evil.example", "HTTP_SEC_FETCH_SITE": "cross-site"}
STRANGERS: dict[str, dict[str, str]] = {
    "another site": STRANGER,
    "a browser without fetch metadata": {"HTTP_ORIGIN": "https://evil.example"},
    "a page that hides its origin": {"HTTP_ORIGIN": "null", "HTTP_SEC_FETCH_SITE": "cross-site"},
    "a sandboxed frame": {"HTTP_ORIGIN": "null"},
    "a sibling host": {"HTTP_ORIGIN": "http://blog.testserver", "HTTP_SEC_FETCH_SITE": "same-site"},
    "another port": {"HTTP_ORIGIN": "http://testserver:8443", "HTTP_SEC_FETCH_SITE": "same-site"},
    "a request without Origin that the browser knows": {"HTTP_SEC_FETCH_SITE": "cross-site"},
    "our origin by way of another site": {
        "HTTP_ORIGIN": "http://testserver",
        "HTTP_SEC_FETCH_SITE": "cross-site",
    },
}


@pytest.fixture(autouse=True)
def site(project: Any) -> None:
    """The middleware in front, as a project has it."""
    project.MIDDLEWARE = ["stockade.web.Middleware"]
    project.ROOT_URLCONF = "tests.schemes.urls"
    project.REST_FRAMEWORK = {"EXCEPTION_HANDLER": "stockade.drf.exceptions.exception_handler"}


def part(name: str, value: str | bytes, extra: str = "") -> bytes:
    value = value.encode() if isinstance(value, str) else value
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'
    return head.encode() + value + b"\r\n"


def multipart(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def encoded(kind: str, fields: Any) -> tuple[bytes, str]:
    """(body, content type) of fields: a dict, or pairs where a name stands twice."""
    pairs = list(fields.items()) if isinstance(fields, dict) else fields
    if kind == "multipart":
        return multipart(*(part(name, value) for name, value in pairs)), MULTIPART
    return urlencode(pairs).encode(), FORM


def post(path: str, fields: Any, kind: str = "form", **headers: Any) -> Any:
    body, content_type = fields if isinstance(fields, tuple) else encoded(kind, fields)
    # Not by `post`, which encodes anew by the charset.
    return Client().generic("POST", path, body, content_type, **headers)


# -- the way it goes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["form", "multipart"])
@pytest.mark.parametrize("headers", [{}, OWN], ids=["a program", "a page of ours"])
def test_log_in_refresh_verify_log_out_by_forms(kind: str, headers: dict[str, str], alice: Any) -> None:
    obtained = post(TOKEN, GOOD, kind, **headers)
    assert (obtained.status_code, set(obtained.json())) == (200, {"access", "refresh"})
    refreshed = post(REFRESH, {"refresh": obtained.json()["refresh"]}, kind, **headers)
    assert refreshed.status_code == 200
    assert post(VERIFY, {"token": refreshed.json()["access"]}, kind, **headers).status_code == 200
    assert post(REVOKE, {"refresh": refreshed.json()["refresh"]}, kind, **headers).status_code == 204
    assert post(VERIFY, {"token": refreshed.json()["access"]}, kind, **headers).status_code == 401


@pytest.mark.parametrize("kind", ["form", "multipart"])
def test_a_password_is_what_was_typed(kind: str, make_user: Callable[..., Any]) -> None:
    typed = " a+b %41&c=ä😀; "
    user = make_user("odd")
    user.set_password(typed)
    user.save()
    assert post(TOKEN, {"username": "odd", "password": typed}, kind).status_code == 200
    assert post(TOKEN, {"username": "odd", "password": typed.strip()}, kind).status_code == 401


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8"])
def test_a_form_may_say_that_it_is_utf_8(charset: str, alice: Any) -> None:
    assert post(TOKEN, (urlencode(GOOD).encode(), f"{FORM}; charset={charset}")).status_code == 200


# -- what is refused --------------------------------------------------------------------------------------------------

_GOOD = urlencode(GOOD).encode()
_USER, _PASSWORD = part("username", "alice"), part("password", PASSWORD)
WRONG: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", FORM),
    "a name twice": (_GOOD + b"&username=bob", FORM),
    "a name twice, the same": (_GOOD + b"&username=alice", FORM),
    "a name twice, once encoded": (_GOOD + b"&user%6eame=bob", FORM),
    "an unknown field": (_GOOD + b"&is_staff=1", FORM),
    "a field of the answer": (_GOOD + b"&access=x", FORM),
    "blank": (b"username=&password=", FORM),
    "no value": (b"username&password", FORM),
    "a list as PHP writes it": (b"username[]=alice&password[]=x", FORM),
    "invalid UTF-8": (b"username=%ff%fe&password=x", FORM),
    "raw invalid UTF-8": (b"username=\xff&password=x", FORM),
    "half a surrogate pair": (b"username=%ED%A0%80&password=x", FORM),
    "a NUL": (b"username=a%00lice&password=x", FORM),
    "another charset": (_GOOD, f"{FORM}; charset=latin-1"),
    "UTF-7": (_GOOD, f"{FORM}; charset=utf-7"),
    "a charset that is none": (_GOOD, f"{FORM}; charset=klingon"),
    "70 KB": (_GOOD + b"&x=" + b"x" * 70_000, FORM),
    "thousands of fields": (b"&".join(b"a%d=" % number for number in range(5000)), FORM),
    "JSON that says it is a form": (b'{"username": "alice", "password": "x"}', FORM),
    "a part twice": (multipart(_USER, _PASSWORD, _USER), MULTIPART),
    "an unknown part": (multipart(_USER, _PASSWORD, part("is_staff", "1")), MULTIPART),
    "a file": (multipart(_USER, part("password", PASSWORD, '; filename="x"')), MULTIPART),
    "a file beside": (multipart(_USER, _PASSWORD, part("x", "x", '; filename="x"')), MULTIPART),
    "a file without a name": (multipart(_USER, _PASSWORD, part("x", "x", '; filename=""')), MULTIPART),
    "no boundary": (multipart(_USER, _PASSWORD), "multipart/form-data"),
    "another boundary": (multipart(_USER, _PASSWORD), "multipart/form-data; boundary=other"),
    "a boundary that is none": (multipart(_USER, _PASSWORD), "multipart/form-data; boundary=" + "x" * 210),
    "no end": (_USER + _PASSWORD[:-20], MULTIPART),
    "a part of invalid UTF-8": (multipart(part("username", b"\xff"), _PASSWORD), MULTIPART),
    "70 KB of parts": (multipart(_USER, part("password", "x" * 70_000)), MULTIPART),
    "a thousand parts": (multipart(*(part(f"a{number}", "") for number in range(900))), MULTIPART),
    "a multipart charset": (multipart(_USER, _PASSWORD), f"{MULTIPART}; charset=latin-1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_form_is_refused_and_opens_nothing(name: str, alice: Any) -> None:
    status = 413 if len(WRONG[name][0]) > 65_536 else 400
    for path in ALL:
        answer = post(path, WRONG[name])
        assert answer.status_code == status, (path, answer.content)
        assert answer["Content-Type"] == "application/problem+json"
        assert not answer.cookies
    assert not Session.objects.exists()


@pytest.mark.parametrize("kind", ["form", "multipart"])
def test_a_middleware_that_has_read_the_form_does_not_make_it_less_strict(
    kind: str, alice: Any, project: Any
) -> None:
    """Once `request.POST` was read, DRF takes a multipart form from there and asks no parser."""
    project.MIDDLEWARE = ["stockade.web.Middleware", f"{__name__}.reads_the_form"]
    twice = [*GOOD.items(), ("username", "bob")]
    assert post(TOKEN, GOOD, kind).status_code == 200
    assert post(TOKEN, twice, kind).status_code == 400
    assert post(TOKEN, GOOD, kind, **STRANGER).status_code == 403
    file = multipart(_USER, _PASSWORD, part("x", "x", '; filename="x"'))
    assert post(TOKEN, (file, MULTIPART)).status_code == 400


def reads_the_form(get_response: Any) -> Any:
    """A middleware as projects have them."""

    def middleware(request: Any) -> Any:
        request.POST.get("anything")
        return get_response(request)

    return middleware


def test_the_title_of_a_refusal_has_no_place_left_open(alice: Any) -> None:
    answer = Client().post(TOKEN, b"x", content_type="application/xml")
    assert "{" not in answer.json()["title"] + answer.json()["detail"]


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "multipart/form-data; boundary=" + "x" * 300,
        "application/xml",
        "",
        "multipart/mixed; boundary=x",
    ],
)
def test_what_is_neither_json_nor_a_form_is_415(content_type: str, alice: Any) -> None:
    """`text/plain` is the third thing that a form of another site can send, with JSON in it."""
    body = b'{"username": "alice", "password": "' + PASSWORD.encode() + b'"}'
    assert Client().post(TOKEN, body, content_type=content_type).status_code == 415


@given(st.binary(max_size=300), st.sampled_from([FORM, MULTIPART]))
@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_form_makes_an_error_of_ours(alice: Any, body: bytes, content_type: str) -> None:
    for path in ALL:
        assert 400 <= post(path, (body, content_type)).status_code < 500
        assert 400 <= post(path, (multipart(body), content_type)).status_code < 500


# -- pages of somebody else -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["form", "multipart"])
@pytest.mark.parametrize("name", STRANGERS)
def test_a_page_of_somebody_else_logs_nobody_in_and_plants_no_cookie(
    name: str, kind: str, make_user: Callable[..., Any], log: Callable[..., Any]
) -> None:
    """Login CSRF: the device cookie of the attacker's account would take the place of the victim's own."""
    make_user("mallory")
    answer = post(TOKEN, {"username": "mallory", "password": PASSWORD}, kind, **STRANGERS[name])
    assert (answer.status_code, answer.json()["code"], dict(answer.cookies)) == (403, "csrf_failed", {})
    assert not Session.objects.exists()
    assert not KnownAddress.objects.exists()
    assert [record.event.name for record in log()][-1:] == ["CSRF_FAIL"]
    assert not log("LOGIN_SUCCESS")


def test_a_page_of_somebody_else_locks_nobody_out_of_her_account(
    alice: Any, configure: Callable[..., None]
) -> None:
    """Guesses that her own browser sends count for her address, from which she is known."""
    configure(LIMITS={"login": "3/min", "login_address": "5/min", "failed_auth": "3/min", "anon": None})
    assert post(TOKEN, GOOD).status_code == 200
    for guess in range(10):
        post(TOKEN, {"username": "alice", "password": f"guess {guess}"}, **STRANGER)
    assert post(TOKEN, GOOD).status_code == 200


def test_a_page_of_somebody_else_uses_up_no_failures_of_its_visitors_address(
    pair: Pair, configure: Callable[..., None]
) -> None:
    configure(LIMITS={"failed_auth": "3/min", "anon": None})
    for _ in range(10):
        post(REFRESH, {"refresh": "x"}, **STRANGER)
        post(VERIFY, {"token": "x"}, **STRANGER)
        post(REVOKE, {"refresh": "x"}, **STRANGER)
    assert post(REFRESH, {"refresh": pair.refresh}).status_code == 200


def test_a_form_gets_a_device_cookie_only_where_the_browser_says_that_the_page_is_ours(
    alice: Any, project: Any
) -> None:
    project.CSRF_TRUSTED_ORIGINS = ["https://app.example"]
    assert "stockade-device" in post(TOKEN, GOOD, **OWN).cookies
    assert "stockade-device" in post(TOKEN, GOOD, HTTP_ORIGIN="http://testserver").cookies
    for unsure in ({}, {"HTTP_ORIGIN": "https://app.example", "HTTP_SEC_FETCH_SITE": "cross-site"}):
        answer = post(TOKEN, GOOD, **unsure)
        assert (answer.status_code, dict(answer.cookies)) == (200, {})


@pytest.mark.parametrize("setting", ["CSRF_TRUSTED_ORIGINS", "CORS_ALLOWED_ORIGINS"])
def test_a_page_that_the_project_names_may_send_forms(setting: str, alice: Any, project: Any) -> None:
    setattr(project, setting, ["https://app.example"])
    for site in ({"HTTP_SEC_FETCH_SITE": "cross-site"}, {}):
        assert post(TOKEN, GOOD, HTTP_ORIGIN="https://app.example", **site).status_code == 200
        assert post(TOKEN, GOOD, HTTP_ORIGIN="https://app.example.evil", **site).status_code == 403


def test_json_is_taken_as_before_wherever_it_comes_from(alice: Any) -> None:
    """A page of another origin sends JSON only after a preflight, which CORS answers."""
    answer = Client().post(TOKEN, GOOD, content_type="application/json", **STRANGER)
    assert answer.status_code == 200


def test_behind_a_proxy_that_hides_https_a_page_of_ours_is_still_ours(alice: Any) -> None:
    """The browser itself says so: no script can write Sec-Fetch-Site."""
    headers = {"HTTP_ORIGIN": "https://testserver", "HTTP_SEC_FETCH_SITE": "same-origin"}
    assert post(TOKEN, GOOD, **headers).status_code == 200


@pytest.mark.parametrize(
    "path", ["/api/token/browser/", "/api/token/browser/refresh/", "/api/token/browser/revoke/"]
)
@pytest.mark.parametrize("headers", [STRANGER, OWN, {}], ids=["a stranger", "our page", "a program"])
def test_where_the_refresh_cookie_is_no_form_is_taken_from_anybody(
    path: str, headers: dict[str, str], alice: Any, configure: Callable[..., None]
) -> None:
    configure(JWT={"REFRESH_COOKIE": "__Secure-refresh-token"})
    for kind in ("form", "multipart"):
        with_header = post(path, GOOD, kind, HTTP_X_STOCKADE_CSRF="1", **headers)
        assert with_header.status_code in {403, 415}
        without = post(path, GOOD, kind, **headers)
        assert without.status_code == 403
        assert not with_header.cookies
        assert not without.cookies
    assert not Session.objects.exists()
