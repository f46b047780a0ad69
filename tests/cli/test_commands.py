"""What every command prints, in both formats, and how it exits: 0 fine, 1 refused, 2 wrong use."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from typer.testing import CliRunner, Result

import stockade
from stockade import conf, events, keyring
from stockade.cli.output import Format
from stockade.cli.root import app
from stockade.cli.sessions import list_sessions
from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.events import Event
from stockade.gate.keys import limit_key, subject_key
from stockade.gate.protocol import DIRTY, Charge
from stockade.gate.rates import parse
from stockade.gate.registry import get_gate
from stockade.models import SecurityEvent, Session
from tests.servers import ROOT


@pytest.fixture(autouse=True)
def project(settings: Any, db: None) -> Iterator[Any]:
    settings.STOCKADE = {"STATE": "memory://", "EVENTS": {"SINKS": ["database"]}}
    get_gate().reset()
    yield settings
    get_gate().reset()
    clock.unshift()
    conf.forget()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def rows(*arguments: str) -> list[dict[str, Any]]:
    result = run(*arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice", password="x")


def test_sessions_are_listed_without_any_secret(alice: User) -> None:
    pair = stockade.issue(alice)
    (row,) = rows("sessions", "list", "--user", "alice")
    assert row["user"] == "alice"
    assert set(row) == {
        "id", "user", "scheme", "created_at", "last_used", "expires_at", "address", "user_agent", "ended_at",
        "end_reason",
    }  # fmt: skip
    text = run("sessions", "list").stdout
    assert text.splitlines()[0].split("\t")[:2] == ["id", "user"]
    assert pair.refresh.rpartition(".")[2] not in text
    assert Session.objects.get().stamp not in text


def test_one_session_is_ended(alice: User) -> None:
    stockade.issue(alice)
    stockade.issue(alice)
    first = rows("sessions", "list")[0]["id"]
    assert run("sessions", "end", first).exit_code == 0
    assert [row["id"] for row in rows("sessions", "list")] != [first]
    assert len(rows("sessions", "list")) == 1
    assert len(rows("sessions", "list", "--ended")) == 2
    again = run("sessions", "end", first)
    assert (again.exit_code, "no live session" in again.stderr) == (1, True)


def test_all_sessions_of_a_user_are_ended(alice: User) -> None:
    for _ in range(3):
        stockade.issue(alice)
    assert run("sessions", "end-all", "--user", "alice").stdout == "Ended 3 sessions of alice.\n"
    assert run("sessions", "end-all", "--user", str(alice.pk)).stdout == f"Ended 0 sessions of {alice.pk}.\n"


def test_it_is_said_when_the_process_that_serves_will_notice(
    alice: User, project: Any, tmp_path: Path
) -> None:
    """An operator who ends a thief's session must not believe that it is over while it is not."""
    stockade.issue(alice)
    ended = run("sessions", "end-all", "--user", "alice")
    assert "within 30 s" in ended.stderr
    project.STOCKADE = {**project.STOCKADE, "STATE": f"lmdb://{tmp_path / 'state'}"}
    stockade.issue(alice)
    ended = run("sessions", "end", rows("sessions", "list")[0]["id"])
    assert (ended.exit_code, ended.stderr) == (0, "")


def test_what_is_not_there_is_said_and_told_apart_from_wrong_use(alice: User) -> None:
    assert run("sessions", "end-all", "--user", "nobody").exit_code == 1
    assert run("sessions", "end", "nonsense").exit_code == 2
    assert run("sessions", "end", "00000000-0000-4000-8000-000000000000").exit_code == 1
    assert run("sessions", "end").exit_code == 2
    assert run("nonsense").exit_code == 2
    assert run("sessions", "list", "--format", "xml").exit_code == 2
    assert run("keyring", "retire", "nonsense").exit_code == 1
    assert run("keyring", "rotate", "--algorithm", "none").exit_code == 2
    assert run("lockouts", "clear", "login:nobody").exit_code == 1
    assert run("events", "tail", "--since", "yesterday").exit_code == 2


def test_the_key_ring_is_rotated_and_retired(alice: User) -> None:
    stockade.issue(alice)
    (old,) = rows("keyring", "list")
    assert old["state"] == "signing"
    published = run("keyring", "rotate")
    assert re.match(r"Published \S+, signs from ", published.stdout)
    assert run("keyring", "rotate", "--now").exit_code == 0
    states = {row["kid"]: row["state"] for row in rows("keyring", "list")}
    assert states.pop(old["kid"]) == "verifying"
    assert set(states.values()) == {"signing"}
    new = next(iter(states))
    keys = json.loads(run("keyring", "jwks").stdout)["keys"]
    assert {key["kid"] for key in keys} == {old["kid"], new}
    assert not [key for key in keys if {"d", "p", "q", "k"} & set(key)]


def test_a_key_is_retired_no_sooner_than_the_listing_says(alice: User) -> None:
    stockade.issue(alice)
    (old,) = rows("keyring", "list")
    assert old["retire_from"] is None
    assert re.search(r"\tsigning\t\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\t", run("keyring", "list").stdout)
    refused = run("keyring", "retire", old["kid"])
    assert (refused.exit_code, "keyring rotate" in refused.stderr) == (1, True)
    run("keyring", "rotate", "--now")
    waits = {row["kid"]: row["retire_from"] for row in rows("keyring", "list")}[old["kid"]]
    refused = run("keyring", "retire", old["kid"])
    assert refused.exit_code == 1
    assert waits[:19].replace("T", " ") in refused.stderr
    assert "1 session that began while it signed" in refused.stderr
    assert "--compromised" in refused.stderr
    clock.shift(30 * 86400)
    assert run("keyring", "retire", old["kid"]).stdout == f"Retired {old['kid']}.\n"


def test_a_compromised_key_is_revoked_at_once(alice: User, project: Any, tmp_path: Path) -> None:
    project.STOCKADE = {**project.STOCKADE, "STATE": f"lmdb://{tmp_path / 'state'}"}
    stockade.issue(alice)
    (old,) = rows("keyring", "list")
    done = run("keyring", "retire", old["kid"], "--compromised")
    assert (done.exit_code, done.stdout, done.stderr) == (0, f"Revoked {old['kid']}.\n", "")
    states = {row["kid"]: row["state"] for row in rows("keyring", "list")}
    assert states.pop(old["kid"]) == "revoked"
    assert list(states.values()) == ["signing"]
    assert Session.objects.get().end_reason == "key_compromised"


def test_a_process_that_serves_with_its_own_memory_is_said_not_to_hear_of_keys(alice: User) -> None:
    stockade.issue(alice)
    for arguments in (["rotate"], ["retire", keyring.ring().signer().kid, "--compromised"]):
        assert "Start it again" in run("keyring", *arguments).stderr


def test_a_rotation_that_is_due_is_made_once(alice: User) -> None:
    assert run("keyring", "rotate", "--if-due").stdout == "No keys yet; the first token makes one.\n"
    stockade.issue(alice)
    (old,) = rows("keyring", "list")
    assert run("keyring", "rotate", "--if-due").stdout.startswith("Nothing is due before ")
    assert run("keyring", "rotate", "--if-due", "--now").exit_code == 2
    clock.shift(90 * 86400)
    assert re.match(r"Published \S+, signs from ", run("keyring", "rotate", "--if-due").stdout)
    assert run("keyring", "rotate", "--if-due").stdout.startswith("Nothing is due before ")
    assert len(rows("keyring", "list")) == 2
    clock.shift(3600)
    assert run("keyring", "rotate", "--if-due").stdout.startswith("Nothing is due before ")
    clock.shift(180 * 86400)  # as long as a device may be known by a cookie that the key has made
    done = run("keyring", "rotate", "--if-due")
    assert f"Retired {old['kid']}.\n" in done.stdout


def test_lockouts_are_listed_and_cleared() -> None:
    limit = parse("login", "2/min")
    for _ in range(2):
        get_gate().ask((), (Charge(limit, limit_key(limit, "account:0123")),))
    get_gate().ask((), (Charge(limit, limit_key(limit, "account:4567")),))
    (row,) = rows("lockouts", "list")
    assert row["key"] == "login:account:0123"
    assert (row["limit"], row["whom"], row["used"], row["count"], row["locked"]) == (
        "login",
        "account",
        2,
        2,
        True,
    )
    assert 0 < row["seconds"] <= 60
    assert len(rows("lockouts", "list", "--all")) == 2
    assert run("lockouts", "clear", "login:account:0123").exit_code == 0
    assert rows("lockouts", "list") == []
    assert len(rows("lockouts", "list", "--all")) == 1
    cleared = SecurityEvent.objects.get(event="lockout_cleared")
    assert (cleared.reason, cleared.details) == (
        "limit:login",
        {"limit": "login", "whom": "account", "failures": 2},
    )


def test_a_cleared_lockout_clears_no_other_limit() -> None:
    user = parse("user", "2/min")
    get_gate().ask((), (Charge(user, limit_key(user, "1")),))
    assert run("lockouts", "clear", "user:1").exit_code == 1
    assert get_gate().ask((), (Charge(user, limit_key(user, "1")),)).remaining == (0,)


def test_events_are_shown_exported_and_pruned(alice: User) -> None:
    stockade.issue(alice)
    events.emit(Event.AUTHZ_FAIL, reason="undeclared", status=403)
    events.flush()
    shown = rows("events", "tail")
    assert [row["event.action"] for row in shown] == [
        "crypt_key_created",
        "authn_token_created",
        "authz_fail",
    ]
    assert run("events", "tail", "-n", "1").stdout.splitlines()[-1].split("\t")[1] == "authz_fail"
    exported = [json.loads(line) for line in run("events", "export", "--since", "1h").stdout.splitlines()]
    assert [row["event.action"] for row in exported] == [row["event.action"] for row in shown]
    clock.shift(7200)
    assert run("events", "export", "--since", "1h").stdout == ""
    assert run("events", "prune", "--older", "1h").stdout == "Deleted 3 events.\n"
    assert not SecurityEvent.objects.exists()


def test_what_an_attacker_wrote_does_not_reach_the_terminal_as_an_escape(alice: User) -> None:
    stockade.issue(alice)
    Session.objects.update(user_agent="\x1b[2J\x1b]0;owned\x07")
    assert "\x1b" not in run("sessions", "list").stdout


class Terminal(io.StringIO):
    """Standard output as a terminal; what arrives there."""

    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, command: Callable[..., None], **options: Any) -> str:
    """What a command shows there."""
    with monkeypatch.context() as patch:
        patch.setenv("COLUMNS", "400")
        patch.setenv("TERM", "xterm-256color")
        patch.setattr(sys, "stdout", screen := Terminal())
        command(**options)
    return screen.getvalue()


ATTACKS = [
    "[/] [/bold]",  # a tag that closes nothing: rich's markup would raise, and nobody could list sessions any more
    "[link=https://evil.example]ours[/link]",
    "[blink on red]:warning: call 555-0100",
    "\x1b[2J\x1b]0;owned\x07",
    "\x9b2J\x9d0;owned\x9c",  # the same in the eight-bit control characters that a header may carry
    "\u202egnp.exe\u2066",
    "two\nlines\r\tand",
]


@pytest.mark.parametrize("text", ATTACKS)
def test_what_an_attacker_wrote_stays_text_on_a_terminal(
    text: str, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    stockade.issue(alice)
    Session.objects.update(user_agent=text)
    shown = on_a_terminal(monkeypatch, list_sessions)
    assert "alice" in shown
    assert "".join(c if c.isprintable() else "?" for c in text) in shown
    assert not [c for c in shown if not c.isprintable() and c not in "\n\x1b"]
    styles = set(re.findall(r"\x1b\[[0-9;]*[a-zA-Z]", shown))
    assert styles <= {"\x1b[1m", "\x1b[0m"}, "rich's own bold heading is all the style there is"
    assert shown.count("\x1b") == sum(shown.count(style) for style in styles)


@pytest.mark.parametrize("text", ATTACKS)
def test_what_an_attacker_wrote_is_escaped_in_json_and_comes_back_whole(
    text: str, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON on a terminal is read by people too; and a program must get what was there."""
    stockade.issue(alice)
    Session.objects.update(user_agent=text)
    shown = on_a_terminal(monkeypatch, list_sessions, format=Format.JSON)
    assert not [c for c in shown if not c.isprintable() and c != "\n"]
    assert json.loads(shown)[0]["user_agent"] == text


def test_old_sessions_are_pruned(alice: User) -> None:
    stockade.issue(alice)
    assert run("sessions", "prune").stdout == "Deleted 0 sessions.\n"
    clock.shift(61 * 86400)
    stockade.issue(alice)
    assert run("sessions", "prune", "--older", "90d").stdout == "Deleted 0 sessions.\n"
    assert run("sessions", "prune").stdout == "Deleted 1 session.\n"
    assert Session.objects.count() == 1
    assert run("sessions", "prune", "--older", "yesterday").exit_code == 2


def test_keys_are_wrapped_again_with_the_key_of_today(alice: User, project: Any) -> None:
    keyring.ensure()
    project.STOCKADE_KEY = "a key that nobody will guess, of forty-nine letters"
    assert run("keyring", "rewrap").stdout == "Wrapped 1 key with the STOCKADE_KEY or SECRET_KEY of today.\n"
    assert run("keyring", "rewrap").stdout.startswith("Wrapped 0 keys ")
    project.SECRET_KEY = "another secret key that nobody will guess either"
    assert keyring.ring().signer().kid


def test_keys_that_cannot_be_unwrapped_are_an_error_that_says_what_to_do(project: Any) -> None:
    keyring.ensure()
    project.SECRET_KEY = "another secret key that nobody will guess either"
    result = run("keyring", "rewrap")
    assert isinstance(result.exception, ConfigurationError)
    assert result.exception.id == "stockade.E070"
    assert "stockade keyring rewrap" in result.exception.hint


def test_marks_of_writers_that_died_are_resolved(alice: User) -> None:
    gate = get_gate()
    gate.load([], 0)
    key = subject_key(str(alice.pk))
    assert run("state", "repair").stdout == "Resolved 0 marks.\n"
    gate.mark([key], b"diedhere")
    assert gate.ask((key,), ()).epochs == (DIRTY,)
    clock.shift(11)
    assert run("state", "repair").stdout == "Resolved 1 mark.\n"
    assert gate.ask((key,), ()).epochs[0] > 0


def test_marks_that_a_running_transaction_holds_are_said(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = get_gate()
    gate.load([], 0)
    gate.mark([subject_key("1")], b"diedhere")
    clock.shift(11)
    monkeypatch.setattr("stockade.truth.reconcile", lambda: 0)  # as where the row is locked
    result = run("state", "repair")
    assert result.exit_code == 1
    assert "1 mark is held" in result.stderr


def test_the_management_command_is_the_same(alice: User, capsys: pytest.CaptureFixture[str]) -> None:
    stockade.issue(alice)
    call_command("stockade", "sessions", "end-all", "--user", "alice")
    assert capsys.readouterr().out == "Ended 1 session of alice.\n"


def program(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, "-m", "stockade", *arguments],
        env={**clean, **environment}, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_without_a_project_it_says_what_to_add() -> None:
    none = program("sessions", "list")
    assert (none.returncode, "--settings MODULE" in none.stderr) == (2, True)
    wrong = program("--settings", "no.such.module", "sessions", "list")
    assert (wrong.returncode, "no.such.module" in wrong.stderr) == (2, True)
    assert "Traceback" not in none.stderr + wrong.stderr


def test_a_project_that_is_set_up_wrongly_is_told_so() -> None:
    """A wrong setting is an error with its number and its remedy, not a traceback."""
    result = program("--settings", "tests.cli.wrong", "keyring", "list")
    assert result.returncode == 2
    assert "stockade.E020" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_version_is_printed() -> None:
    result = program("--version")
    assert (result.returncode, result.stdout) == (0, f"stockade {stockade.__version__}\n")


def test_a_database_without_tables_is_told_so() -> None:
    result = program("--settings", "tests.settings", "sessions", "list")
    assert result.returncode == 1
    assert "migrate" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("program", ["manage.py", "/srv/shop/manage.py", "django-admin"])
def test_the_usage_line_can_be_typed_as_it_stands(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    from stockade.management.commands.stockade import Command

    with pytest.raises(SystemExit):
        Command().run_from_argv([program, "stockade", "bans", "add", "--help"])
    assert f"Usage: {program.rpartition('/')[2]} stockade bans add " in " ".join(
        capsys.readouterr().out.split()
    )
