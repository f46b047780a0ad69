"""`stockade apikeys`: what is printed and what is not, what ends, and how it exits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from typer.testing import CliRunner, Result

from stockade import conf
from stockade.cli.root import app
from stockade.core import clock
from stockade.core.errors import InvalidCredential
from stockade.gate.registry import get_gate
from stockade.models import OpaqueToken
from stockade.schemes.opaque import API_KEY, OpaqueScheme, create_key, create_token


@pytest.fixture(autouse=True)
def project(settings: Any, db: None) -> Iterator[Any]:
    settings.STOCKADE = {"STATE": "memory://", "SCHEMES": ["api_key"], "EVENTS": {"SINKS": ["null"]}}
    get_gate().reset()
    yield settings
    get_gate().reset()
    clock.unshift()
    conf.forget()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["apikeys", *arguments])


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice", password="x")


def load(key: str) -> Any:
    scheme = OpaqueScheme(API_KEY)
    return scheme.load(scheme.verify(key, {}))


def test_a_key_is_made_and_printed_alone(alice: User) -> None:
    result = run(
        "create", "--name", "backup", "--owner", "alice", "--scope", "a:read", "--expires", "30d",
        "--allow", "192.0.2.0/24", "--allow", "2001:db8::/32", "--rate", "5/min",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    key = result.stdout.strip()
    found = OpaqueToken.objects.get()
    assert API_KEY.is_whole(key)
    assert key not in result.stderr
    assert (found.networks, found.rate, found.user) == (["192.0.2.0/24", "2001:db8::/32"], "5/min", alice)
    assert load(key).scopes == {"a:read"}


def test_a_service_needs_no_user_and_is_told_that_it_is_unbounded(db: None) -> None:
    result = run("create", "--name", "billing")
    assert load(result.stdout.strip()).kind.value == "service"
    assert "It has no scopes" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--name", "a", "--owner", "nobody"], 1, "There is no user"),
        (["--name", "a", "--owner", "gone"], 1, "not active"),
        (["--name", ""], 2, "Write a name"),
        (["--name", "a", "--allow", "nowhere"], 2, "nowhere"),
        (["--name", "a", "--rate", "often"], 2, "no rate"),
        (["--name", "a", "--expires", "soon"], 2, "is no time"),
        ([], 2, "--name"),
    ],
)
def test_what_cannot_be_made_is_said(arguments: list[str], status: int, said: str) -> None:
    User.objects.create_user("gone", is_active=False)
    result = run("create", *arguments)
    assert (result.exit_code, result.stdout) == (status, "")
    assert said in result.stderr
    assert not OpaqueToken.objects.exists()


def test_keys_are_listed_without_any_secret_and_tokens_are_not(alice: User) -> None:
    made = create_key("backup", owner=alice, allow=["192.0.2.7"])
    create_key("billing")
    create_token(alice)
    result = run("list", "--format", "json")
    rows = json.loads(result.stdout)
    assert [(row["name"], row["owner"]) for row in rows] == [("billing", ""), ("backup", "alice")]
    assert (rows[1]["allow"], rows[1]["begins"]) == ("192.0.2.7", made.visible)
    found = OpaqueToken.objects.get(pk=made.id)
    assert not any(secret in result.output for secret in (made.token, found.digest))
    assert len(json.loads(run("list", "--owner", "alice", "--format", "json").stdout)) == 1


def test_a_key_is_rotated_once_with_an_overlap(db: None) -> None:
    old = create_key("billing")
    result = run("rotate", str(old.id), "--overlap", "1h")
    assert result.exit_code == 0, result.output
    assert load(old.token).subject == load(result.stdout.strip()).subject
    clock.shift(3601)
    with pytest.raises(InvalidCredential):
        load(old.token)
    assert run("rotate", str(old.id)).exit_code == 1
    assert run("rotate", "nonsense").exit_code == 2


def test_a_key_is_rotated_at_once(db: None) -> None:
    old = create_key("billing")
    assert run("rotate", str(old.id), "--overlap", "0").exit_code == 0
    with pytest.raises(InvalidCredential):
        load(old.token)


def test_one_is_revoked_once(db: None) -> None:
    made = create_key("billing")
    assert run("revoke", str(made.id)).stdout == f"Revoked {made.id}.\n"
    with pytest.raises(InvalidCredential):
        load(made.token)
    assert run("revoke", str(made.id)).exit_code == 1
    result = run("revoke", made.token)
    assert result.exit_code == 2
    assert made.token not in result.output
