"""`stockade bans` and `stockade lockouts`: what they print, what they refuse, and how they exit."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import RequestFactory

import stockade
from stockade import conf
from stockade.core import clock
from stockade.core.errors import InvalidCredential, LoginFailed
from stockade.gate.registry import get_gate
from stockade.models import ListEntry, SecurityEvent
from stockade.schemes import attempts, login
from tests.cli.test_commands import rows, run
from tests.state_servers import redis_server

PASSWORD = "correct horse battery"
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(folder=tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(params=["memory", "lmdb", "redis"], autouse=True)
def project(request: pytest.FixtureRequest, settings: Any, tmp_path: Any) -> Iterator[Any]:
    urls = {"memory": "memory://", "lmdb": f"lmdb://{tmp_path}/state"}
    state = urls.get(request.param) or request.getfixturevalue("redis")
    settings.STOCKADE = {"STATE": state, "EVENTS": {"SINKS": ["database"]}}
    get_gate().reset()
    get_gate().load((), 0)
    yield settings
    get_gate().reset()
    clock.unshift()
    conf.forget()


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice", password=PASSWORD)


# -- bans --------------------------------------------------------------------------------------------------------------


def test_addresses_are_banned_listed_and_unbanned(alice: User) -> None:
    done = run("bans", "add", "192.0.2.0/24", "::ffff:198.51.100.7", "--reason", "spam", "--expires", "1h")
    ids = list(ListEntry.objects.order_by("pk").values_list("pk", flat=True))
    assert (done.exit_code, done.stdout) == (
        0,
        f"Banned 192.0.2.0/24: entry {ids[0]}.\nBanned 198.51.100.7: entry {ids[1]}.\n",
    )
    assert run("bans", "add", "192.0.2.9", "--allow").exit_code == 0
    assert run("bans", "add", "--user", "alice").exit_code == 0
    assert run("bans", "add", "--session", "abc").exit_code == 0
    assert run("bans", "add", "--service", "HasAPIKey:abc").exit_code == 0
    found = {row["value"]: row for row in rows("bans", "list")}
    assert set(found) == {"192.0.2.0/24", "198.51.100.7", "192.0.2.9", str(alice.pk), "abc", "HasAPIKey:abc"}
    assert found["HasAPIKey:abc"]["kind"] == "service"
    first = found["192.0.2.0/24"]
    assert (first["verb"], first["kind"], first["reason"], first["created_by"]) == (
        "deny",
        "address",
        "spam",
        "command",
    )
    assert first["expires_at"]
    assert found["192.0.2.9"]["verb"] == "allow"
    assert found[str(alice.pk)]["user"] == "alice"
    assert run("bans", "list").stdout.splitlines()[0].split("\t")[:4] == ["id", "verb", "kind", "value"]
    assert run("bans", "remove", str(ids[0]), "198.51.100.7").stdout == "Removed 2 entries.\n"
    assert run("bans", "remove", "--user", "alice").stdout == "Removed 1 entry.\n"
    assert run("bans", "remove", "192.0.2.9", "--allow").exit_code == 0
    assert run("bans", "remove", "--session", "abc").exit_code == 0
    assert run("bans", "remove", "--service", "HasAPIKey:abc").exit_code == 0
    assert rows("bans", "list") == []


def test_what_has_run_out_is_listed_on_request_and_pruned() -> None:
    run("bans", "add", "192.0.2.1", "--expires", "1h")
    clock.shift(3700)
    assert rows("bans", "list") == []
    assert [row["value"] for row in rows("bans", "list", "--expired")] == ["192.0.2.1"]
    assert run("bans", "prune", "--older", "1h").stdout == "Deleted 0 entries.\n"
    clock.shift(3700)
    assert run("bans", "prune", "--older", "1h").stdout == "Deleted 1 entry.\n"


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["add"], 2, "Write addresses"),
        (["add", "192.0.2.1", "--user", "alice"], 2, "Write addresses"),
        (["add", "192.0.2.1/24"], 2, "192.0.2.0/24"),
        (["add", "nobody.example"], 2, "no address"),
        (["add", "192.0.2.1", "--expires", "soon"], 2, "no time"),
        (["add", "192.0.2.1", "--reason", "x" * 201], 2, "at most 200"),
        (["add", "--user", "nobody"], 1, "no user"),
        (["add", "--user", "alice", "--allow"], 2, "Only addresses"),
        (["add", "--session", ""], 2, "an id"),
        (["remove"], 2, "Write addresses"),
        (["remove", "77"], 1, "no ban 77"),
        (["remove", "192.0.2.1"], 1, "no ban 192.0.2.1"),
        (["remove", "192.0.2.1", "--allow"], 1, "no allowed address 192.0.2.1"),
        (["remove", "192.0.2.1/8"], 2, "192.0.0.0/8"),
        (["prune", "--older", "x"], 2, "no time"),
        (["list", "--format", "xml"], 2, "xml"),
    ],
)  # fmt: skip
def test_wrong_use_and_refusals_are_told_apart(
    arguments: list[str], status: int, says: str, alice: User
) -> None:
    done = run("bans", *arguments)
    assert (done.exit_code, says in done.output) == (status, True), done.output
    assert not ListEntry.objects.exists()


def test_of_several_addresses_all_are_banned_or_none() -> None:
    assert run("bans", "add", "192.0.2.1", "nonsense").exit_code == 2
    assert run("bans", "add", "192.0.2.1", "192.0.2.2", "--reason", "x\0").exit_code == 2
    assert not ListEntry.objects.exists()


def test_nothing_is_removed_if_one_of_them_is_not_there() -> None:
    stockade.ban("192.0.2.1")
    assert run("bans", "remove", "192.0.2.1", "192.0.2.2").exit_code == 1
    assert ListEntry.objects.count() == 1


def test_manage_py_has_them_too() -> None:
    out = io.StringIO()
    call_command("stockade", "bans", "add", "192.0.2.1", stdout=out)
    assert ListEntry.objects.get().value == "192.0.2.1"


# -- lockouts ----------------------------------------------------------------------------------------------------------


def guess(name: str, where: str, times: int = 5) -> None:
    request = RequestFactory().post("/", REMOTE_ADDR=where)
    for _ in range(times):
        with pytest.raises(LoginFailed):
            login.verify(name, "wrong", request)


def garbage(where: str, times: int = 30) -> None:
    for _ in range(times):
        with pytest.raises(InvalidCredential), attempts.failed_auth(where):
            raise InvalidCredential(reason="garbage")


def test_a_lockout_shows_which_limit_whom_how_much_and_until_when(alice: User) -> None:
    guess("Alice", "192.0.2.1")
    guess("hunter2 my password", "192.0.2.2")
    garbage("2001:db8::1")
    found = rows("lockouts", "list")
    assert sorted((row["limit"], row["whom"], row["user"], row["address"]) for row in found) == [
        ("failed_auth", "address", "", "2001:db8::/64"),
        ("login", "account", "", ""),
        ("login", "account", "alice", ""),
    ]
    for row in found:
        assert row["used"] == row["count"]
        assert 0 < row["seconds"] <= 60
    assert "hunter2" not in run("lockouts", "list", "--all").output
    assert len(rows("lockouts", "list", "--all")) == 5  # and the two addresses that guessed


def test_lockouts_of_a_user_are_cleared_by_name(alice: User) -> None:
    guess("ALICE", "192.0.2.1")
    guess("bob", "192.0.2.1")
    (row,) = rows("lockouts", "list", "--user", "alice")
    assert row["user"] == "alice"
    assert run("lockouts", "clear", "--user", "alice").stdout == "Cleared 1 lockout.\n"
    request = RequestFactory().post("/", REMOTE_ADDR="192.0.2.9")
    assert login.verify("alice", PASSWORD, request) == alice
    assert len(rows("lockouts", "list")) == 1  # bob's
    event = SecurityEvent.objects.get(event="lockout_cleared")
    assert (event.account, event.reason) == ("alice", "limit:login")


def test_lockouts_of_an_address_are_cleared_by_any_address_of_its_network() -> None:
    garbage("2001:db8::1")
    garbage("192.0.2.1")
    assert run("lockouts", "clear", "--address", "2001:db8::ffff").stdout == "Cleared 1 lockout.\n"
    (row,) = rows("lockouts", "list")
    assert row["address"] == "192.0.2.1"
    assert [one["key"] for one in rows("lockouts", "list", "--address", "::ffff:192.0.2.1")] == [row["key"]]


def test_a_known_device_and_a_known_address_are_told_apart(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stockade.schemes import devices

    devices.remember("alice", "192.0.2.1")
    guess("alice", "192.0.2.1")
    (row,) = rows("lockouts", "list", "--user", "alice")
    assert (row["whom"], row["address"]) == ("known address", "192.0.2.1")
    cookie = devices.make("alice")
    request = RequestFactory().post("/", REMOTE_ADDR="192.0.2.7", secure=True)
    request.COOKIES = {devices.SECURE_NAME: cookie}
    for _ in range(5):
        with pytest.raises(LoginFailed):
            login.verify("alice", "wrong", request)
    assert {row["whom"] for row in rows("lockouts", "list", "--user", "alice")} == {
        "known address",
        "known device",
    }
    assert cookie not in run("lockouts", "list").output
    assert run("lockouts", "clear", "--user", "alice").stdout == "Cleared 2 lockouts.\n"


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["clear"], 2, "Write one of them"),
        (["clear", "login:x", "--user", "alice"], 2, "Write one of them"),
        (["clear", "login:account:nobody"], 1, "no lockout"),
        (["clear", "user:1"], 1, "no lockout"),
        (["clear", "--user", "alice"], 1, "no lockout"),
        (["clear", "--user", "nobody"], 1, "no user"),
        (["clear", "--address", "nonsense"], 2, "no address"),
        (["list", "--address", "nonsense"], 2, "no address"),
    ],
)  # fmt: skip
def test_wrong_use_of_lockouts(arguments: list[str], status: int, says: str, alice: User) -> None:
    done = run("lockouts", *arguments)
    assert (done.exit_code, says in done.output) == (status, True), done.output


def test_an_empty_list_of_a_state_that_nobody_shares_says_so(settings: Any) -> None:
    done = run("lockouts", "list")
    own = settings.STOCKADE["STATE"] == "memory://"
    assert ("are not seen here" in done.stderr) == own
    assert ("notices within 30 s" in run("bans", "add", "192.0.2.1").stderr) == own


def test_a_lockout_is_not_cleared_if_nobody_can_be_told(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import DatabaseError

    from stockade.schemes import lockouts

    def broken(*_: Any, **__: Any) -> None:
        raise DatabaseError("disk full")

    guess("alice", "192.0.2.1")
    monkeypatch.setattr(lockouts, "emit", broken)
    with pytest.raises(DatabaseError):
        lockouts.clear(user="alice")
    assert len(lockouts.find(user="alice")) == 1
