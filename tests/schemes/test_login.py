"""Guessing passwords: limited before anything is verified, by account and by address, and nobody else locked out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import RequestFactory

from stockade.core.errors import BadRequest, InvalidCredential, LoginFailed, TooMany, Unavailable
from stockade.gate.registry import get_gate
from stockade.models import KnownAddress, Session
from stockade.schemes import attempts, devices, login
from stockade.schemes.jwt import JWTScheme, access, issue
from tests.schemes.conftest import PASSWORD

pytestmark = pytest.mark.django_db

verified: list[str] = []


class Counting(MD5PasswordHasher):
    """Says how often a password was looked at."""

    algorithm = "md5"

    def verify(self, password: str, encoded: str) -> bool:
        verified.append(password)
        return bool(super().verify(password, encoded))


@pytest.fixture(autouse=True)
def hasher(project: Any) -> None:
    """Count verifications."""
    project.PASSWORD_HASHERS = ["tests.schemes.test_login.Counting"]
    verified.clear()


def request(address: str = "192.0.2.1", cookies: dict[str, str] | None = None, secure: bool = True) -> Any:
    found = RequestFactory().post("/api/token/", REMOTE_ADDR=address, secure=secure)
    found.COOKIES = cookies or {}
    return found


def wrong(name: str = "alice", address: str = "192.0.2.1", **rest: Any) -> None:
    with pytest.raises(LoginFailed):
        login.verify(name, "wrong", request(address, **rest))


def right(name: str = "alice", address: str = "192.0.2.1", **rest: Any) -> Any:
    return login.verify(name, PASSWORD, request(address, **rest))


def limited(name: str = "alice", address: str = "192.0.2.1", password: str = "wrong", **rest: Any) -> TooMany:
    before = len(verified)
    with pytest.raises(TooMany) as caught:
        login.verify(name, password, request(address, **rest))
    assert len(verified) == before, "the password was looked at"
    return caught.value


# -- the way it goes --------------------------------------------------------------------------------------------------


def test_the_right_password_opens_a_session(alice: Any, log: Callable[..., Any]) -> None:
    found = login.obtain("alice", PASSWORD, request())
    assert found.user == alice
    principal = JWTScheme().load(access.verify(found.pair.access))
    assert principal.subject == str(alice.pk)
    session = Session.objects.get()
    assert (session.address, str(session.pk)) == ("192.0.2.1", found.pair.session)
    (event,) = log("LOGIN_SUCCESS")
    assert (event.subject, event.session, event.account) == (str(alice.pk), found.pair.session, "alice")


def test_spaces_around_a_name_are_not_part_of_it_and_in_a_password_they_are(
    make_user: Callable[..., Any],
) -> None:
    make_user(password=" pass word ")
    assert login.verify(" alice ", " pass word ", request())
    with pytest.raises(LoginFailed):
        login.verify("alice", "pass word", request())


def test_who_is_known_under_another_name_field_logs_in_by_it(alice: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(User, "USERNAME_FIELD", "email")
    assert login.verify("alice@example.com", PASSWORD, request()) == alice


@pytest.mark.parametrize("name", ["x", "1e3", "\u0663x", "1" * 400])
def test_a_name_that_cannot_be_one_is_a_bad_request_where_names_are_numbers(
    name: str, alice: Any, monkeypatch: Any
) -> None:
    """Django's own lookup raises ValueError for them, which would be a 500."""
    monkeypatch.setattr(User, "USERNAME_FIELD", "id")
    assert login.verify(str(alice.pk), PASSWORD, request()) == alice
    with pytest.raises((BadRequest, LoginFailed)):
        login.verify(name, PASSWORD, request())


def test_the_projects_own_backends_decide(alice: Any, project: Any) -> None:
    project.AUTHENTICATION_BACKENDS = ["tests.schemes.test_login.OnlyBob"]
    wrong("alice")
    assert login.verify("alice", "bob", request()) == alice


class OnlyBob:
    """A backend of the project's own."""

    def authenticate(self, request: Any, username: str, password: str) -> Any:
        return User.objects.get(username=username) if password == "bob" else None


def test_an_inactive_user_is_refused_whatever_the_backends_say(
    make_user: Callable[..., Any], project: Any
) -> None:
    project.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]
    make_user(is_active=False)
    with pytest.raises(LoginFailed):
        right()


def test_unknown_wrong_and_inactive_get_the_same_answer(make_user: Callable[..., Any]) -> None:
    make_user("alice")
    make_user("carol", is_active=False)
    answers = []
    for name, password in (("nobody", "x"), ("alice", "x"), ("carol", PASSWORD), ("carol", "x")):
        with pytest.raises(LoginFailed) as caught:
            login.verify(name, password, request())
        answers.append((caught.value.problem(), caught.value.headers, caught.value.reason))
    assert all(answer == answers[0] for answer in answers)


# -- limits -----------------------------------------------------------------------------------------------------------


def test_a_sixth_guess_in_a_minute_is_not_even_verified(alice: Any, later: Callable[[float], None]) -> None:
    for _ in range(5):
        wrong()
    refusal = limited()
    assert refusal.status == 429
    assert 0 < int(refusal.headers["Retry-After"]) <= 60
    assert refusal.limit == "login"
    limited(password=PASSWORD)  # the right one neither: else guessing would go on
    later(60.1)
    assert right()


@pytest.mark.django_db(transaction=True)
def test_of_a_hundred_guesses_at_once_five_are_looked_at(make_user: Callable[..., Any]) -> None:
    """A limit that is charged after verifying lets all of them through."""
    make_user()
    outcomes: list[str] = []
    ready = threading.Barrier(20)

    def guess() -> None:
        try:
            ready.wait(30)
            for _ in range(5):
                try:
                    login.verify("alice", "wrong", request())
                except (TooMany, LoginFailed) as refusal:
                    outcomes.append(type(refusal).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=guess) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (outcomes.count("LoginFailed"), outcomes.count("TooMany")) == (5, 95)
    assert len(verified) == 5


def test_an_account_is_limited_from_all_addresses_together(alice: Any) -> None:
    for number in range(5):
        wrong(address=f"198.51.100.{number}")
    limited(address="203.0.113.9")


@pytest.mark.parametrize(
    "spelling",
    [
        "ALICE",
        "Alice",
        " alice",
        "alice ",
        "\uff41\uff4c\uff49\uff43\uff45",
        "\u00a0alice",
        "\u2009ALICE\u2009",
        "al\u0131ce",  # its capital is I: the same account where names are looked up by `iexact` in PostgreSQL
    ],
)
def test_another_spelling_of_a_name_is_no_other_account(spelling: str, alice: Any) -> None:
    for _ in range(5):
        wrong()
    limited(spelling)


def test_another_name_is_another_account(alice: Any) -> None:
    for _ in range(5):
        wrong()
    for name in ("al\u00edce", "alice2", "a.lice"):
        wrong(name, address="203.0.113.1")


def test_an_unknown_account_is_limited_as_a_known_one(alice: Any) -> None:
    """Else 429 or 401 would tell which accounts exist."""
    seen = {}
    for name in ("alice", "nobody"):
        for number in range(5):
            wrong(name, address=f"198.51.100.{number}")
        refusal = limited(name, address="198.51.100.9")
        seen[name] = (refusal.problem()["code"], refusal.limit)
    assert seen["alice"] == seen["nobody"]


def test_spraying_one_password_over_accounts_is_limited_by_address(alice: Any) -> None:
    for number in range(30):
        wrong(f"user{number}")
    assert limited("user31").limit == "login_address"
    wrong("user31", address="203.0.113.9")


def test_a_whole_ipv6_network_is_one_address(alice: Any) -> None:
    for number in range(30):
        wrong(f"user{number}", address=f"2001:db8::{number:x}")
    assert limited("user31", address="2001:db8::ffff").limit == "login_address"
    wrong("user31", address="2001:db8:0:1::1")


def test_a_success_costs_nothing(alice: Any) -> None:
    for _ in range(40):
        right()
    for _ in range(5):
        wrong()
    limited()


def test_limits_are_as_set_and_may_be_off(alice: Any, configure: Callable[..., None]) -> None:
    configure(LIMITS={"login": "2/min", "login_address": None})
    wrong()
    wrong()
    limited()
    configure(LIMITS={"login": None, "login_address": None})
    for _ in range(40):
        wrong()


def test_a_state_that_is_away_refuses_logins(alice: Any, monkeypatch: Any) -> None:
    """Fail closed: without counting there is no guessing."""

    def away(*_: Any) -> Any:
        raise Unavailable

    monkeypatch.setattr(get_gate(), "ask", away)
    with pytest.raises(Unavailable):
        right()
    assert not verified


def test_busy_hashing_costs_no_place(alice: Any, monkeypatch: Any) -> None:
    def busy(*_: Any, **__: Any) -> Any:
        raise Unavailable("busy")

    with monkeypatch.context() as patched:
        patched.setattr(login, "authenticate", busy)
        for _ in range(10):
            with pytest.raises(Unavailable):
                right()
    for _ in range(5):
        wrong()


def test_a_wrong_password_is_charged_even_if_hashing_is_too_busy_to_hide_it(
    alice: Any, monkeypatch: Any
) -> None:
    """Else who floods the server with logins guesses for nothing: right is 200, wrong is 503 and free."""

    def busy(*_: Any) -> Any:
        raise Unavailable("busy")

    monkeypatch.setattr("stockade.schemes.evening.Evener.even_out", busy)
    for _ in range(5):
        with pytest.raises(Unavailable):
            login.verify("alice", "wrong", request())
    limited()


def test_account_names_are_not_in_the_state(alice: Any) -> None:
    """People type passwords into this field, and the state's file is not the place for them."""
    wrong("my secret password")
    assert all(b"secret" not in usage.key for usage in get_gate().usage())


# -- the log ----------------------------------------------------------------------------------------------------------


def test_every_failure_is_in_the_log_and_the_lock_once(alice: Any, log: Callable[..., Any]) -> None:
    for _ in range(5):
        wrong()
    for _ in range(3):
        limited()
    assert len(log("LOGIN_FAIL")) == 5
    (lock,) = log("LOGIN_LOCK")
    assert lock.reason == "limit:login"
    assert lock.subject == str(alice.pk)
    assert lock.details["seconds"] > 0
    assert "wrong" not in repr(log())


def test_a_name_that_is_no_account_is_not_written_in_clear(alice: Any, log: Callable[..., Any]) -> None:
    wrong("hunter2")
    (event,) = log("LOGIN_FAIL")
    assert "hunter2" not in repr(event)


def test_a_failure_is_told_once(alice: Any) -> None:
    with pytest.raises(LoginFailed) as caught:
        login.verify("alice", "wrong", request())
    assert caught.value.recorded


# -- known devices ----------------------------------------------------------------------------------------------------


def cookie_for(name: str = "alice", secure: bool = True) -> dict[str, str]:
    return {devices.SECURE_NAME if secure else devices.PLAIN_NAME: devices.make(name)}


def test_a_stranger_does_not_lock_out_a_known_device(alice: Any) -> None:
    cookies = cookie_for()
    for number in range(5):
        wrong(address=f"198.51.100.{number}")
    limited(address="203.0.113.1", password=PASSWORD)
    assert right(address="203.0.113.1", cookies=cookies) == alice


def test_others_at_the_same_address_do_not_lock_out_a_known_device(alice: Any) -> None:
    cookies = cookie_for()
    for number in range(30):
        wrong(f"user{number}")
    limited(password=PASSWORD)
    assert right(cookies=cookies) == alice


def test_a_known_device_has_its_own_five_guesses_and_no_more(alice: Any) -> None:
    """A stolen cookie is five guesses a minute, not all of them."""
    cookies = cookie_for()
    for _ in range(5):
        wrong(cookies=cookies)
    limited(cookies=cookies)
    assert right() == alice  # the account itself is not locked by it


def test_the_cookie_of_one_account_is_none_for_another(alice: Any, make_user: Callable[..., Any]) -> None:
    """Else an attacker's own account would buy him guesses at others'."""
    make_user("mallory")
    for _ in range(5):
        wrong("alice")
    limited("alice", cookies=cookie_for("mallory"))


@pytest.mark.parametrize("mine", ["ALICE", "al\u0131ce", "\uff41lice"])
def test_an_account_that_differs_in_case_buys_no_guesses(mine: str, alice: Any) -> None:
    """To Django they are two accounts: registered and logged in to often enough, it would be a bunch of cookies."""
    User.objects.create(username=mine, password=alice.password)
    assert login.obtain(mine, PASSWORD, request("203.0.113.7"))
    for number in range(5):
        wrong("alice", address=f"198.51.100.{number}")
    limited("alice", address="203.0.113.7", cookies=cookie_for(mine))
    assert devices.standing("alice", "203.0.113.7", cookie_for(mine), True).known == ""
    assert devices.standing(mine, "203.0.113.7", {}, True).known == "address"


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c[:-2] + ("BB" if c.endswith("AA") else "AA"),
        lambda c: ("y" if c.startswith("x") else "x") + c[1:],
        lambda c: "",
        lambda c: c + ".x",
        lambda c: "\0",
    ],
)
def test_a_forged_cookie_is_none(change: Callable[[str], str], alice: Any) -> None:
    honest = devices.make("alice")
    forged = change(honest)
    assert forged != honest
    for _ in range(5):
        wrong()
    limited(cookies={devices.SECURE_NAME: forged})


def test_an_old_cookie_is_none(alice: Any, later: Callable[[float], None]) -> None:
    cookies = cookie_for()
    assert devices.standing("alice", "192.0.2.1", cookies, True).known == "device"
    later(181 * 86400)
    assert devices.standing("alice", "192.0.2.1", cookies, True).known == ""


def test_a_cookie_that_a_sibling_host_could_plant_is_not_read_over_tls(alice: Any) -> None:
    cookies = cookie_for(secure=False)
    assert devices.standing("alice", "192.0.2.1", cookies, True).known == ""
    assert devices.standing("alice", "192.0.2.1", cookies, False).known == "device"


def test_a_client_without_cookies_is_known_by_its_address_for_thirty_days(
    alice: Any, later: Callable[[float], None]
) -> None:
    login.obtain("alice", PASSWORD, request("192.0.2.7"))
    for number in range(5):
        wrong(address=f"198.51.100.{number}")
    limited(address="203.0.113.1", password=PASSWORD)
    assert right(address="192.0.2.7") == alice
    later(30 * 86400 + 60)
    for number in range(5):
        wrong(address=f"198.51.100.{number}")
    limited(address="192.0.2.7", password=PASSWORD)


def test_a_known_address_has_its_own_five_guesses_and_no_more(alice: Any) -> None:
    login.obtain("alice", PASSWORD, request("192.0.2.7"))
    for _ in range(5):
        wrong(address="192.0.2.7")
    limited(address="192.0.2.7")
    assert right(address="203.0.113.1") == alice


def test_known_addresses_are_digests_of_both_and_old_ones_go(
    alice: Any, later: Callable[[float], None]
) -> None:
    login.obtain("alice", PASSWORD, request("192.0.2.7"))
    login.obtain("alice", PASSWORD, request("192.0.2.7"))
    (row,) = KnownAddress.objects.all()
    assert "192.0.2.7" not in row.digest
    assert len(row.digest) == 64
    later(31 * 86400)
    login.obtain("alice", PASSWORD, request("203.0.113.5"))
    (kept,) = KnownAddress.objects.all()
    assert kept.digest != row.digest


def test_a_failed_login_makes_no_address_known(alice: Any) -> None:
    wrong()
    assert not KnownAddress.objects.exists()


# -- input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "password", "field"),
    [
        (None, "x", "username"),
        ("alice", None, "password"),
        (1, "x", "username"),
        ("alice", 1, "password"),
        (["alice"], "x", "username"),
        ({"$ne": ""}, "x", "username"),
        (True, "x", "username"),
        ("", "x", "username"),
        ("  ", "x", "username"),
        ("alice", "", "password"),
        ("a\0lice", "x", "username"),
        ("alice", "x\0", "password"),
        ("\ud800", "x", "username"),
        ("alice", "\udfff", "password"),
        ("a" * 1025, "x", "username"),
        ("alice", "x" * 4097, "password"),
        (b"alice", "x", "username"),
    ],
)
def test_what_is_no_name_or_password_is_a_bad_request_before_anything_else(
    name: Any, password: Any, field: str, alice: Any
) -> None:
    with pytest.raises(BadRequest) as caught:
        login.verify(name, password, request())
    assert caught.value.errors is not None
    assert list(caught.value.errors) == [field]
    assert not verified
    assert not get_gate().usage()


def test_the_longest_password_is_taken(make_user: Callable[..., Any]) -> None:
    make_user(password="x" * 4096)
    assert login.verify("alice", "x" * 4096, request())


@pytest.mark.django_db(transaction=True)
def test_no_password_is_hashed_within_a_transaction(make_user: Callable[..., Any], monkeypatch: Any) -> None:
    """It would hold the write lock of SQLite, or the row locks of PostgreSQL, for as long as hashing takes."""
    make_user()
    seen: list[bool] = []
    honest = Counting.verify

    def watch(self: Any, password: str, encoded: str) -> bool:
        seen.append(connection.in_atomic_block)
        return honest(self, password, encoded)

    monkeypatch.setattr(Counting, "verify", watch)
    login.obtain("alice", PASSWORD, request())
    wrong()
    assert seen == [False, False]
    with transaction.atomic(), pytest.raises(RuntimeError, match="outside of transaction"):
        right()
    assert len(seen) == 2


# -- renewed hashes ---------------------------------------------------------------------------------------------------


def test_a_hash_that_is_renewed_at_login_ends_no_session(alice: Any, project: Any) -> None:
    """Moving to another hasher must not log everybody out of their other devices."""
    pair = issue(alice)
    project.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.ScryptPasswordHasher",
        "tests.schemes.test_login.Counting",
    ]
    login.verify("alice", PASSWORD, request())
    alice.refresh_from_db()
    assert alice.password.startswith("scrypt$")
    assert JWTScheme().load(access.verify(pair.access)).is_authenticated


def test_a_password_that_was_changed_meanwhile_ends_the_sessions_of_the_old_one(
    alice: Any, monkeypatch: Any
) -> None:
    """Between reading the old hash and verifying, the password is changed; the login is with the new one."""
    pair = issue(alice)
    honest = login.authenticate

    def change_and_verify(*args: Any, **fields: Any) -> Any:
        user = User.objects.get(pk=alice.pk)
        user.set_password("a new one")
        user.save()
        return honest(*args, **fields)

    monkeypatch.setattr(login, "authenticate", change_and_verify)
    assert login.verify("alice", "a new one", request())
    with pytest.raises(InvalidCredential):
        JWTScheme().load(access.verify(pair.access))


# -- other failures ---------------------------------------------------------------------------------------------------


def test_credentials_that_do_not_hold_are_limited_by_address() -> None:
    looked: list[int] = []

    def verify_one(number: int) -> None:
        with attempts.failed_auth("192.0.2.1"):
            looked.append(number)
            raise InvalidCredential(reason="signature")

    for number in range(40):
        with pytest.raises((InvalidCredential, TooMany)):
            verify_one(number)
    assert looked == list(range(30))
    with attempts.failed_auth("192.0.2.2"):
        pass


@pytest.mark.parametrize("reason", sorted(attempts.HONEST))
def test_an_honest_credential_that_has_run_out_is_no_guess(reason: str) -> None:
    for _ in range(40):
        with pytest.raises(InvalidCredential), attempts.failed_auth("192.0.2.1"):
            raise InvalidCredential(reason=reason)


def test_what_holds_and_what_breaks_costs_nothing() -> None:
    for _ in range(40):
        with attempts.failed_auth("192.0.2.1"):
            pass
        with pytest.raises(ZeroDivisionError), attempts.failed_auth("192.0.2.1"):
            _ = 1 / 0
