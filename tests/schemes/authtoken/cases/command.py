"""`stockade import authtoken`: what it counts, says and leaves, killed, again, taken back, and made final."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from rest_framework.authtoken.models import Token
from typer.testing import CliRunner, Result

import stockade
from stockade.cli.root import app
from stockade.core import clock
from stockade.models import OpaqueToken, TokenImport
from stockade.schemes.authtoken import move
from tests.schemes.authtoken.cases.conftest import PASSWORD, Log, status, token_of, user
from tests.servers import ROOT, child_environment

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["import", "authtoken", *arguments])


@pytest.fixture
def tokens(db: None) -> list[str]:
    """Of several users."""
    return [token_of(user(f"user{number}")) for number in range(5)]


# -- counting ---------------------------------------------------------------------------------------------------------


def test_a_dry_run_counts_and_changes_nothing(tokens: list[str]) -> None:
    Token.objects.create(user=user("odd"), key="odd")
    result = run("--dry-run")
    assert result.exit_code == 0, result.output
    assert "Would take 5 tokens (5 new).\n" in result.stdout
    assert "Not taken: 1 of another shape, 0 revoked here, 0 deleted from the old table.\n" in result.stdout
    assert "may be easy to guess" in result.stderr
    assert not OpaqueToken.objects.exists()
    assert not TokenImport.objects.exists()
    assert status(tokens[0]) == 401


def test_an_import_takes_what_the_dry_run_said(tokens: list[str]) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert "Takes 5 tokens (5 new).\n" in result.stdout
    assert result.stderr == '"STATE" is "memory://": the process that serves notices within 30 s.\n'
    assert [status(token) for token in tokens] == [200] * 5
    assert Token.objects.count() == 5


def test_a_second_run_takes_what_is_new_and_revives_nothing(tokens: list[str]) -> None:
    run()
    stockade.end_tokens(User.objects.get(username="user0"))
    Token.objects.get(key=tokens[1]).delete()
    new = token_of(user("new"))
    result = run()
    assert "Takes 4 tokens (1 new).\n" in result.stdout
    assert [status(token) for token in [*tokens, new]] == [401, 401, 200, 200, 200, 200]


def test_an_interrupted_import_has_lost_nothing(tokens: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(move, "CHUNK", 2)
    seen = []

    def stop(what: str, done: int, of: int) -> None:
        seen.append((what, done, of))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move.run(progress=stop)
    assert OpaqueToken.objects.count() == 2
    assert [status(token) for token in tokens] == [200] * 5  # the others are taken over as they are shown
    seen.clear()
    found = move.run(progress=lambda *told: seen.append(told))
    assert (found.tokens, found.new, OpaqueToken.objects.count()) == (5, 0, 5)
    assert seen[:3] == [("tokens", done, 5) for done in (2, 4, 5)]


KILLED = """
import os, signal, sys
import django
django.setup()
from stockade.schemes.authtoken import move
move.CHUNK = 2
"""
IN_KEEP = """
keep, calls = move.keep, []
def dying(rows):
    made = keep(rows)
    calls.append(1)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return made
move.keep = dying
move.run()
"""
IN_ERASE = """
from django.db.models import QuerySet
raw, calls = QuerySet._raw_delete, []
def dying(self, using):
    done = raw(self, using)
    calls.append(1)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return done
QuerySet._raw_delete = dying
move.erase()
"""


def killed(script: str) -> None:
    """Run a script in a process of its own, which kills itself in the middle of a transaction."""
    connection.close()
    done = subprocess.run(
        [sys.executable, "-c", KILLED + script],
        cwd=ROOT,
        env=child_environment({}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_an_import_killed_in_the_middle_has_lost_and_doubled_nothing(tokens: list[str]) -> None:
    killed(IN_KEEP)
    assert OpaqueToken.objects.count() == 2
    assert "Takes 5 tokens (3 new).\n" in run().stdout
    assert OpaqueToken.objects.count() == 5
    assert [status(token) for token in tokens] == [200] * 5


def test_an_erasure_killed_in_the_middle_has_lost_and_doubled_nothing(tokens: list[str]) -> None:
    run()
    killed(IN_ERASE)
    assert (Token.objects.count(), OpaqueToken.objects.filter(linked=False).count()) == (3, 2)
    assert [status(token) for token in tokens] == [200] * 5
    assert run("--undo").exit_code == 1
    assert "Erased 3 tokens from the old table.\n" in run("--erase").stdout
    assert [status(token) for token in tokens] == [200] * 5
    assert OpaqueToken.objects.count() == 5


def test_a_key_that_has_changed_since_doubles_nothing(tokens: list[str], project: Any) -> None:
    run()
    old, project.SECRET_KEY = project.SECRET_KEY, "a new key, longer than the old one was"
    project.SECRET_KEY_FALLBACKS = [old]
    assert "Takes 5 tokens (0 new).\n" in run().stdout
    assert [status(token) for token in tokens] == [200] * 5
    assert OpaqueToken.objects.count() == 5
    project.SECRET_KEY_FALLBACKS = []
    assert [status(token) for token in tokens] == [200] * 5
    assert "0 deleted from the old table" in run().stdout


# -- back -------------------------------------------------------------------------------------------------------------


def test_undone_at_once_it_leaves_the_old_table_as_it_was(tokens: list[str]) -> None:
    run()
    assert [status(token) for token in tokens] == [200] * 5
    made = stockade.create_token(User.objects.get(username="user0"))
    result = run("--undo")
    assert (result.exit_code, result.stdout) == (0, "Undone: 5 tokens are taken by the old table alone.\n")
    assert [status(token) for token in tokens] == [401] * 5
    assert Token.objects.count() == 5
    assert list(OpaqueToken.objects.values_list("pk", flat=True)) == [made.id]
    assert status(made.token) == 200


def test_undone_and_imported_again_all_is_as_before(tokens: list[str]) -> None:
    run()
    run("--undo")
    assert "Takes 5 tokens (5 new).\n" in run().stdout
    assert [status(token) for token in tokens] == [200] * 5


def test_wrong_use_and_nothing_to_undo_have_their_exit_statuses(db: None) -> None:
    assert run("--dry-run", "--undo").exit_code == 2
    assert run("--erase", "--dry-run").exit_code == 2
    assert run("--erase", "--undo").exit_code == 2
    result = run("--undo")
    assert (result.exit_code, result.stderr) == (1, "There is no import from authtoken.\n")


# -- for good ---------------------------------------------------------------------------------------------------------


def test_erased_the_old_table_is_empty_and_every_token_goes_on(tokens: list[str]) -> None:
    late = token_of(user("late"))
    result = run("--erase")
    assert result.exit_code == 0, result.output
    assert "Takes 6 tokens (6 new).\n" in result.stdout
    assert "Erased 6 tokens from the old table.\n" in result.stdout
    assert not Token.objects.exists()
    assert [status(token) for token in [*tokens, late]] == [200] * 6
    clock.shift(31)
    assert [status(token) for token in [*tokens, late]] == [200] * 6
    stockade.end_tokens(User.objects.get(username="user0"))
    assert status(tokens[0]) == 401


def test_erased_tokens_are_not_in_the_file_any_more(tokens: list[str]) -> None:
    """SQLite leaves what it deletes in free pages of its file, where whoever steals that finds it."""
    run("--erase")
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = Path(str(django_settings.DATABASES["default"]["NAME"])).read_bytes()
    assert b"authtoken_token" in content
    assert not [token for token in tokens if token.encode() in content]


def test_what_old_code_makes_after_the_erasure_opens_nothing(tokens: list[str]) -> None:
    run("--erase")
    answer = Client().post("/old-login/", {"username": "user0", "password": PASSWORD})
    assert answer.status_code == 200
    assert status(answer.json()["token"]) == 401
    result = run("--undo")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "they are good here alone" in result.stderr


def test_tokens_of_another_shape_are_left_alone(tokens: list[str]) -> None:
    Token.objects.create(user=user("odd"), key="odd")
    run("--erase")
    assert list(Token.objects.values_list("key", flat=True)) == ["odd"]


def test_a_token_deleted_before_the_erasure_by_an_old_process_stays_so(
    tokens: list[str], project: Any
) -> None:
    """Without the package's app nothing would say that it was deleted."""
    run()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM authtoken_token WHERE key = %s", [tokens[0]])
    run("--erase")
    assert OpaqueToken.objects.filter(ended_at=None).count() == 4
    assert status(tokens[0]) == 401


def test_the_security_log_says_who_may_come_in_by_it(tokens: list[str], log: Log) -> None:
    run("--dry-run")
    run()
    run()
    run("--undo")
    run("--erase")
    told = [(r.reason, r.details.get("source"), r.details.get("count")) for r in log("AUTHZ_CHANGE")]
    assert told == [
        ("import_opened", "authtoken", 5),
        ("import_undone", "authtoken", None),
        ("import_opened", "authtoken", 5),
        ("import_erased", "authtoken", 5),
    ]


# -- what is said -----------------------------------------------------------------------------------------------------


def test_settings_that_take_no_token_are_said(tokens: list[str], project: Any) -> None:
    theirs = "rest_framework.authentication.TokenAuthentication"
    project.STOCKADE = {**project.STOCKADE, "SCHEMES": ["token", theirs]}
    result = run("--dry-run")
    assert 'add "authtoken" to STOCKADE["SCHEMES"]' in result.stderr
    assert "take it out" in result.stderr


def test_progress_is_for_a_terminal_and_a_pipe_stays_quiet(tokens: list[str]) -> None:
    connection.close()
    command = [sys.executable, "-m", "stockade", "import", "authtoken", "--dry-run"]
    environment = child_environment({"TERM": "xterm", "COLUMNS": "120"})
    piped = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert (piped.returncode, piped.stderr) == (0, "")
    assert piped.stdout.startswith("Would take 5 tokens")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=theirs
    ) as process:
        os.close(theirs)
        assert process.stdout is not None
        assert process.stdout.read().startswith(b"Would take")
        shown = b""
        try:
            while part := os.read(ours, 65536):
                shown += part
        except OSError:  # Linux says so when the other end has closed
            pass
        assert process.wait(60) == 0
    os.close(ours)
    assert b"5/5" in shown
