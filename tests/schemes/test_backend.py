"""Logins that Django itself takes (admin, basic authentication) are counted as ours are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import aauthenticate, authenticate, get_user
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import path
from django.views.debug import ExceptionReporter
from rest_framework.authtoken.serializers import AuthTokenSerializer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from stockade.core.errors import TooMany
from stockade.events import Kind
from stockade.schemes import backend, login
from tests.schemes.conftest import PASSWORD

pytestmark = pytest.mark.django_db

ADMIN = "/admin/login/"


@pytest.fixture(autouse=True)
def site(project: Any) -> None:
    project.AUTHENTICATION_BACKENDS = [
        "stockade.schemes.backend.LoginLimits",
        "django.contrib.auth.backends.ModelBackend",
    ]
    project.MIDDLEWARE = ["stockade.web.Middleware", *project.MIDDLEWARE]
    project.STOCKADE = {**project.STOCKADE, "EXEMPT": ["admin"]}


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_superuser("admin", password=PASSWORD)


def sign_in(password: str, address: str = "192.0.2.1") -> Any:
    return Client().post(ADMIN, {"username": "admin", "password": password}, REMOTE_ADDR=address)


def test_guessing_at_the_admin_is_limited_by_account_and_address(
    admin: User, log: Callable[..., Any]
) -> None:
    for number in range(5):
        assert sign_in("wrong", f"198.51.100.{number}").status_code == 200  # the form again, with an error
    answer = sign_in(PASSWORD, "203.0.113.1")
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 60
    assert len(log("LOGIN_FAIL")) == 5
    assert len(log("LOGIN_LOCK")) == 1


def test_guesses_at_the_admin_and_at_the_token_view_are_counted_together(admin: User) -> None:
    for _ in range(5):
        sign_in("wrong")
    with pytest.raises(TooMany):
        login.verify("ADMIN", PASSWORD, RequestFactory().post("/"))


def test_signing_in_to_the_admin_costs_nothing(admin: User) -> None:
    for _ in range(10):
        assert sign_in(PASSWORD).status_code == 302
    for _ in range(5):
        assert sign_in("wrong").status_code == 200
    assert sign_in("wrong").status_code == 429


def test_our_own_login_is_not_counted_twice(admin: User) -> None:
    from stockade.core.errors import LoginFailed

    for _ in range(5):
        with pytest.raises(LoginFailed):
            login.verify("admin", "wrong", RequestFactory().post("/", REMOTE_ADDR="192.0.2.1"))
    with pytest.raises(TooMany):
        login.verify("admin", "wrong", RequestFactory().post("/", REMOTE_ADDR="192.0.2.1"))


def test_a_password_that_is_verified_without_a_login_is_settled_at_the_end_of_the_request(
    admin: User,
) -> None:
    """As DRF's BasicAuthentication does with every request: no signal ever says that it went well."""
    for _ in range(20):
        request = RequestFactory().post("/", REMOTE_ADDR="192.0.2.1")
        assert authenticate(request, username="admin", password=PASSWORD)
        backend.settle(request)


@pytest.mark.django_db(transaction=True)
async def test_guesses_of_async_logins_are_counted_and_the_right_password_is_taken(
    alice: User, log: Callable[..., Any]
) -> None:
    """Django asks each backend for `aauthenticate`; one without it is an error at every login."""
    request = RequestFactory().post("/", REMOTE_ADDR="192.0.2.1")
    found = await aauthenticate(request, username="alice", password=PASSWORD)
    assert found == alice
    await sync_to_async(backend.settle)(request)
    for _ in range(5):
        request = RequestFactory().post("/", REMOTE_ADDR="192.0.2.1")
        assert await aauthenticate(request, username="alice", password="wrong") is None
    with pytest.raises(TooMany):
        await aauthenticate(
            RequestFactory().post("/", REMOTE_ADDR="192.0.2.1"), username="alice", password=PASSWORD
        )
    assert len(log("LOGIN_FAIL")) == 5


def test_what_breaks_while_an_attempt_begins_shows_no_password(
    admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("something broke")

    monkeypatch.setattr(login, "begin", broken)
    request = RequestFactory().post("/")
    with pytest.raises(RuntimeError) as caught:
        authenticate(request, username="admin", password=PASSWORD)
    frames = ExceptionReporter(
        request, caught.type, caught.value, caught.value.__traceback__
    ).get_traceback_frames()
    ours = [frame["vars"] for frame in frames if frame["filename"].endswith("schemes/backend.py")]
    assert ours
    assert PASSWORD not in repr(ours)


def test_what_is_no_login_by_name_and_password_passes(admin: User) -> None:
    request = RequestFactory().post("/")
    assert backend.LoginLimits().authenticate(request, token="x") is None
    assert backend.LoginLimits().authenticate(None, username="admin", password="x") is None
    assert not hasattr(request, "_stockade_attempt")


def test_force_login_of_djangos_test_client_names_a_backend_that_knows_users(admin: User) -> None:
    client = Client()
    client.force_login(admin)
    assert client.session["_auth_user_backend"] == "django.contrib.auth.backends.ModelBackend"
    request = RequestFactory().get("/")
    request.session = client.session
    assert get_user(request) == admin


class ByMail(ModelBackend):
    """Takes an address where others take a name, as allauth does."""

    def authenticate(self, request: Any, email: Any = None, password: Any = None, **fields: Any) -> Any:
        user = User.objects.filter(email=email).first()
        return user if user is not None and user.check_password(password) else None


def test_guessing_by_e_mail_address_is_limited(project: Any) -> None:
    project.AUTHENTICATION_BACKENDS = [
        "stockade.schemes.backend.LoginLimits",
        "tests.schemes.test_backend.ByMail",
    ]
    User.objects.create_user("alice", "alice@example.com", PASSWORD)

    def guess(password: str) -> Any:
        request = RequestFactory().post("/", REMOTE_ADDR="192.0.2.1")
        return authenticate(request, email="alice@example.com", password=password)

    for _ in range(5):
        assert guess("wrong") is None
    with pytest.raises(TooMany):
        guess(PASSWORD)


class ByBadge(ModelBackend):
    """Takes what nobody else does."""

    def authenticate(self, request: Any, badge: Any = None, password: Any = None, **fields: Any) -> Any:
        user = User.objects.filter(last_name=badge).first()
        return user if user is not None and user.check_password(password) else None


@pytest.mark.parametrize("badge", ["4711", 4711], ids=["text", "number"])
def test_guessing_by_whatever_a_backend_takes_is_limited(badge: object, project: Any) -> None:
    """A telephone number, the number of a badge: allauth's backend is called with `phone`."""
    project.AUTHENTICATION_BACKENDS = ["stockade.schemes.backend.LoginLimits", f"{__name__}.ByBadge"]
    User.objects.create_user("alice", password=PASSWORD, last_name="4711")

    def guess(password: str) -> Any:
        request = RequestFactory().post("/", REMOTE_ADDR="192.0.2.1")
        return authenticate(request, badge=badge, password=password)

    for _ in range(5):
        assert guess("wrong") is None
    with pytest.raises(TooMany):
        guess(PASSWORD)


def test_a_login_to_the_admin_is_in_the_log(admin: User, log: Callable[..., Any]) -> None:
    assert sign_in(PASSWORD).status_code == 302
    (event,) = log("LOGIN_SUCCESS")
    assert (event.subject, event.account, event.address) == (str(admin.pk), "admin", "192.0.2.1")
    sign_in("wrong")
    assert len(log("LOGIN_SUCCESS")) == 1


def test_a_stranger_does_not_lock_the_administrator_out_of_an_address_that_is_known(admin: User) -> None:
    """Who only ever uses the admin is known by it, too: else five wrong passwords a minute would close it for good."""
    assert sign_in(PASSWORD, "192.0.2.7").status_code == 302
    for number in range(5):
        sign_in("wrong", f"198.51.100.{number}")
    assert sign_in(PASSWORD, "203.0.113.1").status_code == 429
    assert sign_in(PASSWORD, "192.0.2.7").status_code == 302


def test_a_stranger_does_not_lock_the_administrator_out_of_a_browser_that_is_known(admin: User) -> None:
    browser = Client()
    form = {"username": "admin", "password": PASSWORD}
    answer = browser.post(ADMIN, form, REMOTE_ADDR="192.0.2.7", secure=True)
    cookie = answer.cookies["__Host-stockade-device"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "Strict")
    browser.cookies.pop("sessionid")
    for number in range(5):
        sign_in("wrong", f"198.51.100.{number}")
    assert browser.post(ADMIN, form, REMOTE_ADDR="203.0.113.1", secure=True).status_code == 302
    assert Client().post(ADMIN, form, REMOTE_ADDR="203.0.113.2", secure=True).status_code == 429


def test_a_failed_login_to_the_admin_makes_nothing_known(admin: User) -> None:
    assert "stockade" not in " ".join(sign_in("wrong", "192.0.2.7").cookies)
    for number in range(5):
        sign_in("wrong", f"198.51.100.{number}")
    assert sign_in(PASSWORD, "192.0.2.7").status_code == 429


@pytest.mark.parametrize("handler", ["stockade.drf.exceptions", "rest_framework.views"])
def test_a_wrong_password_at_a_view_of_the_project_is_one_event(
    handler: str, admin: User, project: Any, log: Callable[..., Any]
) -> None:
    """authtoken's answers with a 400 of its own: that the input was wrong is no second thing that happened."""
    project.ROOT_URLCONF = __name__
    project.REST_FRAMEWORK = {"EXCEPTION_HANDLER": f"{handler}.exception_handler"}
    project.STOCKADE = {**project.STOCKADE, "UNDECLARED": "legacy"}
    answer = Client().post(
        "/token/", {"username": "admin", "password": "wrong"}, content_type="application/json"
    )
    assert answer.status_code == 400
    assert [(one.event.name, one.status) for one in log() if one.event.kind is not Kind.SYSTEM] == [
        ("LOGIN_FAIL", 401)
    ]
    Client().post("/token/", {"username": "admin"}, content_type="application/json")
    assert [one.event.name for one in log()][-1] == "INPUT_FAIL"


class Tokens(APIView):
    """As authtoken's view verifies: by a serializer that says what is wrong."""

    permission_classes = ()

    def post(self, request: Request) -> Response:
        serializer = AuthTokenSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        return Response()


urlpatterns = [path("token/", Tokens.as_view())]
