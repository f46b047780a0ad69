"""Browser mode over HTTP: where the refresh token goes, where it does not, and how a session ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.cookies import Morsel
from typing import Any

import pytest
from django import urls
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.http import HttpResponse
from django.test import Client, RequestFactory

import stockade
from stockade import conf, keyring
from stockade.core.errors import ConfigurationError
from stockade.drf.views import BrowserObtainView, BrowserRefreshView, BrowserRevokeView
from stockade.models import Session
from stockade.schemes.conf import JWTSettings
from stockade.schemes.jwt import Pair, cookie, issue, redeem
from tests.schemes import forge
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

# A project that has the views elsewhere.
urlpatterns = [
    urls.path("login", BrowserObtainView.as_view(), name="token_browser"),
    urls.path("auth/refresh", BrowserRefreshView.as_view(), name="token_browser_refresh"),
    urls.path("auth/logout", BrowserRevokeView.as_view(), name="token_browser_revoke"),
]


def attributes(morsel: Morsel[str]) -> dict[str, Any]:
    return {name: value for name, value in morsel.items() if value and name not in {"expires", "max-age"}}


def post_body(path: str, body: Any, **headers: Any) -> Any:
    return Client().post(path, json.dumps(body), content_type="application/json", **headers)


# -- the way it goes --------------------------------------------------------------------------------------------------


def test_log_in_refresh_log_out(browser: Browser, log: Callable[..., Any]) -> None:
    obtained = browser.login()
    assert (obtained.status_code, set(obtained.json())) == (200, {"access"})
    assert me(obtained.json()["access"]) == 200
    first = browser.token
    refreshed = browser.post(REFRESH)
    assert (refreshed.status_code, set(refreshed.json())) == (200, {"access"})
    assert browser.token != first
    assert me(refreshed.json()["access"]) == 200
    out = browser.post(REVOKE)
    assert (out.status_code, out.content) == (204, b"")
    assert me(refreshed.json()["access"]) == 401
    assert browser.post(REFRESH).status_code == 401
    names = [record.event.name for record in log()]
    assert names.count("TOKEN_CREATED") == names.count("TOKEN_REFRESHED") == names.count("TOKEN_REVOKED") == 1


def test_a_refresh_token_stands_in_no_body_and_no_other_header(browser: Browser) -> None:
    for answer in (browser.login(), browser.post(REFRESH), browser.post(REFRESH), browser.post(REVOKE)):
        assert b"st_refresh" not in answer.content
        assert "st_refresh" not in str(answer.headers)
        assert answer["Cache-Control"] == "no-store"


def test_the_cookies_are_for_no_script_no_other_site_no_plain_http_and_no_other_host(
    browser: Browser,
) -> None:
    for answer in (browser.login(), browser.post(REFRESH)):
        base = {"secure": True, "httponly": True, "samesite": "Strict"}
        assert attributes(answer.cookies[NAME]) == {**base, "path": OBTAIN}
        assert attributes(answer.cookies[BINDING]) == {**base, "path": "/"}


def test_the_cookies_are_the_same_over_plain_http(browser: Browser) -> None:
    """Behind a proxy that does not say HTTPS; and a browser that cannot keep them shall not keep weaker ones."""
    answer = browser.login(secure=False, HTTP_ORIGIN="http://testserver")
    assert answer.cookies[NAME]["secure"]
    assert answer.cookies[BINDING]["secure"]


def test_the_cookies_last_as_long_as_the_session(
    browser: Browser, configure: Callable[..., None], later: Callable[[float], None]
) -> None:
    configure(JWT={"REFRESH_COOKIE": NAME, "REFRESH_IDLE": "1h", "REFRESH_ABSOLUTE": "100m"})
    ages = [browser.login().cookies[name]["max-age"] for name in (NAME, BINDING)]
    for _ in range(2):
        later(1800)
        answer = browser.post(REFRESH)
        ages += [answer.cookies[name]["max-age"] for name in (NAME, BINDING)]
    # Idle for an hour at most, then what is left of a hundred minutes.
    assert [round(age, -1) for age in ages] == [3600, 3600, 3600, 3600, 2400, 2400]


def test_the_sessions_of_browsers_are_listed_and_ended_like_others(browser: Browser) -> None:
    access = browser.login(HTTP_USER_AGENT="Firefox").json()["access"]
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {access}"}
    (listed,) = Client().get("/api/sessions/", **bearer).json()
    assert (listed["current"], listed["user_agent"]) == (True, "Firefox")
    assert Client().delete(f"/api/sessions/{listed['id']}/", **bearer).status_code == 204
    assert browser.post(REFRESH).status_code == 401


def test_an_expired_access_token_in_the_header_does_not_hinder_a_refresh(browser: Browser) -> None:
    browser.login()
    assert browser.post(REFRESH, HTTP_AUTHORIZATION="Bearer garbage").status_code == 200


# -- two kinds of tokens ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "field"),
    [("/api/token/refresh/", "refresh"), ("/api/token/revoke/", "refresh"), ("/api/token/verify/", "token")],
)
def test_a_token_out_of_the_cookie_opens_nothing_in_a_body(browser: Browser, path: str, field: str) -> None:
    """Who gets at a cookie, in a proxy's log for example, has no use for it where no cookie is asked for."""
    access = browser.login().json()["access"]
    assert post_body(path, {field: browser.token}).status_code == 401
    assert me(access) == 200, "and it ends nothing"
    assert browser.post(REFRESH).status_code == 200


def test_a_token_out_of_a_body_opens_nothing_as_a_cookie(browser: Browser, alice: Any) -> None:
    """A page of an attacker with cookies of its own cannot put a session into them that a body has shown."""
    browser.login()
    pair = issue(alice)
    planted = browser.cookies((NAME, pair.refresh), (BINDING, browser.binding))
    assert browser.post(REFRESH, **planted).status_code == 401
    assert browser.post(REVOKE, **planted).status_code == 204
    assert redeem(pair.refresh), "and it was not ended"


@pytest.mark.parametrize("path", [REFRESH, REVOKE])
def test_a_token_in_the_body_is_an_unknown_field(browser: Browser, alice: Any, path: str) -> None:
    pair = issue(alice)
    browser.login()
    answer = browser.post(path, {"refresh": pair.refresh})
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["refresh"]
    assert browser.post(REFRESH, {}).status_code == 200, "an empty object is no body worth a refusal"


def test_a_cookie_at_the_views_for_bodies_is_nothing(browser: Browser) -> None:
    browser.login()
    for path in ("/api/token/refresh/", "/api/token/revoke/"):
        assert browser.post(path, {}).status_code == 400
    assert browser.post(REFRESH).status_code == 200


def test_a_cookies_token_is_no_access_token_either(browser: Browser) -> None:
    browser.login()
    assert me(browser.token) == 401


def test_the_views_for_bodies_set_no_cookie_but_the_devices(alice: Any) -> None:
    answer = post_body("/api/token/", {"username": "alice", "password": PASSWORD}, **OWN)
    assert set(answer.json()) == {"access", "refresh"}
    assert {NAME, BINDING} & set(answer.cookies) == set()


# -- turned off -------------------------------------------------------------------------------------------------------


def test_it_is_off_unless_it_is_turned_on(browser: Browser, configure: Callable[..., None]) -> None:
    configure(JWT={})
    assert not cookie.enabled()
    for path in (OBTAIN, REFRESH, REVOKE):
        answer = browser.post(path, {"username": "alice", "password": PASSWORD})
        assert answer.status_code == 404
        assert not answer.cookies
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    "name",
    [
        "refresh-token", "__Host-refresh-token", "__Secure-", "__Secure-session", "__Secure-a token", "__Secure-token;",
        1, True, "__Secure-" + "token" * 20, "__secure-token",
    ],
)  # fmt: skip
def test_a_name_that_browsers_or_error_reports_would_not_guard_stops_the_start(
    name: object, configure: Callable[..., None]
) -> None:
    configure(JWT={"REFRESH_COOKIE": name})
    with pytest.raises(ConfigurationError, match=r"stockade\.E119.*__Secure-refresh-token"):
        conf.load(JWTSettings)


def test_error_reports_of_django_do_not_show_the_cookies(browser: Browser) -> None:
    from django.views.debug import SafeExceptionReporterFilter

    browser.login()
    request = RequestFactory().get("/", **browser.cookies((NAME, browser.token), (BINDING, browser.binding)))
    shown = SafeExceptionReporterFilter().get_safe_cookies(request)
    assert browser.token not in repr(shown)
    assert browser.binding not in repr(shown)
    assert browser.token not in repr(cookie.held(request))


# -- logins -----------------------------------------------------------------------------------------------------------


def test_a_wrong_password_gives_no_cookie_and_leaves_the_former_session(browser: Browser) -> None:
    browser.login()
    answer = browser.login(password="wrong")
    assert answer.status_code == 401
    assert not answer.cookies
    assert browser.post(REFRESH).status_code == 200


def test_wrong_passwords_are_limited_as_everywhere(browser: Browser, log: Callable[..., Any]) -> None:
    for _ in range(5):
        browser.login(password="wrong")
    assert browser.login().status_code == 429
    assert post_body("/api/token/", {"username": "alice", "password": PASSWORD}).status_code == 429
    assert len(log("LOGIN_LOCK")) == 1


def test_logging_in_again_ends_the_session_that_the_browser_had(
    browser: Browser, make_user: Callable[..., Any]
) -> None:
    """Its cookie is gone: nobody could log out of it any more, and it would be listed for days."""
    make_user("bob")
    alices = browser.login().json()["access"]
    elsewhere = issue(User.objects.get(username="alice"))
    bobs = browser.login("bob").json()["access"]
    assert (me(alices), me(bobs), me(elsewhere.access)) == (401, 200, 200)


def test_logging_in_makes_the_device_known(browser: Browser) -> None:
    assert "__Host-stockade-device" in browser.login().cookies


# -- refreshing -------------------------------------------------------------------------------------------------------


def test_two_tabs_at_once_go_on_as_one_session(browser: Browser) -> None:
    browser.login()
    before = browser.cookies((NAME, browser.token), (BINDING, browser.binding))
    answers = [browser.post(REFRESH, **before) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len({answer.cookies[NAME].value for answer in answers}) == 1
    assert Session.objects.get().generation == 2


def test_a_stolen_cookie_that_was_used_ends_the_session_and_both_are_out(
    browser: Browser, later: Callable[[float], None], log: Callable[..., Any]
) -> None:
    browser.login()
    stolen = browser.cookies((NAME, browser.token), (BINDING, browser.binding))
    thief = Browser()
    access = thief.post(REFRESH, **stolen).json()["access"]
    later(11)
    answer = browser.post(REFRESH, **stolen)
    assert answer.status_code == 401
    assert "reuse" not in answer.content.decode()
    assert len(log("TOKEN_REUSE")) == 1
    assert me(access) == 401


def test_nobody_logged_in_is_401_and_charges_nobody(browser: Browser) -> None:
    """Pages ask when they are loaded: an office full of visitors must not lock itself out."""
    for _ in range(40):
        answer = browser.post(REFRESH)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert not answer.cookies
    assert browser.login().status_code == 200
    assert browser.post(REFRESH).status_code == 200


def test_guessing_is_limited_by_address(browser: Browser) -> None:
    browser.login()
    guess = browser.cookies((NAME, browser.token[:-3] + "AAA"), (BINDING, browser.binding))
    statuses = [browser.post(REFRESH, **guess).status_code for _ in range(35)]
    assert statuses == [401] * 30 + [429] * 5


def dead_session(browser: Browser, how: str, later: Callable[[float], None]) -> None:
    alice = User.objects.get(username="alice")
    if how == "ended":
        stockade.end_sessions(alice)
    elif how == "expired":
        later(8 * 86400)
    elif how == "password changed":
        alice.set_password("another one")
        alice.save()
    elif how == "gone":
        alice.delete()
    elif how == "key revoked":
        keyring.retire(keyring.ring().signer().kid, compromised=True)
    else:
        browser.client.cookies[NAME] = "st_refresh.garbage"


@pytest.mark.parametrize("how", ["ended", "expired", "password changed", "gone", "garbage"])
def test_a_dead_cookie_is_refused_and_cleared(
    browser: Browser, how: str, later: Callable[[float], None]
) -> None:
    browser.login()
    set_with = {name: attributes(browser.client.cookies[name]) for name in (NAME, BINDING)}
    dead_session(browser, how, later)
    answer = browser.post(REFRESH)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
    for name in (NAME, BINDING):
        cleared = answer.cookies[name]
        assert (cleared.value, cleared["max-age"], cleared["expires"][:16]) == ("", 0, "Thu, 01 Jan 1970")
        # A browser replaces a cookie only by one of the same name, domain and path, and a __Host- or __Secure- one
        # only by one that is Secure.
        assert attributes(cleared) == set_with[name]


def test_a_cookie_by_a_key_that_a_worker_does_not_know_is_refused_and_not_cleared(
    browser: Browser, later: Callable[[float], None]
) -> None:
    """Of a key that signs since a moment ago, or of one that was revoked: the worker cannot tell, and has time."""
    browser.login()
    dead_session(browser, "key revoked", later)
    answer = browser.post(REFRESH)
    assert (answer.status_code, dict(answer.cookies)) == (401, {})


def test_an_inactive_account_goes_on_when_it_is_active_again(browser: Browser) -> None:
    browser.login()
    User.objects.filter(username="alice").update(is_active=False)
    answer = browser.post(REFRESH)
    assert (answer.status_code, dict(answer.cookies)) == (401, {})
    User.objects.filter(username="alice").update(is_active=True)
    assert browser.post(REFRESH).status_code == 200


def test_a_state_that_is_away_logs_nobody_out(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    from stockade.core.errors import Unavailable

    browser.login()

    def away(*_: Any) -> Any:
        raise Unavailable()

    with monkeypatch.context() as patched:
        patched.setattr("stockade.schemes.attempts.get_gate", away)
        for path in (REFRESH, REVOKE):
            answer = browser.post(path)
            assert (answer.status_code, dict(answer.cookies)) == (503, {})
            assert int(answer["Retry-After"]) >= 1
    assert browser.post(REFRESH).status_code == 200


# -- logging out ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how", ["ended", "expired", "password changed", "gone", "key revoked", "garbage", "never logged in"]
)
def test_logging_out_of_what_is_over_is_fine_and_clears_the_cookies(
    browser: Browser, how: str, later: Callable[[float], None]
) -> None:
    if how != "never logged in":
        browser.login()
        dead_session(browser, how, later)
    answer = browser.post(REVOKE)
    assert answer.status_code == 204
    assert {name: answer.cookies[name].value for name in (NAME, BINDING)} == {NAME: "", BINDING: ""}
    assert answer.cookies[NAME]["path"] == OBTAIN


def test_logging_out_with_an_older_cookie_ends_the_session_as_well(browser: Browser) -> None:
    """A tab that was asleep while another one refreshed."""
    browser.login()
    old = browser.cookies((NAME, browser.token), (BINDING, browser.binding))
    access = browser.post(REFRESH).json()["access"]
    assert browser.post(REVOKE, **old).status_code == 204
    assert me(access) == 401


# -- the cookie's path ------------------------------------------------------------------------------------------------


def test_the_path_is_that_of_the_views_where_the_project_has_them(project: Any, browser: Browser) -> None:
    project.ROOT_URLCONF = __name__
    answer = browser.post("/login", {"username": "alice", "password": PASSWORD})
    assert answer.cookies[NAME]["path"] == "/", "the folder that /login and /auth/refresh have in common"
    assert browser.post("/auth/refresh").status_code == 200


def test_the_path_is_the_one_outside_of_a_proxy_that_cuts_a_prefix(browser: Browser) -> None:
    urls.set_script_prefix(
        "/backend/"
    )  # what Django's handlers do with FORCE_SCRIPT_NAME, and its test client does not
    try:
        answer = browser.login()
    finally:
        urls.set_script_prefix("/")
    assert answer.cookies[NAME]["path"] == "/backend/api/token/browser/"


def test_views_without_names_are_told_apart_before_a_session_is_opened(
    project: Any, browser: Browser
) -> None:
    project.ROOT_URLCONF = "tests.schemes.nameless_urls"
    with pytest.raises(ImproperlyConfigured, match="token_browser_refresh"):
        browser.post("/login", {"username": "alice", "password": PASSWORD})
    assert not Session.objects.exists()


# -- logins of one's own ----------------------------------------------------------------------------------------------


def own_login(user: Any) -> tuple[HttpResponse, Pair]:
    request = RequestFactory().post(OBTAIN)
    request.resolver_match = urls.resolve(OBTAIN)
    response = HttpResponse()
    return response, cookie.open_session(request, response, user, {"tenant": "acme"}, scopes=["a"])


def test_a_login_of_ones_own_opens_the_same_kind_of_session(browser: Browser, alice: Any) -> None:
    response, pair = own_login(alice)
    browser.client.cookies.update(response.cookies)
    answer = browser.post(REFRESH)
    assert answer.status_code == 200
    claims = forge.claims_of(answer.json()["access"])
    assert (claims["tenant"], claims["scope"], claims["sid"]) == ("acme", "a", pair.session)


def test_a_login_of_ones_own_ends_the_former_session_in_a_transaction_too(
    browser: Browser, alice: Any
) -> None:
    former = browser.login().json()["access"]
    request = RequestFactory().post(
        OBTAIN, **browser.cookies((NAME, browser.token), (BINDING, browser.binding))
    )
    request.resolver_match = urls.resolve(OBTAIN)
    with transaction.atomic():
        pair = cookie.open_session(request, HttpResponse(), alice)
    assert (me(former), me(pair.access)) == (401, 200)


def test_a_login_of_ones_own_says_what_is_missing(alice: Any, configure: Callable[..., None]) -> None:
    configure(JWT={})
    with pytest.raises(ImproperlyConfigured, match="REFRESH_COOKIE"):
        own_login(alice)
    assert not Session.objects.exists()


def test_a_binding_is_new_at_each_login(browser: Browser) -> None:
    browser.login()
    first = browser.binding
    browser.post(REFRESH)
    assert browser.binding == first
    browser.login()
    assert browser.binding != first


def test_nothing_that_stands_in_a_cookie_makes_an_error_of_ours(browser: Browser) -> None:
    browser.login()
    odd = [
        "",
        "x",
        "st_refresh.0.0.0.0",
        '"quoted"',
        "\xff\xfe",
        "a=b=c",
        "x" * 6000,
        "%00",
        "\\073",
        ".." * 100,
    ]
    for value in odd:
        for pairs in ([(NAME, value), (BINDING, browser.binding)], [(NAME, browser.token), (BINDING, value)]):
            assert browser.post(REFRESH, **browser.cookies(*pairs)).status_code in {401, 429}
