"""Hashes that a login brings up to date, while somebody changes the password or logs in as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import aauthenticate, authenticate
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.test import RequestFactory

from stockade.core.errors import LoginFailed
from stockade.schemes import login
from tests.schemes.conftest import PASSWORD

pytestmark = pytest.mark.django_db

NEW = "another one, and long"
Between = Callable[[Callable[[], None]], None]


@pytest.fixture
def between(alice: User, project: Any, monkeypatch: pytest.MonkeyPatch) -> Between:
    """Has something happen once, when the old hash was verified and the new one is not written."""
    project.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher", "django.contrib.auth.hashers.MD5PasswordHasher",
    ]  # fmt: skip
    project.AUTHENTICATION_BACKENDS = [
        "stockade.schemes.backend.LoginLimits",
        "django.contrib.auth.backends.ModelBackend",
    ]

    def arrange(happens: Callable[[], None]) -> None:
        verify, done = MD5PasswordHasher.verify, []

        def slow(self: MD5PasswordHasher, password: str, encoded: str) -> bool:
            found = verify(self, password, encoded)
            if not done:
                done.append(True)
                happens()
            return found

        monkeypatch.setattr(MD5PasswordHasher, "verify", slow)

    return arrange


def change() -> None:
    """The owner's."""
    owner = User.objects.get(username="alice")
    owner.set_password(NEW)
    owner.save()


def stored() -> User:
    return User.objects.get(username="alice")


def test_a_login_under_way_does_not_write_the_old_password_over_a_new_one(between: Between) -> None:
    """The thief knows the old one, and logs in as its owner changes it."""
    between(change)
    with pytest.raises(LoginFailed):
        login.verify("alice", PASSWORD, RequestFactory().post("/"))
    assert stored().check_password(NEW)
    assert not stored().check_password(PASSWORD)


def test_nor_does_one_by_djangos_own_views(between: Between) -> None:
    between(change)
    assert authenticate(RequestFactory().post("/"), username="alice", password=PASSWORD) is None
    assert stored().check_password(NEW)


@pytest.mark.django_db(transaction=True)
async def test_nor_does_an_async_one(between: Between) -> None:
    between(change)
    assert await aauthenticate(RequestFactory().post("/"), username="alice", password=PASSWORD) is None
    found = await User.objects.aget(username="alice")
    assert await found.acheck_password(NEW)


def test_two_logins_that_renew_one_hash_both_get_in(between: Between) -> None:
    others: list[Any] = []
    between(lambda: others.append(authenticate(None, username="alice", password=PASSWORD)))
    mine = login.verify("alice", PASSWORD, RequestFactory().post("/"))
    assert others == [mine]
    assert mine.password == stored().password
    assert stored().password.startswith("pbkdf2_sha1$")
    assert stored().check_password(PASSWORD)


def test_a_hash_is_renewed_where_nobody_comes_between(between: Between) -> None:
    assert authenticate(None, username="alice", password=PASSWORD)
    assert stored().password.startswith("pbkdf2_sha1$")
    assert stored()._password is None  # noqa: SLF001


def test_a_user_that_is_not_saved_is_django_s_own_affair() -> None:
    user = User(username="bob")
    user.set_password(PASSWORD)
    assert user.check_password(PASSWORD)
    assert not user.check_password(NEW)


def test_a_user_who_is_deleted_meanwhile_is_refused_and_breaks_nothing(between: Between) -> None:
    between(lambda: stored().delete())
    with pytest.raises(LoginFailed):
        login.verify("alice", PASSWORD, RequestFactory().post("/"))
    assert not User.objects.filter(username="alice").exists()
