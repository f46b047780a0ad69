"""`stockade import simplejwt`: what it counts, says and leaves, interrupted, again, and taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken
from typer.testing import CliRunner, Result

from stockade.cli.root import app
from stockade.core import clock
from stockade.models import ImportedToken, ImportedUser, TokenImport
from stockade.schemes import moving
from stockade.schemes.simplejwt import exchange, move, standing
from tests.schemes.imported.cases.conftest import Browser, refused

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["import", "simplejwt", *arguments])


@pytest.fixture
def project_of_many(alice: User) -> dict[str, RefreshToken]:
    """Of each kind that is told apart."""
    found = {"good": RefreshToken.for_user(alice), "another": RefreshToken.for_user(alice)}
    gone = User.objects.create_user("gone")
    found["inactive"] = RefreshToken.for_user(gone)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    found["blacklisted"] = RefreshToken.for_user(alice)
    found["blacklisted"].blacklist()
    deleted = User.objects.create_user("deleted")
    found["deleted"] = RefreshToken.for_user(deleted)
    deleted.delete()
    found["expired"] = RefreshToken.for_user(alice)
    old = clock.now_datetime() - timedelta(seconds=1)
    OutstandingToken.objects.filter(jti=found["expired"]["jti"]).update(expires_at=old)
    return found


def test_a_dry_run_counts_and_changes_nothing(project_of_many: Any, browser: Browser) -> None:
    result = run("--dry-run")
    assert result.exit_code == 0, result.output
    assert "Would take tokens of 1 user (1 new; 1 inactive)." in result.stdout
    assert "Would take 2 refresh tokens (2 new), until " in result.stdout
    assert "1 blacklisted, 1 expired, 2 of no active user, 0 used already." in result.stdout
    assert [model.objects.count() for model in (TokenImport, ImportedUser, ImportedToken)] == [0, 0, 0]
    assert browser.refresh(project_of_many["good"])[0] == 401


def test_an_import_takes_what_the_dry_run_said(project_of_many: dict[str, RefreshToken]) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert "Takes tokens of 1 user (1 new; 1 inactive)." in result.stdout
    assert "Takes 2 refresh tokens (2 new), until " in result.stdout
    assert result.stderr == '"STATE" is "memory://": the process that serves notices within 30 s.\n'
    assert exchange.redeem(str(project_of_many["good"])).session
    assert exchange.redeem(str(project_of_many["another"])).session
    reasons = {name: refused(project_of_many[name]) for name in ("blacklisted", "inactive", "deleted")}
    assert reasons == {"blacklisted": "blacklisted", "inactive": "not_imported", "deleted": "not_outstanding"}


def test_tokens_that_an_older_simplejwt_kept_no_rows_of_are_taken_by_an_option(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before 5.5 a refresh token that was given at a refresh had no row; one that was taken back has one ever since."""
    tokens = [RefreshToken.for_user(alice) for _ in range(3)]
    tokens[1].blacklist()
    tokens[2].blacklist()
    OutstandingToken.objects.filter(jti=tokens[0]["jti"]).delete()
    move.run()
    assert refused(tokens[0]) == "not_outstanding"
    result = run("--unlisted")
    assert "Takes every other refresh token with a good signature, until" in result.stdout
    assert exchange.redeem(str(tokens[0])).session
    assert refused(tokens[1]) == "ended"
    monkeypatch.setattr(standing, "has_tables", lambda: False)  # the app is gone, and what it knew is not
    assert refused(tokens[2]) == "ended"
    move.undo()
    assert refused(tokens[2]) == "not_imported"


def test_an_older_simplejwt_is_told_of_that_option(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: "5.4.1")
    assert "add --unlisted" in run("--dry-run").stderr
    assert "add --unlisted" not in run("--dry-run", "--unlisted").stderr
    monkeypatch.setattr("importlib.metadata.version", lambda name: "5.10")
    assert "add --unlisted" not in run("--dry-run").stderr


def test_a_second_run_adds_what_was_issued_meanwhile_and_keeps_what_was_used(
    project_of_many: dict[str, RefreshToken], alice: User
) -> None:
    run()
    exchange.redeem(str(project_of_many["good"]))
    RefreshToken.for_user(alice)
    User.objects.create_user("new")
    result = run()
    assert "Takes tokens of 2 users (1 new; 1 inactive)." in result.stdout
    assert "Takes 2 refresh tokens (1 new), until " in result.stdout
    # What was exchanged is on simplejwt's blacklist by now.
    assert "2 blacklisted, 1 expired, 2 of no active user, 0 used already." in result.stdout
    assert ImportedToken.objects.filter(used_at=None).count() == 2
    assert ImportedToken.objects.exclude(used_at=None).count() == 1


def test_an_import_that_was_interrupted_takes_nothing_until_it_has_gone_through(
    alice: User, monkeypatch: pytest.MonkeyPatch, browser: Browser
) -> None:
    tokens = [RefreshToken.for_user(alice) for _ in range(5)]
    monkeypatch.setattr(moving, "CHUNK", 2)
    seen = []

    def stop(what: str, done: int, of: int) -> None:
        seen.append((what, done, of))
        if what == "refresh tokens" and done >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move.run(progress=stop)
    assert seen == [("users", 1, 1), ("refresh tokens", 2, 5)]
    assert ImportedToken.objects.count() == 2
    assert browser.refresh(tokens[0])[0] == 401
    seen.clear()
    found = move.run(progress=lambda *told: seen.append(told))
    assert (found.tokens, found.new_tokens, found.new_users) == (5, 3, 0)
    assert seen[1:] == [("refresh tokens", done, 5) for done in (2, 4, 5)]
    assert [browser.refresh(token)[0] for token in tokens] == [200] * 5


def test_undoing_says_what_it_leaves(project_of_many: dict[str, RefreshToken]) -> None:
    run()
    exchange.redeem(str(project_of_many["good"]))
    result = run("--undo")
    assert result.exit_code == 0
    assert (
        "1 refresh token that was not used yet is not taken any more, nor is any access token."
        in result.stdout
    )
    assert "1 was exchanged or revoked and stays so" in result.stdout
    assert refused(project_of_many["another"]) == "not_imported"
    assert not ImportedToken.objects.filter(used_at=None).exists()


def test_undoing_what_is_long_over_leaves_nothing(project_of_many: dict[str, RefreshToken]) -> None:
    run()
    exchange.redeem(str(project_of_many["good"]))
    clock.shift(15 * 86400)
    assert run("--undo").exit_code == 0
    assert [model.objects.count() for model in (TokenImport, ImportedUser, ImportedToken)] == [0, 0, 0]


def test_without_tables_it_says_what_that_means(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stockade.schemes.simplejwt.move.has_tables", lambda: False)
    result = run("--dry-run")
    assert result.exit_code == 0
    assert "every refresh token with a good signature" in result.stdout
    assert "A refresh token that has leaked, or whose user has logged out" in result.stderr


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"STOCKADE": {"SCHEMES": ["jwt"]}}, 'begin STOCKADE["SCHEMES"] with "simplejwt", "jwt"'),
        (
            {"STOCKADE": {"SCHEMES": ["jwt", "simplejwt"]}},
            'begin STOCKADE["SCHEMES"] with "simplejwt", "jwt"',
        ),
        ({"SIMPLE_JWT": {"ROTATE_REFRESH_TOKENS": False}}, "ROTATE_REFRESH_TOKENS is off"),
        ({"SIMPLE_JWT": {"USER_ID_FIELD": "username"}}, "access tokens are refused"),
    ],
)
def test_settings_that_log_somebody_out_are_said(
    changes: dict[str, dict[str, Any]], words: str, alice: User, project: Any
) -> None:
    for name, value in changes.items():
        setattr(project, name, {**getattr(project, name), **value})
    result = run("--dry-run")
    assert result.exit_code == 0
    assert words in result.stderr


def test_users_are_found_by_the_field_that_simplejwt_names_them_by(
    alice: User, project: Any, browser: Browser
) -> None:
    project.SIMPLE_JWT = {**project.SIMPLE_JWT, "USER_ID_FIELD": "username"}
    token = RefreshToken.for_user(alice)
    token["user_id"] = "alice"
    move.run()
    assert browser.get(token.access_token)[0] == 401
    assert browser.refresh(token)[0] == 200
    token.set_jti()
    token["user_id"] = "nobody"
    assert refused(token) == "gone"


def test_the_tables_are_simplejwts_own(alice: User) -> None:
    """Else what is patched elsewhere would prove nothing."""
    assert standing.has_tables()
    assert [model.__module__ for model in standing.tables()] == [
        "rest_framework_simplejwt.token_blacklist.models"
    ] * 2
