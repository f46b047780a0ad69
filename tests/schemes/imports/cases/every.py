"""What holds of every import, whatever the package: dry, interrupted, again, told, taken back."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from typer.testing import CliRunner, Result

import stockade
from stockade.cli.root import app
from stockade.models import ImportedToken, ImportedUser, OpaqueToken, TokenImport
from stockade.pipeline import registry as registries
from stockade.schemes import moving
from tests.around import Log
from tests.schemes.imports.cases.packages import EVERY, Package
from tests.servers import ROOT, child_environment

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=sorted(EVERY))
def package(request: pytest.FixtureRequest) -> Package:
    """The package that the project comes from."""
    return EVERY[request.param]


def command(package: Package, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["import", package.name, *arguments])


def statuses(package: Package, tokens: list[str]) -> list[int]:
    return [package.status(token) for token in tokens]


def kept() -> int:
    """The rows that any import makes."""
    return sum(model.objects.count() for model in (TokenImport, OpaqueToken, ImportedUser, ImportedToken))


# -- what is taken ----------------------------------------------------------------------------------------------------


def test_nothing_is_taken_before_there_is_an_import(token: str, package: Package) -> None:
    assert package.status(token) == 401


def test_a_dry_run_takes_and_writes_nothing(tokens: list[str], package: Package) -> None:
    result = command(package, "--dry-run")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Would take ")
    assert kept() == 0
    assert package.status(tokens[0]) == 401


def test_after_it_each_goes_on(tokens: list[str], package: Package) -> None:
    assert command(package).exit_code == 0
    assert statuses(package, tokens) == [200] * 5


def test_without_the_scheme_nothing_is_taken(token: str, package: Package, project: Any) -> None:
    package.run()
    project.STOCKADE = {**project.STOCKADE, "SCHEMES": ["token", "api_key", "jwt"]}
    assert package.status(token) == 401


def test_one_in_the_query_string_is_refused(token: str, package: Package) -> None:
    package.run()
    assert Client().get("/me/", {"token": token}).status_code == 400
    assert Client().get("/me/", {"q": token}).status_code == 401


def test_one_under_another_keyword_is_refused(token: str, package: Package) -> None:
    package.run()
    assert package.status(token) == 200
    for keyword in {"Bearer", "Token", "Api-Key"} - {package.keyword}:
        assert Client().get("/me/", HTTP_AUTHORIZATION=f"{keyword} {token}").status_code == 401


def test_one_beside_another_credential_is_refused(token: str, package: Package, alice: User) -> None:
    """Whoever adds a header of his own to somebody's request must not choose who is calling."""
    package.run()
    key = stockade.create_key("another", owner=alice).token
    header = f"{package.keyword} {token}"
    assert Client().get("/me/", HTTP_AUTHORIZATION=header, HTTP_X_API_KEY=key).status_code == 400
    assert Client().get("/me/", HTTP_AUTHORIZATION=f"{header}, Api-Key {key}").status_code == 400
    assert Client().get("/me/", HTTP_AUTHORIZATION=f"Basic YTpi, {header}").status_code == 400


@pytest.mark.parametrize("around", [" {} ", "\t{}", "{}\xa0", "\u2003{}"], ids=ascii)
def test_spaces_around_one_make_no_second_spelling(around: str, token: str, package: Package) -> None:
    """Else one credential could fill a worker's memory. What is no header's space is refused, or taken for none."""
    package.run()
    assert package.status(token) == 200
    registry = registries.current()
    assert registry is not None
    before = len(registry.engine.memory)
    Client().get("/me/", HTTP_AUTHORIZATION=f"{package.keyword} {around.format(token)}")
    assert len(registry.engine.memory) == before


def deactivated(owner: User) -> None:
    owner.is_active = False
    owner.save()


def with_another_password(owner: User) -> None:
    owner.set_password("another one, and longer")
    owner.save()


def banned(owner: User) -> None:
    stockade.ban(user=owner)


@pytest.mark.parametrize("known", [True, False], ids=["known to the worker", "not known"])
@pytest.mark.parametrize("end", [deactivated, with_another_password, banned])
def test_it_ends_with_its_user(
    end: Callable[[User], None], known: bool, token: str, package: Package, alice: User
) -> None:
    package.run()
    assert not known or package.status(token) == 200
    end(alice)
    for _ in range(2):
        assert (package.status(token) in (401, 403)) is package.of_user
        package.run()


# -- interrupted, again, back -----------------------------------------------------------------------------------------


def test_one_that_was_interrupted_goes_on_where_it_was(
    tokens: list[str], package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "CHUNK", 2)
    seen = []

    def stop(what: str, done: int, of: int) -> None:
        seen.append((what, done, of))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        package.run(progress=stop)
    assert seen == [(package.first, 2, 5)]
    assert statuses(package, tokens) == [200 if package.at_once else 401] * 5
    seen.clear()
    package.run(progress=lambda *told: seen.append(told))
    assert seen[:3] == [(package.first, done, 5) for done in (2, 4, 5)]
    assert statuses(package, tokens) == [200] * 5


def test_undone_it_takes_nothing_in_any_worker_and_done_again_all(
    tokens: list[str], package: Package
) -> None:
    package.run()
    assert statuses(package, tokens) == [200] * 5
    assert command(package, "--undo").exit_code == 0
    assert statuses(package, tokens) == [401] * 5
    assert command(package).exit_code == 0
    assert statuses(package, tokens) == [200] * 5


def test_wrong_use_and_nothing_to_undo_have_their_exit_statuses(db: None, package: Package) -> None:
    for pair in (("--dry-run", "--undo"), *package.exclusive):
        assert command(package, *pair).exit_code == 2
    result = command(package, "--undo")
    assert (result.exit_code, result.stderr) == (1, f"There is no import from {package.name}.\n")


def test_the_security_log_says_when_it_is_opened_and_taken_back(
    tokens: list[str], package: Package, log: Log
) -> None:
    for arguments in (["--dry-run"], [], ["--undo"], ["--undo"], []):
        command(package, *arguments)
    told = [(r.reason, r.details.get("source"), r.details.get("count")) for r in log("AUTHZ_CHANGE")]
    opened = ("import_opened", package.name, 5)
    assert told == [opened, ("import_undone", package.name, None), opened]


def test_progress_is_for_a_terminal_and_a_pipe_stays_quiet(tokens: list[str], package: Package) -> None:
    connection.close()
    arguments = [sys.executable, "-m", "stockade", "import", package.name, "--dry-run"]
    environment = child_environment({"TERM": "xterm", "COLUMNS": "120"})
    piped = subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert (piped.returncode, piped.stderr) == (0, "")
    assert piped.stdout.startswith("Would take")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=theirs
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
        assert process.wait(120) == 0
    os.close(ours)
    assert package.first.encode() in shown
    assert b"5/5" in shown
