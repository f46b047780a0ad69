"""`stockade issuers`: what is printed, what is changed, and how it exits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from typer.testing import CliRunner, Result

from stockade import conf
from stockade.cli.deployed import issuers
from stockade.cli.deployed.facts import Facts
from stockade.cli.deployed.faults import Level
from stockade.cli.root import app
from stockade.gate.registry import get_gate
from stockade.models import ExternalIdentity
from tests.schemes.external.issuing import Issuer, Key


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    found = Issuer()
    yield found
    found.close()


@pytest.fixture(autouse=True)
def project(settings: Any, db: None, issuer: Issuer) -> Iterator[Any]:
    settings.STOCKADE = {
        "STATE": "memory://",
        "SCHEMES": ["external"],
        "EVENTS": {"SINKS": ["null"]},
        "ISSUERS": {"corporate": issuer.settings(TIMEOUT=2)},
    }
    get_gate().reset()
    yield settings
    get_gate().reset()
    conf.forget()


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice", password="x")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["issuers", *arguments])


def test_a_subject_is_linked_listed_and_unlinked(alice: User, issuer: Issuer) -> None:
    assert run("link", "corporate", "auth0|1", "--user", "alice").exit_code == 0
    assert ExternalIdentity.objects.get().user_id == alice.pk
    (row,) = json.loads(run("links", "--issuer", "corporate", "--user", "alice", "--format", "json").stdout)
    assert (row["issuer"], row["subject"], row["user"], row["origin"]) == (
        "corporate",
        "auth0|1",
        "alice",
        "command",
    )
    (told,) = json.loads(run("list", "--format", "json").stdout)
    assert (told["name"], told["issuer"], told["links"], told["keys_age"]) == (
        "corporate",
        issuer.url,
        1,
        None,
    )
    assert run("unlink", "corporate", "auth0|1").exit_code == 0
    assert not ExternalIdentity.objects.exists()
    assert run("unlink", "corporate", "auth0|1").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["link", "nowhere", "x", "--user", "alice"], 2),
        (["link", "corporate", "x", "--user", "nobody"], 1),
        (["link", "corporate", "", "--user", "alice"], 2),
        (["unlink", "nowhere", "x"], 2),
        (["links", "--issuer", "nowhere"], 2),
        (["check", "nowhere"], 2),
    ],
    ids=["no-issuer", "no-user", "no-subject", "unlink", "links", "check"],
)
def test_wrong_use_is_told(arguments: list[str], status: int, alice: User) -> None:
    result = run(*arguments)
    assert result.exit_code == status
    assert result.stderr


def test_another_users_link_is_not_taken(alice: User) -> None:
    User.objects.create_user("bob")
    assert run("link", "corporate", "x", "--user", "alice").exit_code == 0
    result = run("link", "corporate", "x", "--user", "bob")
    assert result.exit_code == 2
    assert "Another user" in result.stderr


def test_the_keys_are_checked_from_this_host(issuer: Issuer) -> None:
    issuer.keys.append(Key("weak", members={"use": "enc"}))
    (key,) = json.loads(run("check", "corporate", "--format", "json").stdout)
    assert (key["kid"], key["algorithms"]) == (issuer.keys[0].kid, "RS256")


def test_what_keeps_the_keys_away_is_told(issuer: Issuer) -> None:
    issuer.discovery = {"issuer": "https://other.example.com"}
    result = run("check", "corporate")
    assert result.exit_code == 1
    assert "letter by letter" in result.stderr
    issuer.discovery = {"jwks_uri": "http://192.0.2.1/"}
    assert "names no https:// address" in run("check", "corporate").stderr
    issuer.discovery = {}
    issuer.keys = []
    assert "none of its keys" in run("check", "corporate").stderr


def test_the_check_of_a_deployment_fetches_them_too(issuer: Issuer, project: Any) -> None:
    assert list(issuers.reachable(Facts())) == []
    issuer.answers["/jwks"] = lambda handler: handler.send_error(500)
    (fault,) = issuers.reachable(Facts())
    assert (fault.level, "status_500" in fault.what) == (Level.ERROR, True)
    project.STOCKADE = {**project.STOCKADE, "SCHEMES": ["jwt"]}
    assert list(issuers.reachable(Facts())) == []
