"""One refresh token redeemed eight times at once, by threads of several processes, over and over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from stockade.core import clock
from stockade.models import SecurityEvent, Session
from stockade.schemes.jwt import Pair, issue
from tests.schemes.racing import RACERS, atomic_requests, race, redeem

pytestmark = pytest.mark.django_db(transaction=True)


def project(state: str) -> dict[str, Any]:
    """The settings of every process, the parent's included."""
    return {
        "STOCKADE": {
            "STATE": state,
            "STATE_TIMEOUT": "30s",  # a loaded machine may make a writer wait
            "EVENTS": {"SINKS": ["database"]},
            "LIMITS": {"anon": "1000000/min", "user": "1000000/min"},
        },
        "ROOT_URLCONF": "tests.schemes.urls",
        "MIDDLEWARE": ["stockade.web.Middleware"],
        "REST_FRAMEWORK": {"EXCEPTION_HANDLER": "stockade.drf.exceptions.exception_handler"},
    }


@pytest.fixture
def state(tmp_path: Path, settings: Any, transactional_db: None) -> str:
    """A state that the processes share, and this process's settings."""
    url = f"lmdb://{tmp_path / 'state'}"
    for name, value in project(url).items():
        setattr(settings, name, value)
    redeem("a first request, which loads the state from SQL")
    return url


@pytest.fixture
def requests_are_atomic() -> Any:
    """ATOMIC_REQUESTS in this process."""
    atomic_requests()
    yield
    connections.settings["default"]["ATOMIC_REQUESTS"] = False


@pytest.mark.parametrize("rounds", [60, pytest.param(1000, marks=pytest.mark.soak)])
def test_eight_at_once_get_one_lineage_and_never_a_5xx(
    rounds: int, state: str, make_user: Callable[..., Any]
) -> None:
    alice = make_user()
    pairs = [issue(alice) for _ in range(rounds)]
    answers = race([pair.refresh for pair in pairs], project(state))
    sessions = Session.objects.in_bulk([pair.session for pair in pairs])
    for number, pair in enumerate(pairs):
        ours = [of_thread[number] for of_thread in answers]
        assert [status for status, _ in ours] == [200] * RACERS, f"round {number}: {ours}"
        assert len({token for _, token in ours}) == 1, f"round {number}: more than one successor"
        session = next(s for key, s in sessions.items() if str(key) == pair.session)
        assert (session.generation, session.ended_at) == (2, None)
    refreshed = SecurityEvent.objects.filter(event="authn_token_refreshed")
    assert refreshed.count() == RACERS * rounds
    assert refreshed.exclude(reason="leeway").count() == rounds
    assert not SecurityEvent.objects.filter(event="authn_token_reuse").exists()


def test_a_replay_after_the_leeway_ends_the_session_survives_the_rollback_and_is_in_the_log(
    state: str, make_user: Callable[..., Any], requests_are_atomic: None
) -> None:
    pair = issue(make_user())
    status, second = redeem(pair.refresh)
    assert status == 200
    clock.shift(11)
    assert redeem(pair.refresh)[0] == 401
    session = Session.objects.get(pk=pair.session)
    assert session.ended_at is not None
    assert session.end_reason == "refresh_reuse"
    event = SecurityEvent.objects.get(event="authn_token_reuse")
    assert event.session == pair.session
    assert redeem(second)[0] == 401


def test_eight_replays_at_once_end_the_session_once(state: str, make_user: Callable[..., Any]) -> None:
    pair: Pair = issue(make_user())
    redeem(redeem(pair.refresh)[1])
    answers = race([pair.refresh], project(state))
    assert [status for ((status, _),) in answers] == [401] * RACERS
    assert SecurityEvent.objects.filter(event="session_ended").count() == 1
    assert Session.objects.get(pk=pair.session).ended_at is not None
