"""A banned user cannot log in or renew anything, and nobody learns from the answer that there is such a user."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.test import Client
from django.urls import include, path

import stockade
from stockade.core.errors import Banned
from stockade.models import Session
from stockade.schemes import login
from stockade.schemes.jwt import Pair
from stockade.schemes.jwt.scheme import JWTScheme
from tests.schemes.conftest import PASSWORD
from tests.schemes.test_login import Counting, verified

pytestmark = pytest.mark.django_db
HERE = "127.0.0.1"
urlpatterns = [path("admin/", admin.site.urls), path("api/", include("stockade.drf.urls"))]


@pytest.fixture(autouse=True)
def site(project: Any) -> None:
    project.MIDDLEWARE = ["stockade.web.Middleware", *project.MIDDLEWARE]
    project.ROOT_URLCONF = __name__
    project.AUTHENTICATION_BACKENDS = [
        "stockade.schemes.backend.LoginLimits",
        "django.contrib.auth.backends.ModelBackend",
    ]
    project.STOCKADE = {**project.STOCKADE, "EXEMPT": ["admin"]}
    project.PASSWORD_HASHERS = ["tests.schemes.test_login.Counting"]
    assert Counting.algorithm == "md5"
    verified.clear()


def post(where: str, body: dict[str, str], address: str = HERE) -> Any:
    return Client().post(f"/api/token/{where}", json.dumps(body), "application/json", REMOTE_ADDR=address)


def test_a_banned_user_gets_the_answer_that_nobody_gets(alice: Any, log: Callable[..., Any]) -> None:
    entry = stockade.ban(user=alice)
    tries = [("alice", PASSWORD), ("alice", "wrong"), ("nobody", "wrong")]
    answers = [post("", {"username": name, "password": password}) for name, password in tries]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(401, answers[2].json())] * 3
    assert {frozenset(answer.headers.keys()) for answer in answers} == {frozenset(answers[2].headers.keys())}
    assert not Session.objects.exists()
    failures = log("LOGIN_FAIL")
    assert [failure.reason for failure in failures] == ["banned", "banned", "no_active_account"]
    assert dict(failures[0].details) == {"entry": str(entry.pk)}


def test_guessing_at_a_banned_user_is_limited_as_at_any_other(alice: Any) -> None:
    stockade.ban(user=alice)
    codes = [post("", {"username": "alice", "password": PASSWORD}).status_code for _ in range(6)]
    assert codes == [401] * 5 + [429]


def test_a_banned_address_gets_no_password_verified(alice: Any) -> None:
    stockade.ban(HERE)
    answer = post("", {"username": "alice", "password": PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (403, "banned")
    with pytest.raises(Banned):
        login.verify("alice", PASSWORD, _request())
    assert verified == []
    stockade.unban(HERE)
    assert post("", {"username": "alice", "password": PASSWORD}).status_code == 200


def test_attempts_of_a_banned_address_do_not_lock_the_account(alice: Any) -> None:
    stockade.ban(HERE)
    for _ in range(20):
        with pytest.raises(Banned):
            login.verify("alice", "wrong", _request())
    assert post("", {"username": "alice", "password": PASSWORD}, "192.0.2.9").status_code == 200


def test_a_banned_user_renews_nothing_and_goes_on_when_the_ban_is_over(alice: Any, pair: Pair) -> None:
    stockade.ban(user=alice)
    for where, body in (("refresh/", {"refresh": pair.refresh}), ("verify/", {"token": pair.refresh}),
                       ("verify/", {"token": pair.access})):  # fmt: skip
        answer = post(where, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "banned"), where
    assert Session.objects.get().generation == 1
    stockade.unban(user=alice)
    assert post("verify/", {"token": pair.access}).status_code == 200
    assert post("refresh/", {"refresh": pair.refresh}).status_code == 200


def test_a_banned_session_renews_nothing(alice: Any, pair: Pair) -> None:
    stockade.ban(session=pair.session)
    assert post("refresh/", {"refresh": pair.refresh}).status_code == 403
    assert post("", {"username": "alice", "password": PASSWORD}).status_code == 200


def test_the_id_of_an_access_token_can_be_banned(alice: Any, pair: Pair) -> None:
    stockade.ban(session=JWTScheme().verify(pair.access, {}).id)
    assert post("verify/", {"token": pair.access}).status_code == 403
    renewed = post("refresh/", {"refresh": pair.refresh})
    assert renewed.status_code == 200
    assert post("verify/", {"token": renewed.json()["access"]}).status_code == 200


def test_a_banned_user_may_still_log_out(alice: Any, pair: Pair) -> None:
    stockade.ban(user=alice)
    assert post("revoke/", {"refresh": pair.refresh}).status_code == 204
    assert Session.objects.get().ended_at is not None


def test_no_tokens_are_issued_to_a_banned_user(alice: Any) -> None:
    """However he has proven who he is: a view of the project's own may ask."""
    stockade.ban(user=alice)
    with pytest.raises(Banned):
        stockade.issue(alice)


def sign_in(name: str, password: str) -> Any:
    return Client().post("/admin/login/", {"username": name, "password": password})


def test_a_banned_user_cannot_log_in_to_the_admin_and_sees_what_all_see(
    db: None, log: Callable[..., Any]
) -> None:
    root = User.objects.create_superuser("root", password=PASSWORD)
    assert sign_in("root", PASSWORD).status_code == 302
    stockade.ban(user=root)
    pages = [sign_in("root", PASSWORD), sign_in("root", "wrong"), sign_in("nobody", "wrong")]
    assert [page.status_code for page in pages] == [200] * 3
    assert {page.context["form"].non_field_errors()[0] for page in pages} == {
        pages[2].context["form"].non_field_errors()[0]
    }
    assert [failure.reason for failure in log("LOGIN_FAIL")] == ["banned", "banned", "no_active_account"]


class ByMail(ModelBackend):
    """Finds users by a name of its own."""

    def authenticate(
        self, request: Any, username: str | None = None, password: str | None = None, **_: Any
    ) -> Any:
        user = User.objects.filter(email=username).first()
        return user if user is not None and user.check_password(password or "") else None


def test_a_banned_user_does_not_get_in_by_another_name(project: Any, log: Callable[..., Any]) -> None:
    project.AUTHENTICATION_BACKENDS = ["stockade.schemes.backend.LoginLimits", f"{__name__}.ByMail"]
    root = User.objects.create_superuser("root", "root@example.com", PASSWORD)
    assert sign_in("root@example.com", PASSWORD).status_code == 302
    stockade.ban(user=root)
    browser = Client()
    answer = browser.post("/admin/login/", {"username": "root@example.com", "password": PASSWORD})
    assert answer.status_code == 401
    assert "_auth_user_id" not in browser.session
    assert log("LOGIN_FAIL")[-1].reason == "banned"
    assert post("", {"username": "root@example.com", "password": PASSWORD}).status_code == 401


def _request() -> Any:
    from django.test import RequestFactory

    return RequestFactory().post("/api/token/", REMOTE_ADDR=HERE)
