"""`stockade passwords wrap`: nobody notices, nothing of what users do meanwhile is lost, and there is a way back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.hashers import check_password
from django.test import Client
from typer.testing import CliRunner

import stockade
from stockade.cli.root import app
from stockade.core.errors import ConfigurationError, InvalidCredential, LoginFailed
from stockade.models import WrappedPassword
from stockade.schemes import login
from stockade.schemes.evening import Ledger, counted, evener
from stockade.schemes.jwt import Pair
from stockade.schemes.passwords import Wrapped
from stockade.schemes.wrapped import move
from tests.schemes.wrapped.old import HASHES, PASSWORD, stored, user

pytestmark = pytest.mark.django_db

NEW = "a new one of nineteen"


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["passwords", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


@pytest.fixture
def everybody() -> list[str]:
    for kind, encoded in HASHES.items():
        user(kind, encoded)
    return list(HASHES)


# -- wrapping ----------------------------------------------------------------------------------------------------------


def test_everybody_logs_in_as_before_and_is_upgraded_by_it(everybody: list[str]) -> None:
    assert move.run().wrapped == len(HASHES)
    for name in everybody:
        assert stored(name).startswith("wrapped$")
        with pytest.raises(LoginFailed):
            login.verify(name, "wrong")
        assert stored(name).startswith("wrapped$")
        assert login.verify(name, PASSWORD).get_username() == name
        assert stored(name).startswith("argon2$argon2id$")
        assert login.verify(name, PASSWORD).get_username() == name


def test_djangos_own_login_takes_and_upgrades_them(everybody: list[str]) -> None:
    move.run()
    for name in everybody:
        assert authenticate(username=name, password="wrong") is None
        assert authenticate(username=name, password=PASSWORD) is not None
        assert stored(name).startswith("argon2$")


def test_the_admins_login_page_takes_them() -> None:
    user("root", HASHES["unsalted md5"], is_staff=True, is_superuser=True)
    move.run()
    browser = Client()
    answer = browser.post("/admin/login/?next=/admin/", {"username": "root", "password": PASSWORD})
    assert answer.status_code == 302
    assert browser.get("/admin/").status_code == 200
    assert stored("root").startswith("argon2$")


def test_what_is_no_old_hash_stays_as_it_is(make_user: Callable[..., Any]) -> None:
    make_user("alice")
    user("nopassword", "!x")
    user("broken", "gibberish")
    before = {name: stored(name) for name in ("alice", "nopassword", "broken")}
    found = move.run()
    assert (found.users, found.wrapped, found.unknown) == (3, 0, 1)
    assert {name: stored(name) for name in before} == before


def test_sessions_and_tokens_of_before_go_on() -> None:
    """Their stamps are digests of the stored hash: without restamping everybody would be logged out."""
    bob = user("bob", HASHES["sha1"])
    pair, token = stockade.issue(bob), stockade.create_token(bob, "script")
    move.run()
    assert _is_taken(pair)
    assert _token_is_taken(token.token)
    login.verify("bob", PASSWORD)  # the upgrade to plain Argon2 keeps them, too
    assert _is_taken(pair)
    assert _token_is_taken(token.token)
    bob.refresh_from_db()
    bob.set_password(NEW)
    bob.save()
    assert not _is_taken(pair)
    assert not _token_is_taken(token.token)


def _is_taken(pair: Pair) -> bool:
    answer = Client().get("/whoami/", headers={"authorization": f"Bearer {pair.access}"})
    return answer.status_code == 200


def _token_is_taken(token: str) -> bool:
    answer = Client().get("/whoami/", headers={"authorization": f"Token {token}"})
    return answer.status_code == 200


@pytest.fixture(autouse=True)
def served(project: Any) -> None:
    project.ROOT_URLCONF = "tests.schemes.wrapped.urls"
    project.MIDDLEWARE = ["stockade.web.Middleware", *project.MIDDLEWARE]
    project.STOCKADE = {**project.STOCKADE, "SCHEMES": ["jwt", "token"], "EXEMPT": ["admin"]}


def test_a_password_that_is_changed_while_it_is_wrapped_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare and set: the row is only replaced while it holds the hash that was wrapped."""
    bob = user("bob", HASHES["md5"])
    original = Wrapped.wrap

    def slow(self: Wrapped, encoded: str) -> str | None:
        found = original(self, encoded)
        bob.set_password(NEW)
        bob.save()
        return found

    monkeypatch.setattr(move, "ThreadPoolExecutor", _Here)
    monkeypatch.setattr(Wrapped, "wrap", slow)
    found = move.run()
    assert (found.wrapped, found.overtaken) == (0, 1)
    assert check_password(NEW, stored("bob"))
    assert not WrappedPassword.objects.exists()


class _Here:
    """Instead of threads, whose changes a test's transaction would not show."""

    def __init__(self, max_workers: int) -> None: ...

    def __enter__(self) -> _Here:
        return self

    def __exit__(self, *_: object) -> None: ...

    map = staticmethod(map)


def test_a_run_that_was_interrupted_goes_on_where_it_was(
    everybody: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = 3

    def stop(*args: Any, **options: Any) -> bool:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return swap(*args, **options)

    swap = move._swap
    with monkeypatch.context() as patched:
        patched.setattr(move, "_swap", stop)
        with pytest.raises(KeyboardInterrupt):
            move.run()
    assert sum(stored(name).startswith("wrapped$") for name in everybody) == 3
    assert move.run().wrapped == len(HASHES) - 3
    assert move.run().wrapped == 0
    assert all(authenticate(username=name, password=PASSWORD) for name in everybody)


def test_more_users_than_one_step_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(move, "CHUNK", 2)
    told: list[tuple[str, int, int]] = []
    for number in range(5):
        user(f"user{number}", HASHES["md5"])
    assert move.run(jobs=2, progress=lambda *step: told.append(step)).wrapped == 5
    assert told == [("users", 2, 5), ("users", 4, 5), ("users", 5, 5)]


def test_a_hash_that_does_not_fit_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(move, "_width", lambda: 90)
    user("bob", HASHES["md5"])
    assert move.run().long == 1
    assert stored("bob") == HASHES["md5"]


@pytest.mark.parametrize(
    "hashers",
    [
        ["stockade.schemes.passwords.Argon2"],
        ["stockade.schemes.passwords.Wrapped", "stockade.schemes.passwords.Argon2"],
        ["django.contrib.auth.hashers.PBKDF2PasswordHasher", "stockade.schemes.passwords.Wrapped"],
    ],
    ids=["without", "first", "PBKDF2 first"],
)
def test_nothing_is_wrapped_that_this_project_would_not_verify(project: Any, hashers: list[str]) -> None:
    """Else everybody is locked out."""
    user("bob", HASHES["md5"])
    project.PASSWORD_HASHERS = hashers
    with pytest.raises(ConfigurationError, match="E244"):
        move.run()
    assert stored("bob") == HASHES["md5"]


# -- back --------------------------------------------------------------------------------------------------------------


def test_it_is_undone_for_whoever_has_not_logged_in_since(everybody: list[str]) -> None:
    move.run()
    login.verify("md5", PASSWORD)
    changed = get_user_model().objects.get(username="sha1")
    changed.set_password(NEW)
    changed.save()
    undone = move.undo()
    assert undone is not None
    assert (undone.restored, undone.kept) == (len(HASHES) - 2, 2)
    for name in everybody:
        if name in ("md5", "sha1"):
            assert stored(name).startswith("argon2$")
        else:
            assert stored(name) == HASHES[name]
    assert move.undo() is None


def test_sessions_go_on_when_it_is_undone() -> None:
    pair = stockade.issue(user("bob", HASHES["sha1"]))
    move.run()
    move.undo()
    assert stored("bob") == HASHES["sha1"]
    assert _is_taken(pair)


def test_a_stolen_table_of_copies_gives_no_old_hash_away(everybody: list[str]) -> None:
    move.run()
    rows = b"".join(bytes(row.sealed) for row in WrappedPassword.objects.all())
    assert len(rows) > 100 * len(HASHES) // 2
    for encoded in HASHES.values():
        assert encoded[-10:].encode() not in rows


def test_one_users_copy_is_no_other_ones(everybody: list[str]) -> None:
    """Whoever writes to the database cannot give a user the password of another by way of the copies."""
    move.run()
    one, two = WrappedPassword.objects.order_by("pk")[:2]
    one.sealed = two.sealed
    one.save()
    with pytest.raises(ConfigurationError, match="E243"):
        move.undo()


def test_after_the_copies_are_erased_there_is_no_way_back(everybody: list[str]) -> None:
    move.run()
    assert move.left() == move.erase() == len(HASHES)
    assert move.left() == 0
    assert move.undo() is None
    assert all(stored(name).startswith("wrapped$") for name in everybody)


def test_copies_go_with_their_user() -> None:
    bob = user("bob", HASHES["md5"])
    move.run()
    bob.delete()
    assert move.left() == 0


# -- the time of a failure ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "cost"),
    [
        (["md5", "unsalted sha1"], 1),
        (["pbkdf2 sha256", "md5"], 2),
        (["pbkdf2 sha256", "scrypt"], 3),
        (["bcrypt sha256"], 2),
    ],
    ids=["for nothing", "pbkdf2", "two kinds", "bcrypt"],
)
def test_every_failed_login_does_the_same_work_with_wrapped_hashes(
    kinds: list[str], cost: int, make_user: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what runs: Argon2 once, and each old hash that is in use once, whoever is asked for."""
    work: list[str] = []
    _record(monkeypatch, work)
    for kind in kinds:
        user(kind, HASHES[kind])
    move.run()
    make_user("alice")
    user("off", Wrapped().wrap(HASHES[kinds[0]]) or "", is_active=False)
    done = {}
    for name, password in [
        *((kind, "wrong") for kind in kinds),
        ("alice", "x"),
        ("nobody", "x"),
        ("off", "x"),
    ]:
        work.clear()
        with pytest.raises(LoginFailed):
            login.verify(name, password)
        done[name] = sorted(work)
    assert len({tuple(found) for found in done.values()}) == 1, done
    assert len(done["nobody"]) == cost, done


def test_wrapped_and_plain_hashes_of_one_kind_are_evened_out_together(
    make_user: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While they are being wrapped; four kinds would be more than a failure may cost."""
    work: list[str] = []
    _record(monkeypatch, work)
    user("wrapped", HASHES["pbkdf2 sha256"])
    move.run()
    user("plain", HASHES["pbkdf2 sha256"])
    make_user("alice")
    done = {}
    for name in ("wrapped", "plain", "alice", "nobody"):
        work.clear()
        with pytest.raises(LoginFailed):
            login.verify(name, "wrong")
        done[name] = sorted(work)
    assert done == {name: ["argon2", "pbkdf2_sha256 10000"] for name in done}


def _record(monkeypatch: pytest.MonkeyPatch, work: list[str]) -> None:
    """Note each run of Argon2, and of an old hash that takes time, at the bottom, whoever asks for it."""
    from argon2 import low_level
    from django.contrib.auth import hashers
    from django.utils import crypto

    def noted(target: Any, name: str, word: Callable[..., str]) -> None:
        original = getattr(target, name)

        def call(*args: Any, **options: Any) -> Any:
            work.append(word(*args, **options))
            return original(*args, **options)

        monkeypatch.setattr(target, name, call)

    for name in ("hash_secret", "hash_secret_raw", "verify_secret"):
        noted(low_level, name, lambda *_, **__: "argon2")
    monkeypatch.setattr("argon2._password_hasher.verify_secret", low_level.verify_secret)
    noted(hashers, "pbkdf2", lambda password, salt, iterations, **__: f"pbkdf2_sha256 {iterations}")
    noted(hashers.hashlib, "scrypt", lambda *_, **__: "scrypt")
    noted(__import__("bcrypt"), "hashpw", lambda *_, **__: "bcrypt")
    assert crypto.pbkdf2 is not hashers.pbkdf2


def test_what_a_wrapped_hash_costs_is_counted_once() -> None:
    encoded = Wrapped().wrap(HASHES["pbkdf2 sha256"])
    with counted() as spent:
        check_password("wrong", encoded)
    assert sorted(spent.values()) == [1, 1]
    evener().even_out("wrong", encoded, Ledger())


# -- the command -------------------------------------------------------------------------------------------------------


def test_the_command_counts_wraps_undoes_and_erases(everybody: list[str]) -> None:
    status, output = run("check")
    assert status == 1
    assert "weak" in output
    assert run("wrap", "--dry-run") == (0, f"Would wrap {len(HASHES)} hashes of {len(HASHES)} users.\n")
    assert stored("md5") == HASHES["md5"]
    status, output = run("wrap", "--jobs", "2")
    assert status == 0
    assert f"Wrapped {len(HASHES)} hashes" in output
    status, output = run("check", "--format", "json")
    assert status == 0
    rows = json.loads(output[output.index("[") : output.rindex("]") + 1])
    assert {row["standing"] for row in rows} == {"wrapped; renewed at the next login"}
    assert sum(row["users"] for row in rows) == len(HASHES)
    assert "kept, sealed" in output
    assert run("wrap", "--undo")[0] == 0
    assert stored("md5") == HASHES["md5"]
    assert run("wrap", "--undo")[0] == 1
    run("wrap")
    assert run("wrap", "--erase") == (0, f"Erased {len(HASHES)} copies of old hashes.\n")
    assert run("wrap", "--undo", "--erase")[0] == 2


def test_no_hash_is_in_what_the_command_and_the_log_say(
    everybody: list[str], log: Callable[..., Any]
) -> None:
    said = "".join(
        run(*words)[1] for words in (["check"], ["wrap"], ["check"], ["wrap", "--undo"], ["wrap", "--erase"])
    )
    said += "".join(map(str, log()))
    for encoded in HASHES.values():
        assert encoded[-12:] not in said
    assert "passwords_wrapped" in said


def test_the_old_token_is_still_refused_when_it_was_ended() -> None:
    bob = user("bob", HASHES["md5"])
    pair = stockade.issue(bob)
    stockade.end_sessions(bob)
    move.run()
    assert not _is_taken(pair)
    assert InvalidCredential is not LoginFailed
