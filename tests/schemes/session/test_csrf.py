"""What pages of somebody else make a browser send along with its session's cookie."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client

from tests.around import Log
from tests.schemes.conftest import PASSWORD
from tests.schemes.session.conftest import LOGIN, LOGOUT, Browser

pytestmark = pytest.mark.django_db

OWN = {"HTTP_ORIGIN": "http://testserver", "HTTP_SEC_FETCH_SITE": "same-origin"}
FOREIGN = {"HTTP_ORIGIN": "https://evil.example", "HTTP_SEC_FETCH_SITE": "cross-site"}
SIBLING = {"HTTP_ORIGIN": "http://evil.testserver", "HTTP_SEC_FETCH_SITE": "same-site"}
FORM = "application/x-www-form-urlencoded"

# What a page of a stranger can have a browser send, with no token: it cannot read ours.
RIDES: dict[str, dict[str, Any]] = {
    "a form": {"data": "a=1", "content_type": FORM, **FOREIGN},
    "a form that hides its origin": {"data": "", "content_type": FORM, "HTTP_ORIGIN": "null"},
    "a multipart form": {"data": {"a": "1"}, **FOREIGN},
    "fetch, no-cors": {"data": "{}", "content_type": "text/plain", **FOREIGN},
    "fetch, json": {"data": "{}", "content_type": "application/json", **FOREIGN},
    "a beacon": {"data": "", "content_type": "text/plain;charset=UTF-8", **FOREIGN},
    "a browser that says nothing": {"data": "a=1", "content_type": FORM},
    "an old browser with a referer": {
        "data": "a=1",
        "content_type": FORM,
        "HTTP_REFERER": "https://evil.example/",
    },
    "a host beside ours": {"data": "a=1", "content_type": FORM, **SIBLING},
    "another port": {"data": "", "content_type": FORM, "HTTP_ORIGIN": "http://testserver:8001"},
    "the same host by plain http": {"data": "", "content_type": FORM, "HTTP_ORIGIN": "https://testserver"},
    "our own page without the token": {"data": "{}", "content_type": "application/json", **OWN},
}


@pytest.mark.parametrize("address", ["/me/", "/plain/", "/open/", LOGOUT])
@pytest.mark.parametrize("ride", list(RIDES.values()), ids=list(RIDES))
def test_nobody_rides_on_a_session(ride: dict[str, Any], address: str, browser: Browser) -> None:
    answer = browser.post(address, **ride)
    assert answer.status_code == 403, answer.content
    assert browser.get("/me/").status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST", "MADE-UP"])
def test_no_unsafe_method_passes_without_the_token(method: str, browser: Browser) -> None:
    assert browser.generic(method, "/me/", **OWN).status_code in {403, 405}
    assert browser.generic(method, "/plain/", **OWN).status_code == (405 if method == "MADE-UP" else 403)


@pytest.mark.parametrize(
    "where", [SIBLING, {"HTTP_ORIGIN": "http://evil.testserver"}], ids=["says so", "origin"]
)
def test_a_host_beside_ours_cannot_plant_the_cookie_that_its_token_is_compared_with(
    where: dict[str, str], browser: Browser
) -> None:
    """It sets `csrftoken` for the whole domain, and sends the same in the header or the form."""
    planted = _get_new_csrf_string()
    browser.cookies["csrftoken"] = planted
    assert browser.post("/me/", "", FORM, HTTP_X_CSRFTOKEN=planted, **where).status_code == 403
    form = f"csrfmiddlewaretoken={planted}"
    assert browser.post("/me/", form, FORM, **where).status_code == 403


def test_another_sessions_token_is_none(browser: Browser, make_user: Any) -> None:
    make_user("mallory")
    other = Browser()
    other.log_in("mallory")
    token = other.cookies["csrftoken"].value
    assert browser.own("POST", "/me/", HTTP_X_CSRFTOKEN=token).status_code == 403
    assert browser.own("POST", "/me/").status_code == 200


@pytest.mark.parametrize("token", ["", "x", "a" * 32, "a" * 64, "\x00" * 32, "é" * 32, "a" * 5000])
def test_a_token_that_is_none_is_refused(token: str, browser: Browser) -> None:
    assert browser.own("POST", "/me/", HTTP_X_CSRFTOKEN=token).status_code == 403
    if not re.fullmatch("[a-z]{32}|[a-z]{64}", token):
        browser.cookies["csrftoken"] = token
        assert browser.own("POST", "/me/", HTTP_X_CSRFTOKEN=token).status_code == 403


def test_our_own_pages_pass_by_header_and_by_form(browser: Browser) -> None:
    token = browser.cookies["csrftoken"].value
    assert browser.own("POST", "/me/", {"a": 1}).status_code == 200
    assert browser.post("/plain/", f"csrfmiddlewaretoken={token}", FORM, **OWN).status_code == 200
    assert browser.post("/plain/", {"csrfmiddlewaretoken": token, "a": "1"}, **OWN).status_code == 200


def test_a_page_of_a_named_origin_passes_with_the_token(browser: Browser, project: Any) -> None:
    project.CSRF_TRUSTED_ORIGINS = ["https://app.example"]
    named = {"HTTP_ORIGIN": "https://app.example", "HTTP_SEC_FETCH_SITE": "cross-site"}
    assert browser.own("POST", "/me/", **named).status_code == 200
    assert browser.post("/me/", "{}", "application/json", **named).status_code == 403


def test_over_https_a_request_without_origin_and_referer_is_refused(alice: User) -> None:
    browser = Browser()
    secure = {"secure": True, "HTTP_ORIGIN": "https://testserver"}
    assert browser.log_in(**secure).status_code == 200
    token = browser.cookies["csrftoken"].value
    sent = {"HTTP_X_CSRFTOKEN": token, "content_type": "application/json", "secure": True}
    assert browser.post("/me/", "{}", **sent).status_code == 403
    assert browser.post("/me/", "{}", HTTP_REFERER="https://testserver/page/", **sent).status_code == 200


def test_a_ride_costs_its_victim_no_place_of_a_limit(
    browser: Browser, configure: Callable[..., None]
) -> None:
    configure(LIMITS={"user": "3/min"})
    for _ in range(9):
        assert browser.post("/me/", **RIDES["a form"]).status_code == 403
    for _ in range(3):
        assert browser.get("/me/").status_code == 200
    assert browser.get("/me/").status_code == 429


def test_a_ride_stands_in_the_log(browser: Browser, log: Log) -> None:
    browser.post("/me/", **RIDES["a form"])
    browser.post("/me/", **RIDES["our own page without the token"])
    assert [record.reason for record in log("CSRF_FAIL")] == ["csrf_site", "csrf_token"]


def test_a_visitor_needs_no_token_where_none_did_before(alice: User) -> None:
    """Nobody is logged in, so nobody is ridden on; Django's own views ask as ever."""
    visitor = Browser()
    visitor.get("/visit/")
    assert visitor.post("/open/", "{}", "application/json").status_code == 200


@pytest.mark.parametrize("where", [FOREIGN, SIBLING], ids=["cross-site", "sibling"])
def test_no_page_of_a_stranger_empties_a_visitor_s_session(where: dict[str, str], alice: User) -> None:
    visitor = Browser()
    visitor.get("/visit/")
    assert visitor.generic("POST", LOGOUT, **where).status_code == 403
    assert visitor.get("/visit/").json() == {"basket": 2}


def test_in_report_mode_a_ride_is_recorded_and_left_to_the_views_own_classes(
    browser: Browser, configure: Callable[..., None], log: Log
) -> None:
    configure(MODE="report")
    answer = browser.post("/open/", **RIDES["a form"])
    assert (answer.status_code, answer.json()["detail"][:12]) == (403, "CSRF Failed:")  # in DRF's words
    assert [record.reason for record in log("CSRF_FAIL")] == ["csrf_site"]


def test_the_token_may_be_kept_in_the_session(alice: User, project: Any) -> None:
    project.CSRF_USE_SESSIONS = True
    browser = Browser()
    token = browser.own("GET", "/api/session/csrf/").json()["csrf_token"]
    answer = browser.log_in(HTTP_X_CSRFTOKEN=token)
    assert answer.status_code == 200
    assert browser.own("POST", "/me/", HTTP_X_CSRFTOKEN=answer.json()["csrf_token"]).status_code == 200
    assert browser.own("POST", "/me/").status_code == 403
    assert browser.own("POST", "/me/", HTTP_X_CSRFTOKEN=_get_new_csrf_string()).status_code == 403


# -- logging in -------------------------------------------------------------------------------------------------------

GOOD = json.dumps({"username": "mallory", "password": PASSWORD})


@pytest.mark.parametrize(
    "sent",
    [
        {"content_type": "application/json", **FOREIGN},
        {"content_type": "application/json", **SIBLING},
        {"content_type": "application/json", "HTTP_ORIGIN": "null"},
        {"content_type": "text/plain", **FOREIGN},
        {"content_type": "text/plain"},
        {"content_type": FORM},
        {"content_type": "multipart/form-data; boundary=x"},
    ],
    ids=["cross-site", "sibling", "null", "text", "text, silent", "form", "multipart"],
)
def test_no_page_of_a_stranger_logs_its_visitors_in_as_somebody_of_its_choice(
    sent: dict[str, Any], browser: Browser, make_user: Any
) -> None:
    make_user("mallory")
    answer = browser.post(LOGIN, GOOD, **sent)
    assert answer.status_code in {400, 403, 415}
    assert browser.get("/me/").json()["user"] == "alice"


def test_a_script_without_a_browser_logs_in(alice: User) -> None:
    script = Client(enforce_csrf_checks=True)
    body = json.dumps({"username": "alice", "password": PASSWORD})
    answer = script.post(LOGIN, body, "application/json")
    assert answer.status_code == 200
    headers = {"HTTP_X_CSRFTOKEN": answer.json()["csrf_token"]}
    assert script.post("/me/", "{}", "application/json", **headers).status_code == 200


def test_a_login_takes_another_token(browser: Browser) -> None:
    """Who has seen the token of the visitor has not that of the user."""
    before = browser.cookies["csrftoken"].value
    browser.log_in()
    assert browser.cookies["csrftoken"].value != before
    assert browser.own("POST", "/me/", HTTP_X_CSRFTOKEN=before).status_code == 403


def test_the_token_is_given_to_pages_that_cannot_read_cookies(browser: Browser) -> None:
    answer = browser.get("/api/session/csrf/")
    assert answer["Cache-Control"] == "no-store"
    token = answer.json()["csrf_token"]
    assert browser.own("POST", "/me/", HTTP_X_CSRFTOKEN=token).status_code == 200


def test_where_the_token_stands_in_the_header_no_body_is_read(browser: Browser) -> None:
    """A view that takes a file in pieces would find nothing left of it, and a wrong form would be an error."""
    token = browser.cookies["csrftoken"].value
    wrong = "multipart/form-data; boundary=wrong"
    assert browser.post("/left/", "no form at all", wrong, HTTP_X_CSRFTOKEN=token, **OWN).json() == {
        "left": 14
    }
