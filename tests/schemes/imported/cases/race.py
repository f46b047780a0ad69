"""One refresh token of simplejwt, exchanged eight times at once by threads of several processes, over and over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import connections
from django.test import override_settings
from rest_framework_simplejwt.tokens import RefreshToken

from stockade import end_sessions
from stockade.models import ImportedToken, SecurityEvent, Session
from stockade.schemes.simplejwt import move, standing
from tests.schemes.meeting import Party, meeting
from tests.schemes.racing import RACERS, atomic_requests, race, redeem
from tests.servers import run_processes

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 25


def project(state: str) -> dict[str, Any]:
    """What every process says, the parent's included."""
    return {
        "STOCKADE": {
            **django_settings.STOCKADE,
            "STATE": state,
            "STATE_TIMEOUT": "30s",
            "EVENTS": {"SINKS": ["database"]},
        },
    }


def without_tables() -> None:
    """In a process of its own: as in a project that never had simplejwt's app of them."""
    atomic_requests()
    standing.has_tables = lambda: False


@pytest.fixture
def state(tmp_path: Path, project: Any) -> str:
    url = f"lmdb://{tmp_path}/state"
    project.STOCKADE = {
        **project.STOCKADE,
        "STATE": url,
        "STATE_TIMEOUT": "30s",
        "EVENTS": {"SINKS": ["database"]},
    }
    return url


def test_eight_at_once_get_one_session(state: str, alice: User, mode: str) -> None:
    """One wins; the others come within the leeway and get the same successor, never a second session."""
    tokens = [str(RefreshToken.for_user(alice)) for _ in range(ROUNDS)]
    move.run()
    answers = race(tokens, project(state), atomic_requests if mode == "tables" else without_tables)
    for number in range(ROUNDS):
        ours = [of_thread[number] for of_thread in answers]
        assert [status for status, _ in ours] == [200] * RACERS, f"round {number}: {ours}"
        assert len({token for _, token in ours}) == 1, f"round {number}: more than one successor"
    assert Session.objects.count() == ROUNDS
    assert ImportedToken.objects.exclude(used_at=None).count() == ROUNDS
    assert SecurityEvent.objects.filter(event="authn_token_created").count() == ROUNDS
    assert (
        SecurityEvent.objects.filter(event="authn_token_refreshed", reason="leeway").count()
        == (RACERS - 1) * ROUNDS
    )


def ender(index: int, user: int, tokens: list[str], port: int, state: str) -> list[int]:
    """The first process ends the user's sessions, the second exchanges a token, at the same moment."""
    found: list[int] = []
    party = Party(port)
    try:
        with override_settings(**project(state)):
            party.wait()
            if index == 0:
                end_sessions(user)
            else:
                found.append(redeem(tokens[0])[0])
    finally:
        party.close()
        connections.close_all()
    return found


@pytest.mark.parametrize("turn", range(3))
def test_an_end_of_all_sessions_misses_no_exchange_under_way(turn: int, state: str, alice: User) -> None:
    """Either the exchange came first and its session has ended, or it was refused."""
    tokens = [str(RefreshToken.for_user(alice))]
    move.run()
    connections.close_all()
    with meeting(2) as port:
        run_processes(2, ender, alice.pk, tokens, port, state, django=True, seconds=120)
    assert not Session.objects.filter(ended_at=None).exists()
    assert redeem(tokens[0])[0] == 401
