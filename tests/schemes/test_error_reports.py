"""An error report shows the variables of every frame: what a client sent to prove itself must not be among them."""

from __future__ import annotations

import html
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.core.signals import got_request_exception
from django.test import AsyncClient, Client, RequestFactory
from django.views.debug import ExceptionReporter

from stockade.models import Session
from stockade.schemes.hiding import hide
from stockade.schemes.jwt import Pair, issue
from tests.schemes import browsing, forge
from tests.schemes.conftest import PASSWORD

pytestmark = pytest.mark.django_db

SESSIONS = "/api/sessions/"
POINTS = {
    "the MAC of a refresh token": ("stockade.schemes.jwt.refresh._mac", "refresh/", "refresh"),
    "its session's row": ("stockade.schemes.jwt.redemption.read_row", "refresh/", "refresh"),
    "the next pair": ("stockade.schemes.jwt.signing.algorithms.header", "refresh/", "refresh"),
    "the event of a refresh": ("stockade.schemes.jwt.redemption.emit", "refresh/", "refresh"),
    "revoking": ("stockade.truth.end_sessions", "revoke/", "refresh"),
    "checking a refresh token": ("stockade.schemes.jwt.redemption.read_row", "verify/", "refresh"),
    "checking an access token's claims": ("stockade.schemes.jwt.access._credential", "verify/", "access"),
    "checking an access token's session": ("stockade.schemes.jwt.scheme._query_of", "verify/", "access"),
    "reading the body": ("stockade.drf.views.tokens.TextField.to_internal_value", "", "login"),
    "counting a login": ("stockade.schemes.devices.account_key", "", "login"),
    "finding the account": ("django.contrib.auth.models.UserManager.get_by_natural_key", "", "login"),
    "a password's hash": ("django.contrib.auth.hashers.MD5PasswordHasher.verify", "", "login"),
    "evening a failed login out": ("stockade.schemes.evening.Evener.even_out", "", "wrong"),
    "a login's session": ("stockade.schemes.login.issue", "", "login"),
    "a login's tokens": ("stockade.schemes.jwt.sessions.next_pair", "", "login"),
    "a device's cookie": ("stockade.schemes.devices.make", "", "login"),
    "finding the credential": ("stockade.pipeline.find.Finder.find", SESSIONS, "bearer"),
    "remembering it": ("stockade.pipeline.engine.Memory.recall", SESSIONS, "bearer"),
    "the claims of a bearer's token": ("stockade.schemes.jwt.access._credential", SESSIONS, "bearer"),
    "the session of a bearer's token": ("stockade.schemes.jwt.scheme._query_of", SESSIONS, "bearer"),
    "the gate": ("stockade.gate.memory.MemoryGate.ask", SESSIONS, "bearer"),
    "the policy": ("stockade.pipeline.engine.Engine.decide", SESSIONS, "bearer"),
    "the view": ("stockade.drf.views.sessions.live", SESSIONS, "bearer"),
}


class Reports:
    """What would have been mailed to the administrators, as HTML; DEBUG is off, as Django's tests have it."""

    def __init__(self) -> None:
        self.pages: list[str] = []

    def note(self, sender: Any, request: Any, **_: Any) -> None:
        self.pages.append(html.unescape(ExceptionReporter(request, *sys.exc_info()).get_traceback_html()))

    def __enter__(self) -> Reports:
        got_request_exception.connect(self.note, weak=False)
        return self

    def __exit__(self, *_: Any) -> None:
        got_request_exception.disconnect(self.note)


@pytest.fixture(autouse=True)
def site(project: Any) -> None:
    project.MIDDLEWARE = ["stockade.web.Middleware"]
    project.ROOT_URLCONF = "tests.schemes.urls"


def secrets_of(pair: Pair) -> list[str]:
    """Whole, and the part that makes each of them one."""
    whole = [pair.refresh, pair.access, PASSWORD, "a wrong password that is right elsewhere"]
    return [*whole, pair.refresh.rsplit(".", 1)[1], pair.access.rsplit(".", 1)[1]]


def body_of(kind: str, path: str, pair: Pair) -> dict[str, str]:
    match kind:
        case "refresh":
            return {"token" if path == "verify/" else "refresh": pair.refresh}
        case "access":
            return {"token": pair.access}
        case "login":
            return {"username": "alice", "password": PASSWORD}
    return {"username": "alice", "password": "a wrong password that is right elsewhere"}


@pytest.mark.parametrize("point", POINTS)
def test_wherever_something_breaks_no_report_shows_a_credential(
    point: str, alice: Any, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, path, kind = POINTS[point]
    client = Client(raise_request_exception=False)
    other = issue(alice)
    client.get(
        SESSIONS, headers={"authorization": f"Bearer {other.access}"}
    )  # what only the first request does

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("something broke")

    monkeypatch.setattr(target, broken)
    with Reports() as reports:
        if kind == "bearer":
            answer = client.get(path, headers={"authorization": f"Bearer {pair.access}"})
        else:
            answer = client.post(
                f"/api/token/{path}", body_of(kind, path, pair), content_type="application/json"
            )
    assert answer.status_code == 500
    (page,) = reports.pages
    assert "something broke" in page
    assert [secret for secret in secrets_of(pair) if secret in page] == []


BROWSER_POINTS = {
    "the cookies": ("stockade.schemes.jwt.cookie._named", "refresh/"),
    "a cookie's MAC": ("stockade.schemes.jwt.refresh._mac", "refresh/"),
    "the session's row": ("stockade.schemes.jwt.redemption.read_row", "refresh/"),
    "the next cookie": ("stockade.schemes.jwt.cookie._set", "refresh/"),
    "its path": ("stockade.schemes.jwt.cookie.reverse", "refresh/"),
    "the answer": ("stockade.drf.views.browser.Response", "refresh/"),
    "logging out": ("stockade.truth.end_sessions", "revoke/"),
    "clearing": ("stockade.schemes.jwt.cookie.clear", "revoke/"),
    "the former session": ("stockade.schemes.jwt.cookie.truth.end_sessions", ""),
    "a login's cookies": ("stockade.schemes.jwt.cookie.put", ""),
    "a view elsewhere": ("stockade.drf.views.sessions.live", SESSIONS),
}


@pytest.mark.parametrize("point", BROWSER_POINTS)
def test_wherever_something_breaks_no_report_shows_a_browsers_cookies(
    point: str, alice: Any, project: Any, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django shows the cookies as well: those whose names say that they are secret it leaves out."""
    configure(JWT={"REFRESH_COOKIE": browsing.NAME})
    browser = browsing.Browser()
    access = browser.login().json()["access"]
    kept = [browser.token, browser.token.rsplit(".", 1)[1], browser.binding, access, PASSWORD]
    target, path = BROWSER_POINTS[point]
    browser.client.raise_request_exception = False

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("something broke")

    monkeypatch.setattr(target, broken)
    with Reports() as reports:
        if path == SESSIONS:
            answer = browser.client.get(path, headers={"authorization": f"Bearer {access}"})
        elif path:
            answer = browser.post(browsing.OBTAIN + path)
        else:
            answer = browser.login()
    assert answer.status_code == 500
    (page,) = reports.pages
    assert "something broke" in page
    made = Session.objects.exclude(pk=forge.claims_of(access)["sid"]).values_list("pk", flat=True)
    assert all(id.hex not in page for id in made), "nor one that is on its way"
    assert [secret for secret in kept if secret in page] == []


@pytest.mark.django_db(transaction=True)
async def test_so_it_is_under_asgi(make_user: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from asgiref.sync import sync_to_async

    pair = await sync_to_async(lambda: issue(make_user()))()

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("something broke")

    monkeypatch.setattr("stockade.schemes.jwt.access._credential", broken)
    client = AsyncClient(raise_request_exception=False)
    with Reports() as reports:
        answer = await client.get(SESSIONS, headers={"authorization": f"Bearer {pair.access}"})
    assert answer.status_code == 500
    assert [secret for secret in secrets_of(pair) if secret in reports.pages[0]] == []


def raised() -> RuntimeError:
    """An error that has passed frames, as has what caused it."""
    try:
        try:
            int("no number")
        except ValueError as cause:
            raise RuntimeError("something broke") from cause
    except RuntimeError as error:
        return error


def test_the_place_is_still_said() -> None:
    """Else nobody could mend it."""
    hide(error := raised())
    assert "test_error_reports.py" in error.__notes__[0]
    assert "in raised" in error.__notes__[0]
    assert error.__traceback__ is None
    assert error.__cause__ is not None
    assert error.__cause__.__traceback__ is None


def test_where_everything_is_shown_nothing_is_hidden(project: Any) -> None:
    project.DEBUG = True
    hide(error := raised())
    assert error.__traceback__ is not None


def test_a_login_by_djangos_own_views_hides_no_less(
    alice: Any, project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our wrapper of hashers stands in its way."""
    from django.contrib.auth import authenticate

    project.AUTHENTICATION_BACKENDS = [
        "stockade.schemes.backend.LoginLimits",
        "django.contrib.auth.backends.ModelBackend",
    ]

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("something broke")

    monkeypatch.setattr("django.contrib.auth.hashers.MD5PasswordHasher.verify", broken)
    request = RequestFactory().post("/")
    try:
        authenticate(request, username="alice", password=PASSWORD)
    except RuntimeError:
        frames = ExceptionReporter(request, *sys.exc_info()).get_traceback_frames()
    ours = [
        frame["vars"]
        for frame in frames
        if "stockade" in frame["filename"] and "tests" not in frame["filename"]
    ]
    assert ours
    assert PASSWORD not in repr(ours)
