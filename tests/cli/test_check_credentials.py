"""`stockade check --deploy` of stored keys and hashes: each finding, with the fault really made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

import stockade
from stockade import conf
from stockade.cli.deployed import credentials
from stockade.cli.deployed.facts import Facts
from stockade.cli.deployed.faults import Fault, Level
from stockade.core import clock
from tests.pipeline.test_mixes import Scoped

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def project(settings: Any) -> Iterator[Any]:
    settings.STOCKADE = {
        "STATE": "memory://", "EVENTS": {"SINKS": ["null"]}, "SCHEMES": ["jwt", "api_key"],
        "API_KEY": {"LIFETIME": None},
    }  # fmt: skip
    settings.ROOT_URLCONF = Scoped
    conf.forget()
    yield settings
    clock.unshift()
    conf.forget()


def told(look: Callable[[Facts], Iterator[Fault]]) -> list[Fault]:
    return list(look(Facts()))


def test_where_nothing_is_wrong_nothing_is_told() -> None:
    stockade.create_key("billing", scopes=["things:read"])
    User.objects.create(username="alice", password="argon2$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA")
    for look in (credentials.bounded, credentials.scopes_known, credentials.used, credentials.old_hashes):
        assert told(look) == []


def test_keys_without_scopes_are_counted() -> None:
    stockade.create_key("everything")
    stockade.create_key("billing", scopes=["things:read"])
    (fault,) = told(credentials.bounded)
    assert (fault.level, "scopes: 1." in fault.what) == (Level.WARNING, True)


def test_keys_that_nobody_has_used_are_counted() -> None:
    stockade.create_key("billing", scopes=["things:read"])
    clock.shift(89 * 86400)
    assert told(credentials.used) == []
    clock.shift(2 * 86400)
    (fault,) = told(credentials.used)
    assert "90 days: 1." in fault.what


def test_scopes_that_no_policy_asks_for_are_named() -> None:
    stockade.create_key("billing", scopes=["things:read", "thing:write"])
    (fault,) = told(credentials.scopes_known)
    assert (fault.level, "thing:write" in fault.what, "things:read" in fault.what) == (
        Level.NOTE,
        True,
        False,
    )


def test_where_keys_are_not_taken_they_do_not_matter(project: Any) -> None:
    stockade.create_key("everything")
    project.STOCKADE = {**project.STOCKADE, "SCHEMES": ["jwt"]}
    clock.shift(91 * 86400)
    for look in (credentials.bounded, credentials.scopes_known, credentials.used):
        assert told(look) == []


@pytest.mark.parametrize(
    ("encoded", "weak"),
    [
        ("md5$salt$3f86d0d3d465b7b458c231bf3555c0e3", True),
        ("88a434c88cca4e900f7874cd98123f43", True),
        ("sha1$$6d138ca3ae545631b3abd71a4f076ce759c5700b", True),
        ("pbkdf2_sha256$10000$seasalt$CWWFdHOWwPnki7HvkcqN9iA2T3KLW1cf2uZ5kvArtVY=", False),
        ("!" + "a" * 40, False),
    ],
    ids=["md5", "first md5", "sha1", "pbkdf2", "unusable"],
)
def test_hashes_that_a_stolen_table_gives_away_are_counted(encoded: str, weak: bool) -> None:
    User.objects.create(username="alice", password=encoded)
    assert [fault.level for fault in told(credentials.old_hashes)] == [Level.WARNING] * weak
