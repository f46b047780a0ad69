"""The time of a failed login does not tell whether the account exists: as work that is counted.

The same by the clock: `test_login_clock.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

import stockade
from stockade.core.errors import LoginFailed
from stockade.schemes import login
from stockade.schemes.evening import Evener, Ledger, kinds_of
from stockade.schemes.passwords import Argon2
from tests.schemes.conftest import PASSWORD

pytestmark = pytest.mark.django_db

work: list[str] = []


class CountedArgon2(Argon2):
    """Says what it was asked to do."""

    def encode(self, *args: Any, **kwargs: Any) -> str:
        work.append("argon2")
        return super().encode(*args, **kwargs)

    def verify(self, password: str, encoded: str) -> bool:
        memory = encoded.split("m=")[1].split(",")[0]
        work.append("argon2" if memory == str(self.memory_cost) else f"argon2 {memory}")
        return super().verify(password, encoded)


class Fast(PBKDF2PasswordHasher):
    """A hasher as it was in use before, cheap enough for a test."""

    algorithm = "fast"
    iterations = 1000

    def verify(self, password: str, encoded: str) -> bool:
        work.append("fast")
        return bool(super().verify(password, encoded))


@pytest.fixture(autouse=True)
def world(project: Any, configure: Callable[..., None]) -> Iterator[None]:
    configure(LIMITS={"login": None, "login_address": None})
    project.PASSWORD_HASHERS = [
        "tests.schemes.test_login_time.CountedArgon2",
        "tests.schemes.test_login_time.Fast",
    ]
    work.clear()
    yield
    work.clear()


def users(make_user: Callable[..., Any], *, old: bool) -> dict[str, tuple[str, str]]:
    """One account of each kind that must not be told apart: name and a password that fails."""
    make_user("alice")
    make_user("carol", is_active=False)
    stockade.ban(user=make_user("grace"))
    User.objects.create(username="dave", password=make_password(None))
    User.objects.create(username="erin", password="gibberish")
    kinds = {
        "unknown": ("nobody", "wrong"),
        "wrong password": ("alice", "wrong"),
        "inactive, right password": ("carol", PASSWORD),
        "inactive, wrong password": ("carol", "wrong"),
        "banned, right password": ("grace", PASSWORD),
        "banned, wrong password": ("grace", "wrong"),
        "unusable password": ("dave", "wrong"),
        "unreadable hash": ("erin", "wrong"),
    }
    if old:
        User.objects.create(username="frank", password=make_password(PASSWORD, hasher="fast"))
        kinds["hash of another hasher"] = ("frank", "wrong")
    return kinds


def fail(name: str, password: str) -> None:
    with pytest.raises(LoginFailed):
        login.verify(name, password)


@pytest.mark.parametrize("old", [False, True])
def test_every_kind_of_failure_does_the_same_work(old: bool, make_user: Callable[..., Any]) -> None:
    kinds = users(make_user, old=old)
    done: dict[str, list[str]] = {}
    for kind, (name, password) in kinds.items():
        work.clear()
        fail(name, password)
        done[kind] = sorted(work)
    expected = ["argon2", "fast"] if old else ["argon2"]
    assert done == dict.fromkeys(kinds, expected)


def test_a_kind_of_hash_that_only_old_accounts_have_is_known_from_the_first_failure(
    make_user: Callable[..., Any],
) -> None:
    User.objects.create(username="old", password=make_password(PASSWORD, hasher="fast"))
    make_user("alice")
    work.clear()
    fail("nobody", "wrong")
    assert sorted(work) == ["argon2", "fast"]


def test_other_parameters_of_argon2_are_another_kind(make_user: Callable[..., Any], monkeypatch: Any) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(CountedArgon2, "memory_cost", 1024)
        User.objects.create(username="old", password=make_password(PASSWORD))
    make_user("alice")
    done = []
    for name in ("old", "alice", "nobody"):
        work.clear()
        fail(name, "wrong")
        done.append(sorted(work))
    assert done == [["argon2", "argon2 1024"]] * 3


def test_what_is_kept_to_verify_against_is_no_ones_hash() -> None:
    evener = Evener()
    encoded = make_password(PASSWORD, hasher="fast")
    evener.even_out("x", encoded, Ledger())
    (kept,) = evener._kinds.values()
    assert kept != encoded
    assert kinds_of(kept) == kinds_of(encoded)
    assert not Fast().verify(PASSWORD, kept)


class ByMail(ModelBackend):
    """A second backend that verifies passwords, of names that are addresses."""

    def authenticate(self, request: Any, username: Any = None, password: Any = None, **fields: Any) -> Any:
        user = User.objects.filter(email=username).first()
        if user is None:
            User().set_password(password)
            return None
        return user if user.check_password(password) else None


class Again(ModelBackend):
    """A second backend that finds the same users by the same name, as allauth's does."""


class Lazy(ModelBackend):
    """A second backend that hashes nothing for a name that it does not know."""

    def authenticate(self, request: Any, username: Any = None, password: Any = None, **fields: Any) -> Any:
        user = User.objects.filter(username=username).first()
        return user if user is not None and user.check_password(password) else None


@pytest.mark.parametrize("backends", [["Again"], ["ByMail"], ["Lazy"], ["Again", "ByMail", "Lazy"]])
@pytest.mark.parametrize("old", [False, True])
def test_several_backends_do_the_same_work_for_every_kind_of_failure(
    old: bool, backends: list[str], make_user: Callable[..., Any], project: Any
) -> None:
    """Each of them verifies against the stored hash if the account exists: two old hashes instead of one."""
    project.AUTHENTICATION_BACKENDS = [
        "django.contrib.auth.backends.ModelBackend",
        *(f"tests.schemes.test_login_time.{name}" for name in backends),
    ]
    kinds = users(make_user, old=old)
    for name, password in kinds.values():
        fail(name, password)  # what only the first failures of a process have to learn
    done: dict[str, list[str]] = {}
    for kind, (name, password) in kinds.items():
        work.clear()
        fail(name, password)
        done[kind] = sorted(work)
    assert len({tuple(found) for found in done.values()}) == 1, done


def test_every_kind_of_failure_asks_as_many_queries(make_user: Callable[..., Any]) -> None:
    """Also while SQL is asked for bans: a query less for an unknown name took half a millisecond less."""
    asked = {}
    for kind, (name, password) in users(make_user, old=False).items():
        fail(name, password)
        with CaptureQueriesContext(connection) as queries:
            fail(name, password)
        asked[kind] = len(queries)
    assert len(set(asked.values())) == 1, asked
