"""`stockade import`: what it counts, says and leaves, killed, again, taken back, and made final; of each package."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from rest_framework.authtoken.models import Token
from typer.testing import CliRunner, Result

import stockade
from stockade.cli.root import app
from stockade.core import clock
from stockade.models import OpaqueToken, TokenImport
from stockade.schemes.imports import move
from stockade.schemes.imports.source import Held, Source
from stockade.schemes.opaque import prune
from tests.around import Log
from tests.schemes.imports.cases.conftest import user
from tests.schemes.imports.cases.packages import PACKAGES, Package
from tests.servers import ROOT, child_environment

pytestmark = pytest.mark.django_db(transaction=True)


def run(package: Package, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["import", package.name, *arguments])


def revoke(token: str) -> None:
    stockade.end_tokens(ids=[OpaqueToken.objects.get(visible=token[:8]).pk])


# -- counting ---------------------------------------------------------------------------------------------------------


def test_a_dry_run_counts_and_changes_nothing(tokens: list[str], package: Package) -> None:
    result = run(package, "--dry-run")
    assert result.exit_code == 0, result.output
    assert f"Would take 5 {package.thing}s (5 new).\n" in result.stdout
    said = f"Not taken: 0 of another shape, {package.over}0 revoked here, 0 deleted from the old table.\n"
    assert said in result.stdout
    assert not OpaqueToken.objects.exists()
    assert not TokenImport.objects.exists()
    assert package.status(tokens[0]) == 401


def test_an_import_takes_what_the_dry_run_said(tokens: list[str], package: Package) -> None:
    result = run(package)
    assert result.exit_code == 0, result.output
    assert f"Takes 5 {package.thing}s (5 new).\n" in result.stdout
    assert result.stderr == '"STATE" is "memory://": the process that serves notices within 30 s.\n'
    assert [package.status(token) for token in tokens] == [200] * 5
    assert package.there() == 5


def test_a_second_run_takes_what_is_new_and_revives_nothing(tokens: list[str], package: Package) -> None:
    run(package)
    revoke(tokens[0])
    package.row(tokens[1]).delete()
    new = package.make(user("new"))
    result = run(package)
    assert f"Takes 4 {package.thing}s (1 new).\n" in result.stdout
    assert [package.status(token) for token in [*tokens, new]] == [401, 401, 200, 200, 200, 200]


KILLED = """
import os, signal, sys
import django
django.setup()
from stockade.schemes import moving
from stockade.schemes.imports import move
from stockade.schemes.imports.packages import SOURCES
moving.CHUNK = 2
source = next(one for one in SOURCES if one.name == sys.argv[1])
"""
IN_KEEP = """
keep, calls = move.keep, []
def dying(source, rows):
    made = keep(source, rows)
    calls.append(1)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return made
move.keep = dying
move.run(source)
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
move.erase(source)
"""


def killed(package: Package, script: str) -> None:
    """Run a script in a process of its own, which kills itself in the middle of a transaction."""
    connection.close()
    done = subprocess.run(
        [sys.executable, "-c", KILLED + script, package.name],
        cwd=ROOT,
        env=child_environment({}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_an_import_killed_in_the_middle_has_lost_and_doubled_nothing(
    tokens: list[str], package: Package
) -> None:
    killed(package, IN_KEEP)
    assert OpaqueToken.objects.count() == 2
    assert f"Takes 5 {package.thing}s (3 new).\n" in run(package).stdout
    assert OpaqueToken.objects.count() == 5
    assert [package.status(token) for token in tokens] == [200] * 5


def test_an_erasure_killed_in_the_middle_has_lost_and_doubled_nothing(
    tokens: list[str], package: Package
) -> None:
    run(package)
    killed(package, IN_ERASE)
    assert (package.there(), OpaqueToken.objects.filter(linked=False).count()) == (3, 2)
    assert [package.status(token) for token in tokens] == [200] * 5
    assert run(package, "--undo").exit_code == 1
    assert f"Erased 3 {package.thing}s from the old table.\n" in run(package, "--erase").stdout
    assert [package.status(token) for token in tokens] == [200] * 5
    assert OpaqueToken.objects.count() == 5


def test_a_key_that_has_changed_since_doubles_nothing(
    tokens: list[str], package: Package, project: Any
) -> None:
    run(package)
    old, project.SECRET_KEY = project.SECRET_KEY, "a new key, longer than the old one was"
    project.SECRET_KEY_FALLBACKS = [old]
    assert f"Takes 5 {package.thing}s (0 new).\n" in run(package).stdout
    assert [package.status(token) for token in tokens] == [200] * 5
    assert OpaqueToken.objects.count() == 5
    project.SECRET_KEY_FALLBACKS = []
    assert [package.status(token) for token in tokens] == [200] * 5
    assert "0 deleted from the old table" in run(package).stdout


# -- back -------------------------------------------------------------------------------------------------------------


def test_undone_at_once_it_leaves_the_old_table_as_it_was(tokens: list[str], package: Package) -> None:
    run(package)
    assert [package.status(token) for token in tokens] == [200] * 5
    made = stockade.create_token(User.objects.get(username="user0"))
    result = run(package, "--undo")
    assert (result.exit_code, result.stdout) == (
        0,
        f"Undone: 5 {package.thing}s are taken by the old table alone.\n",
    )
    assert [package.status(token) for token in tokens] == [401] * 5
    assert package.there() == 5
    assert list(OpaqueToken.objects.values_list("pk", flat=True)) == [made.id]
    assert PACKAGES["authtoken"].status(made.token) == 200


# -- for good ---------------------------------------------------------------------------------------------------------


def test_erased_the_old_table_is_empty_and_every_token_goes_on(tokens: list[str], package: Package) -> None:
    late = package.make(user("late"))
    result = run(package, "--erase")
    assert result.exit_code == 0, result.output
    assert f"Takes 6 {package.thing}s (6 new).\n" in result.stdout
    assert f"Erased 6 {package.thing}s from the old table.\n" in result.stdout
    assert not package.model.objects.exists()
    assert [package.status(token) for token in [*tokens, late]] == [200] * 6
    clock.shift(31)
    assert [package.status(token) for token in [*tokens, late]] == [200] * 6
    revoke(tokens[0])
    assert package.status(tokens[0]) == 401


def test_what_was_revoked_before_the_erasure_is_deleted_when_it_is_long_over(
    token: str, package: Package
) -> None:
    run(package)
    revoke(token)
    clock.shift(31 * 86400)
    assert prune() == 0
    run(package, "--erase")
    assert prune() == 1


def test_what_was_erased_is_not_in_the_file_any_more(tokens: list[str], package: Package) -> None:
    """SQLite leaves what it deletes in free pages of its file, where whoever steals that finds it."""
    kept = [str(getattr(package.row(token), package.secret)) for token in tokens]
    run(package, "--erase")
    if connection.vendor != "sqlite":
        assert not package.model.objects.exists()
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = Path(str(django_settings.DATABASES["default"]["NAME"])).read_bytes()
    assert package.table.encode() in content
    assert not [one for one in kept if one.encode() in content]


def test_an_erasure_that_a_revocation_has_overtaken_goes_on(
    tokens: list[str], package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one locks our row first, the other the package's: PostgreSQL ends one of the two."""
    real, calls = move.keep, []

    def overtaken(source: Source, held: list[Held]) -> int:
        calls.append(1)
        if len(calls) == 2:  # the first one is the import's
            raise OperationalError("deadlock detected")
        return real(source, held)

    monkeypatch.setattr(move, "keep", overtaken)
    assert move.erase(package.source).erased == 5
    assert package.there() == 0
    assert [package.status(token) for token in tokens] == [200] * 5


def test_what_somebody_takes_back_meanwhile_is_not_erased(tokens: list[str], package: Package) -> None:
    """Else it would be in neither table, or in ours alone, where the import is closed."""

    def take_back(what: str, done: int, of: int) -> None:
        if what == f"{package.thing}s":
            assert move.undo(package.source) == 5

    assert move.erase(package.source, progress=take_back).erased == 0
    assert package.there() == 5
    assert not OpaqueToken.objects.exists()


def test_what_old_code_makes_after_the_erasure_opens_nothing(tokens: list[str], package: Package) -> None:
    run(package, "--erase")
    assert package.status(package.make(User.objects.get(username="user0"))) == 401
    result = run(package, "--undo")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "they are good here alone" in result.stderr


def test_tokens_of_another_shape_are_counted_and_left_alone(db: None) -> None:
    package = PACKAGES["authtoken"]
    Token.objects.create(user=user("odd"), key="odd")
    result = run(package, "--erase")
    assert "Not taken: 1 of another shape, 0 revoked here, 0 deleted from the old table.\n" in result.stdout
    assert "may be easy to guess" in result.stderr
    assert list(Token.objects.values_list("key", flat=True)) == ["odd"]


def test_a_token_deleted_before_the_erasure_by_an_old_process_stays_so(
    tokens: list[str], package: Package
) -> None:
    """Without the package's app nothing would say that it was deleted."""
    run(package)
    with connection.cursor() as cursor:
        key = package.model._meta.pk.column
        cursor.execute(f"DELETE FROM {package.table} WHERE {key} = %s", [package.row(tokens[0]).pk])
    run(package, "--erase")
    assert OpaqueToken.objects.filter(ended_at=None).count() == 4
    assert package.status(tokens[0]) == 401


def test_the_security_log_says_who_may_come_in_by_it(tokens: list[str], package: Package, log: Log) -> None:
    run(package, "--dry-run")
    run(package)
    run(package)
    run(package, "--undo")
    run(package, "--erase")
    told = [(r.reason, r.details.get("source"), r.details.get("count")) for r in log("AUTHZ_CHANGE")]
    assert told == [
        ("import_opened", package.name, 5),
        ("import_undone", package.name, None),
        ("import_opened", package.name, 5),
        ("import_erased", package.name, 5),
    ]


# -- what is said -----------------------------------------------------------------------------------------------------


def test_settings_that_take_no_token_are_said(tokens: list[str], package: Package, project: Any) -> None:
    theirs = {
        "authtoken": "rest_framework.authentication.TokenAuthentication",
        "knox": "knox.auth.TokenAuthentication",
        "drf-api-key": "rest_framework_api_key.permissions.HasAPIKey",
    }
    project.STOCKADE = {**project.STOCKADE, "SCHEMES": ["token", theirs[package.name]]}
    result = run(package, "--dry-run")
    assert f'add "{package.name}" to STOCKADE["SCHEMES"]' in result.stderr
    assert "take it out" in result.stderr
