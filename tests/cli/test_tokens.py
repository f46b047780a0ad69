"""`stockade tokens`: what is printed and what is not, what ends, and how it exits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from typer.testing import CliRunner, Result

import stockade
from stockade import conf
from stockade.cli.root import app
from stockade.core import clock
from stockade.core.errors import InvalidCredential
from stockade.gate.registry import get_gate
from stockade.models import OpaqueToken
from stockade.schemes.opaque import TOKEN, OpaqueScheme, create_token


@pytest.fixture(autouse=True)
def project(settings: Any, db: None) -> Iterator[Any]:
    settings.STOCKADE = {"STATE": "memory://", "SCHEMES": ["token"], "EVENTS": {"SINKS": ["null"]}}
    get_gate().reset()
    yield settings
    get_gate().reset()
    clock.unshift()
    conf.forget()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["tokens", *arguments])


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice", password="x")


def load(token: str) -> Any:
    scheme = OpaqueScheme(TOKEN)
    return scheme.load(scheme.verify(token, {}))


def test_a_token_is_made_and_printed_alone(alice: User) -> None:
    result = run(
        "create", "alice", "--name", "backup", "--scope", "a:read", "--scope", "a:write", "--expires", "30d"
    )
    assert result.exit_code == 0, result.output
    token = result.stdout.strip()
    found = OpaqueToken.objects.get()
    assert TOKEN.is_whole(token)
    assert token not in result.stderr
    assert str(found.id) in result.stderr
    assert (found.name, found.scopes) == ("backup", "a:read a:write")
    assert found.expires_at is not None
    assert load(token).scopes == {"a:read", "a:write"}


def test_one_without_end_is_made_only_by_saying_so(alice: User) -> None:
    run("create", "alice")
    assert OpaqueToken.objects.get().expires_at is not None
    assert "for ever" in run("create", "alice", "--expires", "never").stderr
    assert OpaqueToken.objects.filter(expires_at=None).count() == 1


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["nobody"], 1, "There is no user"),
        (["gone"], 1, "not active"),
        (["bad"], 1, "banned"),
        (["alice", "--expires", "soon"], 2, "is no time"),
        (["alice", "--scope", "a b"], 2, "no scope"),
        (["alice", "--name", "x" * 101], 2, "at most 100"),
    ],
)
def test_what_cannot_be_made_is_said(alice: User, arguments: list[str], status: int, said: str) -> None:
    User.objects.create_user("gone", is_active=False)
    stockade.ban(user=User.objects.create_user("bad"))
    result = run("create", *arguments)
    assert (result.exit_code, result.stdout) == (status, "")
    assert said in result.stderr
    assert not OpaqueToken.objects.exists()


def test_it_is_said_that_nobody_takes_it(alice: User, project: Any) -> None:
    project.STOCKADE = {**project.STOCKADE, "SCHEMES": ["jwt"]}
    assert 'add "token" to STOCKADE["SCHEMES"]' in run("create", "alice").stderr


def test_tokens_are_listed_without_any_secret(alice: User) -> None:
    made, ended = create_token(alice, "backup"), create_token(alice)
    create_token(User.objects.create_user("bob"))
    stockade.end_tokens(ids=[ended.id])
    result = run("list", "--user", "alice", "--format", "json")
    [row] = json.loads(result.stdout)
    assert (row["id"], row["user"], row["name"], row["begins"]) == (
        str(made.id),
        "alice",
        "backup",
        made.visible,
    )
    assert row["digest_key"] == "current"
    found = OpaqueToken.objects.get(pk=made.id)
    assert not any(secret in result.output for secret in (made.token, found.digest, found.stamp))
    assert len(json.loads(run("list", "--ended", "--format", "json").stdout)) == 3


def test_it_is_said_which_tokens_keep_an_older_key_needed(alice: User, project: Any) -> None:
    create_token(alice)
    old, project.SECRET_KEY = project.SECRET_KEY, "a new key, longer than the old one was"
    assert json.loads(run("list", "--format", "json").stdout)[0]["digest_key"] == "lost"
    project.SECRET_KEY_FALLBACKS = [old]
    assert json.loads(run("list", "--format", "json").stdout)[0]["digest_key"] == "older"


def test_one_is_revoked_once(alice: User) -> None:
    made = create_token(alice)
    assert load(made.token).subject == str(alice.pk)
    result = run("revoke", str(made.id))
    assert (result.exit_code, result.stdout) == (0, f"Revoked {made.id}.\n")
    assert "notices within 30 s" in result.stderr
    with pytest.raises(InvalidCredential):
        load(made.token)
    assert run("revoke", str(made.id)).exit_code == 1
    assert OpaqueToken.objects.get().end_reason == "command"


def test_a_token_in_the_place_of_its_id_is_not_repeated(alice: User) -> None:
    made = create_token(alice)
    result = run("revoke", made.token)
    assert result.exit_code == 2
    assert made.token not in result.output


def test_all_of_a_user_are_revoked(alice: User) -> None:
    create_token(alice), create_token(alice)
    create_token(User.objects.create_user("bob"))
    assert run("revoke-all", "--user", "alice").stdout == "Revoked 2 tokens of alice.\n"
    assert OpaqueToken.objects.filter(ended_at=None).count() == 1


def test_what_is_long_over_is_deleted(alice: User) -> None:
    create_token(alice, expires="1h")
    clock.shift(86400)
    assert run("prune").stdout == "Deleted 0 tokens.\n"
    assert run("prune", "--older", "1h").stdout == "Deleted 1 token.\n"
