"""The import while old code goes on: tokens are shown, made and deleted by other processes at the same moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import connections
from django.test import override_settings

from stockade.models import OpaqueToken
from stockade.schemes import moving
from stockade.schemes.imports import move
from tests.schemes.imports.cases.conftest import user
from tests.schemes.imports.cases.packages import PACKAGES, Package
from tests.schemes.meeting import Party, meeting
from tests.servers import run_processes

pytestmark = pytest.mark.django_db(transaction=True)

COUNT = 40


def project(state: str) -> dict[str, Any]:
    """What every process says, the parent's included."""
    return {"STOCKADE": {**django_settings.STOCKADE, "STATE": state, "STATE_TIMEOUT": "30s"}}


@pytest.fixture
def state(tmp_path: Path, project: Any) -> str:
    url = f"lmdb://{tmp_path}/state"
    project.STOCKADE = {**project.STOCKADE, "STATE": url, "STATE_TIMEOUT": "30s"}
    return url


def mover(index: int, name: str, tokens: list[str], port: int, state: str) -> list[Any]:
    """Two processes import, a third makes new tokens for old ones as the old view does, a fourth shows the old ones."""
    found: list[Any] = []
    package = PACKAGES[name]
    moving.CHUNK = 7
    party = Party(port)
    try:
        with override_settings(**project(state)):
            party.wait()
            if index < 2:
                move.run(package.source)
            elif index == 2:
                late = (User.objects.create_user(f"late{number}") for number in range(COUNT))
                found.extend(package.make(owner) for owner in late)
            else:
                found = [package.status(token) for token in tokens]
            party.wait()
    finally:
        party.close()
        connections.close_all()
    return found


def test_two_imports_at_once_lose_and_double_nothing_that_is_shown_or_made_meanwhile(
    state: str, package: Package
) -> None:
    tokens = [package.make(user(f"user{number}")) for number in range(COUNT)]
    move.run(package.source)
    rows = OpaqueToken.objects.all()
    rows._raw_delete(rows.db)  # the import is open, and has come to none of them
    connections.close_all()
    with meeting(4) as port:
        answers = run_processes(4, mover, package.name, tokens, port, state, django=True, seconds=200)
    assert answers[3] == [200] * COUNT
    assert [package.status(token) for token in answers[2]] == [200] * COUNT
    assert OpaqueToken.objects.count() == 2 * COUNT


def eraser(index: int, name: str, tokens: list[str], port: int, state: str) -> list[str]:
    """One process erases, another deletes every other token as old code does, without Stockade or with it."""
    deleted = []
    package = PACKAGES[name]
    moving.CHUNK = 7
    party = Party(port)
    try:
        with override_settings(**project(state)):
            party.wait()
            if index == 0:
                move.erase(package.source)
            else:
                for number, token in enumerate(tokens[::2]):
                    try:
                        rows = package.model.objects.filter(pk=package.row(token).pk)
                    except package.model.DoesNotExist:
                        continue  # erased
                    if rows.delete()[0] if number % 2 else rows._raw_delete(rows.db):
                        deleted.append(token)
            party.wait()
    finally:
        party.close()
        connections.close_all()
    return deleted


def test_a_token_deleted_while_the_table_is_erased_stays_deleted(state: str, package: Package) -> None:
    tokens = [package.make(user(f"user{number}")) for number in range(COUNT)]
    move.run(package.source)
    connections.close_all()
    with meeting(2) as port:
        _, deleted = run_processes(2, eraser, package.name, tokens, port, state, django=True, seconds=200)
    assert not package.model.objects.exists()
    assert {token: package.status(token) for token in tokens} == {
        token: 401 if token in deleted else 200 for token in tokens
    }
