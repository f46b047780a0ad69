"""Browser mode and pages of somebody else: none of them refreshes, logs in, logs out, or plants a cookie of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import RequestFactory

from stockade.core.errors import CsrfFailed
from stockade.edge import csrf
from stockade.models import Session
from stockade.schemes.jwt import cookie
from tests.schemes.browsing import (
    BINDING,
    NAME,
    OBTAIN,
    OWN,
    REFRESH,
    REVOKE,
    Browser,
    browser as browser,
    me,
    site as site,
)
from tests.schemes.conftest import PASSWORD

pytestmark = pytest.mark.django_db

# Headers of requests that no page of ours makes, and why each is refused.
FORGED: dict[str, tuple[dict[str, Any], str]] = {
    "a form of another site": (
        {"HTTP_X_STOCKADE_CSRF": None, "HTTP_ORIGIN": "https://evil.example", "HTTP_SEC_FETCH_SITE": "cross-site"},
        "csrf_header",
    ),
    "a form of our own page": ({"HTTP_X_STOCKADE_CSRF": None}, "csrf_header"),
    "a header with another value": ({"HTTP_X_STOCKADE_CSRF": "0"}, "csrf_header"),
    "an empty header": ({"HTTP_X_STOCKADE_CSRF": ""}, "csrf_header"),
    # From here on with the header: a browser's fault, or CORS that allows too much.
    "a script of another site": (
        {"HTTP_ORIGIN": "https://evil.example", "HTTP_SEC_FETCH_SITE": "cross-site"},
        "csrf_origin",
    ),
    "a sibling host": ({"HTTP_ORIGIN": "https://blog.testserver", "HTTP_SEC_FETCH_SITE": "same-site"}, "csrf_origin"),
    "another port": ({"HTTP_ORIGIN": "https://testserver:8443", "HTTP_SEC_FETCH_SITE": "same-site"}, "csrf_origin"),
    "plain HTTP of the same host": (
        {"HTTP_ORIGIN": "http://testserver", "HTTP_SEC_FETCH_SITE": "cross-site"},
        "csrf_origin",
    ),
    "plain HTTP, in a browser without fetch metadata": (
        {"HTTP_ORIGIN": "http://testserver", "HTTP_SEC_FETCH_SITE": None},
        "csrf_origin",
    ),
    "an opaque origin": ({"HTTP_ORIGIN": "null", "HTTP_SEC_FETCH_SITE": "cross-site"}, "csrf_origin"),
    "an opaque origin that claims to be ours": ({"HTTP_ORIGIN": "null"}, "csrf_origin"),
    "no origin": ({"HTTP_ORIGIN": None}, "csrf_no_origin"),
    "no origin and no fetch metadata": ({"HTTP_ORIGIN": None, "HTTP_SEC_FETCH_SITE": None}, "csrf_no_origin"),
    "an empty origin": ({"HTTP_ORIGIN": ""}, "csrf_no_origin"),
    "a host that begins as ours": ({"HTTP_ORIGIN": "https://testserver.evil.example"}, "csrf_origin"),
    "a host that ends as ours": ({"HTTP_ORIGIN": "https://eviltestserver"}, "csrf_origin"),
    "our host as a user name": ({"HTTP_ORIGIN": "https://testserver@evil.example"}, "csrf_origin"),
    "our origin and more": ({"HTTP_ORIGIN": "https://testserver/x"}, "csrf_origin"),
    "two origins": ({"HTTP_ORIGIN": "https://testserver, https://evil.example"}, "csrf_origin"),
    "no URL at all": ({"HTTP_ORIGIN": "https://[::1"}, "csrf_origin"),
    "our origin, by way of a sibling": ({"HTTP_SEC_FETCH_SITE": "same-site"}, "csrf_site"),
    "our origin, by way of another site": ({"HTTP_SEC_FETCH_SITE": "cross-site"}, "csrf_site"),
    "the address bar": ({"HTTP_SEC_FETCH_SITE": "none"}, "csrf_site"),
    "a word that is none": ({"HTTP_SEC_FETCH_SITE": "same-origin, none"}, "csrf_site"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_page_of_somebody_else_can_use_none_of_the_views(
    browser: Browser, name: str, log: Callable[..., Any]
) -> None:
    access = browser.login().json()["access"]
    headers, reason = FORGED[name]
    before = (browser.token, browser.binding)
    for path, body in (
        (OBTAIN, {"username": "alice", "password": PASSWORD}),
        (REFRESH, None),
        (REVOKE, None),
    ):
        answer = browser.post(path, body, **headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
        assert "access" not in answer.json()
        assert not answer.cookies
    assert [record.reason for record in log("CSRF_FAIL")] == [reason] * 3
    assert (browser.token, browser.binding) == before
    assert (Session.objects.count(), Session.objects.get().generation) == (1, 1)
    assert me(access) == 200


def test_logging_somebody_in_as_the_attacker_is_refused_before_the_password_is_looked_at(
    browser: Browser, make_user: Callable[..., Any], log: Callable[..., Any]
) -> None:
    """Login CSRF: the victim would go on in the attacker's account, and leave there what she types."""
    make_user("mallory")
    headers, _ = FORGED["a form of another site"]
    answer = browser.login("mallory", **headers)
    assert (answer.status_code, dict(answer.cookies)) == (403, {})
    browser.login("mallory", password="wrong", **headers)
    assert not log("LOGIN_FAIL")
    assert not Session.objects.exists()


def test_a_browser_without_fetch_metadata_is_told_by_its_origin(browser: Browser) -> None:
    browser.login(HTTP_SEC_FETCH_SITE=None)
    assert browser.post(REFRESH, HTTP_SEC_FETCH_SITE=None).status_code == 200


@pytest.mark.parametrize(
    ("trusted", "headers", "status"),
    [
        ("https://app.testserver", {"HTTP_ORIGIN": "https://app.testserver", "HTTP_SEC_FETCH_SITE": "same-site"}, 200),
        ("https://app.testserver", {"HTTP_ORIGIN": "https://app.testserver", "HTTP_SEC_FETCH_SITE": None}, 200),
        ("https://app.testserver", {"HTTP_ORIGIN": "https://app.testserver", "HTTP_SEC_FETCH_SITE": "cross-site"}, 403),
        ("https://app.testserver", {"HTTP_ORIGIN": "https://app.testserver", "HTTP_SEC_FETCH_SITE": "none"}, 403),
        ("https://app.testserver", {"HTTP_ORIGIN": "http://app.testserver", "HTTP_SEC_FETCH_SITE": None}, 403),
        ("https://app.testserver", {"HTTP_ORIGIN": "https://app.testserver:444", "HTTP_SEC_FETCH_SITE": None}, 403),
        ("https://app.testserver", {"HTTP_ORIGIN": "https://evil.app.testserver", "HTTP_SEC_FETCH_SITE": None}, 403),
        ("https://*.testserver", {"HTTP_ORIGIN": "https://any.testserver", "HTTP_SEC_FETCH_SITE": "same-site"}, 200),
        ("https://*.testserver", {"HTTP_ORIGIN": "https://eviltestserver", "HTTP_SEC_FETCH_SITE": None}, 403),
        ("https://*.testserver", {"HTTP_ORIGIN": "http://any.testserver", "HTTP_SEC_FETCH_SITE": None}, 403),
        ("https://*.testserver", {"HTTP_ORIGIN": "https://any.testserver/x", "HTTP_SEC_FETCH_SITE": None}, 403),
        # The API's own address, where a proxy in front of it changes the host: the browser says same-origin.
        ("https://api.example", {"HTTP_ORIGIN": "https://api.example", "HTTP_SEC_FETCH_SITE": "same-origin"}, 200),
    ],
)  # fmt: skip
def test_a_page_of_another_origin_is_let_in_by_name_and_only_within_the_site(
    project: Any, browser: Browser, trusted: str, headers: dict[str, Any], status: int
) -> None:
    browser.login()
    project.CSRF_TRUSTED_ORIGINS = [trusted]
    assert browser.post(REFRESH, **headers).status_code == status


def test_behind_a_proxy_that_says_https_the_origin_is_https(project: Any, browser: Browser) -> None:
    project.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    browser.login()
    forwarded = {"secure": False, "HTTP_HOST": "testserver", "HTTP_X_FORWARDED_PROTO": "https"}
    assert browser.post(REFRESH, **forwarded).status_code == 200
    assert browser.post(REFRESH, **{**forwarded, "HTTP_X_FORWARDED_PROTO": "http"}).status_code == 403


@pytest.mark.parametrize(
    ("secure", "host", "origin", "status"),
    [
        (True, "testserver:443", "https://testserver", 200),
        (False, "testserver:80", "http://testserver", 200),
        (True, "TestServer", "https://testserver", 200),
        (True, "testserver:8443", "https://testserver:8443", 200),
        (True, "[::1]", "https://[::1]", 200),
        (True, "testserver:80", "https://testserver", 403),
        (True, "testserver:8443", "https://testserver", 403),
        (True, "testserver", "https://testserver:8443", 403),
    ],
)
def test_a_page_is_of_our_origin_by_scheme_host_and_port(
    browser: Browser, secure: bool, host: str, origin: str, status: int
) -> None:
    browser.login()
    assert browser.post(REFRESH, secure=secure, HTTP_HOST=host, HTTP_ORIGIN=origin).status_code == status


def test_a_host_that_is_not_ours_is_nobodys_own() -> None:
    """DNS rebinding: the attacker's name leads to this machine, and both Origin and Host say it."""
    request = RequestFactory().post(
        REFRESH, **{**OWN, "HTTP_ORIGIN": "https://evil.example", "HTTP_HOST": "evil.example"}, secure=True
    )
    with pytest.raises(CsrfFailed, match="csrf_failed"):
        csrf.require_own_page(request)


def test_asking_what_a_view_takes_is_no_use_of_the_cookie(browser: Browser) -> None:
    assert browser.client.options(REFRESH).status_code == 200


def test_reading_methods_do_nothing(browser: Browser) -> None:
    """SameSite and Origin say less about a GET."""
    browser.login()
    for path in (OBTAIN, REFRESH, REVOKE):
        assert browser.client.get(path, **OWN).status_code == 405
    assert Session.objects.get().generation == 1


# -- cookies that somebody else has planted ---------------------------------------------------------------------------


@pytest.fixture
def mallory(make_user: Callable[..., Any]) -> Browser:
    """The browser of an attacker who has an account, logged in."""
    make_user("mallory")
    found = Browser()
    found.login("mallory")
    return found


@pytest.mark.parametrize("order", ["before", "after", "around"])
def test_a_planted_cookie_beside_the_own_one_is_passed_over(
    browser: Browser, mallory: Browser, order: str
) -> None:
    """A sibling host plants one for the whole domain: a longer path goes first, an older one first (RFC 6265, 5.4)."""
    browser.login()
    own, planted = (NAME, browser.token), (NAME, mallory.token)
    pairs = {"before": [planted, own], "after": [own, planted], "around": [planted, own, planted, planted]}[
        order
    ]
    answer = browser.post(REFRESH, **browser.cookies((BINDING, browser.binding), *pairs))
    assert answer.status_code == 200
    assert Session.objects.get(user__username="alice").generation == 2
    assert Session.objects.get(user__username="mallory").generation == 1
    answer = browser.post(
        REVOKE, **browser.cookies((NAME, mallory.token), (BINDING, browser.binding), (NAME, browser.token))
    )
    assert answer.status_code == 204
    assert Session.objects.get(user__username="alice").ended_at is not None
    assert Session.objects.get(user__username="mallory").ended_at is None


def test_a_planted_cookie_logs_nobody_in(browser: Browser, mallory: Browser) -> None:
    """Session fixation: whoever opens the page would work in the attacker's account."""
    nobody = browser.cookies((NAME, mallory.token))
    for headers in (nobody, browser.cookies((NAME, mallory.token), (BINDING, cookie.new_binding()))):
        assert browser.post(REFRESH, **headers).status_code == 401
    browser.login()
    assert (
        browser.post(
            REFRESH, **browser.cookies((NAME, mallory.token), (BINDING, browser.binding))
        ).status_code
        == 401
    )
    assert Session.objects.get(user__username="mallory").generation == 1


def test_where_nobody_is_logged_in_planted_cookies_charge_nobody(browser: Browser, mallory: Browser) -> None:
    """We cannot clear them, so they come with each load of the page; visitors must not be locked out by it."""
    for _ in range(40):
        assert browser.post(REFRESH, **browser.cookies((NAME, mallory.token))).status_code == 401
    assert browser.login().status_code == 200
    assert browser.post(REFRESH).status_code == 200


def test_two_bindings_are_none(browser: Browser, mallory: Browser) -> None:
    """A browser that knows no prefixes may have a planted pair: nothing tells which one is ours."""
    browser.login()
    pairs = [
        (BINDING, browser.binding),
        (BINDING, mallory.binding),
        (NAME, browser.token),
        (NAME, mallory.token),
    ]
    for order in (pairs, pairs[::-1]):
        assert browser.post(REFRESH, **browser.cookies(*order)).status_code == 401


# What Python's `strip` takes for space and a browser keeps in a name (RFC 6265bis section 5.6: only space and tab go).
SPACES = ["\xa0", "\x85", "\x0b", "\x0c", "\x1c", "\x1f"]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: f"{ord(space):02x}")
def test_a_name_that_is_ours_but_for_odd_spaces_is_not_ours(
    browser: Browser, mallory: Browser, space: str
) -> None:
    """A browser does not know the prefix behind them, and lets a sibling host plant the binding as well."""
    binding = (f"{space}{BINDING}", mallory.binding)
    for pairs in (
        [binding, (NAME, mallory.token)],
        [(f"{BINDING}{space}", mallory.binding), (NAME, mallory.token)],
    ):
        assert browser.post(REFRESH, **browser.cookies(*pairs)).status_code == 401
    assert Session.objects.get(user__username="mallory").generation == 1
    browser.login()
    own = [(BINDING, browser.binding), (NAME, browser.token)]
    answer = browser.post(REFRESH, **browser.cookies(binding, (f"{space}{NAME}", mallory.token), *own))
    assert answer.status_code == 200, "nor does it log anybody out"


def test_a_stolen_cookie_alone_is_no_credential(browser: Browser) -> None:
    """Each of the two is worth nothing without the other."""
    browser.login()
    for pair in ((NAME, browser.token), (BINDING, browser.binding)):
        assert browser.post(REFRESH, **browser.cookies(pair)).status_code == 401


def test_an_older_cookie_of_another_path_is_passed_over(browser: Browser) -> None:
    """A project has moved its URLs: the browser sends the old cookie as well."""
    browser.login()
    old = (NAME, browser.token)
    browser.post(REFRESH)
    for pairs in ([old, (NAME, browser.token)], [(NAME, browser.token), old]):
        assert browser.post(REFRESH, **browser.cookies((BINDING, browser.binding), *pairs)).status_code == 200
    assert Session.objects.get().generation == 3, "by the newest, and again within the leeway"
