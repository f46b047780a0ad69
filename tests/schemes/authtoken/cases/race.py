"""The import while old code goes on: tokens are shown, made and deleted by other processes at the same moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import connections
from django.test import override_settings
from rest_framework.authtoken.models import Token

from stockade.models import OpaqueToken
from stockade.schemes.authtoken import move
from tests.schemes.authtoken.cases.conftest import status, token_of, user
from tests.schemes.meeting import Party, meeting
from tests.servers import run_processes

pytestmark = pytest.mark.django_db(transaction=True)

COUNT = 40


def project(state: str) -> dict[str, Any]:
    """What every process says, the parent's included."""
    return {"STOCKADE": {**django_settings.STOCKADE, "STATE": state}}


@pytest.fixture
def state(tmp_path: Path, project: Any) -> str:
    url = f"lmdb://{tmp_path}/state"
    project.STOCKADE = {**project.STOCKADE, "STATE": url}
    return url


def mover(index: int, tokens: list[str], port: int, state: str) -> list[int]:
    """Two processes import, a third makes new tokens for old ones as the old view does, a fourth shows the old ones."""
    found = []
    move.CHUNK = 7
    party = Party(port)
    try:
        with override_settings(**project(state)):
            party.wait()
            if index < 2:
                move.run()
            elif index == 2:
                for number in range(COUNT):
                    Token.objects.create(user=User.objects.create_user(f"late{number}"))
            else:
                found = [status(token) for token in tokens]
            party.wait()
    finally:
        party.close()
        connections.close_all()
    return found


def test_two_imports_at_once_lose_and_double_nothing_that_is_shown_or_made_meanwhile(state: str) -> None:
    tokens = [token_of(user(f"user{number}")) for number in range(COUNT)]
    move.run()
    rows = OpaqueToken.objects.all()
    rows._raw_delete(rows.db)  # the import is open, and has come to none of them
    connections.close_all()
    with meeting(4) as port:
        answers = run_processes(4, mover, tokens, port, state, django=True, seconds=200)
    assert answers[3] == [200] * COUNT
    late = list(Token.objects.filter(user__username__startswith="late").values_list("key", flat=True))
    assert [status(token) for token in late] == [200] * COUNT
    assert OpaqueToken.objects.count() == 2 * COUNT


def eraser(index: int, tokens: list[str], port: int, state: str) -> list[str]:
    """One process erases, another deletes every other token as old code does, without Stockade or with it."""
    deleted = []
    move.CHUNK = 7
    party = Party(port)
    try:
        with override_settings(**project(state)):
            party.wait()
            if index == 0:
                move.erase()
            else:
                for number, token in enumerate(tokens[::2]):
                    rows = Token.objects.filter(key=token)
                    if rows.delete()[0] if number % 2 else rows._raw_delete(rows.db):
                        deleted.append(token)
            party.wait()
    finally:
        party.close()
        connections.close_all()
    return deleted


def test_a_token_deleted_while_the_table_is_erased_stays_deleted(state: str) -> None:
    tokens = [token_of(user(f"user{number}")) for number in range(COUNT)]
    move.run()
    connections.close_all()
    with meeting(2) as port:
        _, deleted = run_processes(2, eraser, tokens, port, state, django=True, seconds=200)
    assert not Token.objects.exists()
    assert {token: status(token) for token in tokens} == {
        token: 401 if token in deleted else 200 for token in tokens
    }
