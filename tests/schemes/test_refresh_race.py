"""One refresh token redeemed eight times at once, by threads of several processes, over and over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client, override_settings

from stockade.core import clock
from stockade.models import SecurityEvent, Session
from stockade.schemes.jwt import Pair, issue
from tests.schemes.meeting import Party, meeting
from tests.servers import run_processes

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS, PROCESSES, THREADS = 200, 4, 2
Answers = list[tuple[int, str]]


def project(state: str) -> dict[str, Any]:
    """The settings of every process, the parent's included."""
    return {
        "STOCKADE": {
            "STATE": state,
            "EVENTS": {"SINKS": ["database"]},
            "LIMITS": {"anon": "1000000/min", "user": "1000000/min"},
        },
        "ROOT_URLCONF": "tests.schemes.urls",
        "MIDDLEWARE": ["stockade.web.Middleware"],
        "REST_FRAMEWORK": {"EXCEPTION_HANDLER": "stockade.drf.exceptions.exception_handler"},
    }


def redeem(token: str) -> tuple[int, str]:
    """Over HTTP, as far as a process can: the whole handler, ATOMIC_REQUESTS included."""
    client = Client(raise_request_exception=False)
    answer = client.post("/api/token/refresh/", {"refresh": token}, content_type="application/json")
    if answer.status_code == 200:
        return answer.status_code, answer.json().get("refresh", "")
    return answer.status_code, answer.content.decode()[:300]


def atomic_requests() -> None:
    """As a project says ATOMIC_REQUESTS = True."""
    connections.settings["default"]["ATOMIC_REQUESTS"] = True


def racer(index: int, tokens: list[str], port: int, state: str) -> list[Answers]:
    """In a process of its own: `THREADS` threads, each redeeming every token when all others do."""
    atomic_requests()
    found: list[Answers] = [[] for _ in range(THREADS)]
    problems: list[BaseException] = []

    def run(answers: Answers) -> None:
        party = Party(port)
        try:
            for token in tokens:
                party.wait()
                answers.append(redeem(token))
        except BaseException as error:  # noqa: BLE001 - told to the parent
            problems.append(error)
        finally:
            party.close()
            connections.close_all()

    with override_settings(**project(state)):
        threads = [threading.Thread(target=run, args=(answers,)) for answers in found]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(300)
    if problems:
        raise problems[0]
    return found


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


def test_eight_at_once_get_one_lineage_and_never_a_5xx_200_times(
    state: str, make_user: Callable[..., Any]
) -> None:
    alice = make_user()
    pairs = [issue(alice) for _ in range(ROUNDS)]
    connections.close_all()
    with meeting(PROCESSES * THREADS) as port:
        by_process = run_processes(
            PROCESSES, racer, [pair.refresh for pair in pairs], port, state, django=True, seconds=300
        )
    answers = [answers for process in by_process for answers in process]
    assert len(answers) == 8
    sessions = Session.objects.in_bulk([pair.session for pair in pairs])
    for number, pair in enumerate(pairs):
        ours = [of_thread[number] for of_thread in answers]
        assert [status for status, _ in ours] == [200] * 8, f"round {number}: {ours}"
        assert len({token for _, token in ours}) == 1, f"round {number}: more than one successor"
        session = next(s for key, s in sessions.items() if str(key) == pair.session)
        assert (session.generation, session.ended_at) == (2, None)
    refreshed = SecurityEvent.objects.filter(event="authn_token_refreshed")
    assert refreshed.count() == 8 * ROUNDS
    assert refreshed.exclude(reason="leeway").count() == ROUNDS
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
    connections.close_all()
    with meeting(PROCESSES * THREADS) as port:
        by_process = run_processes(PROCESSES, racer, [pair.refresh], port, state, django=True, seconds=120)
    answers = [answers[0] for process in by_process for answers in process]
    assert [status for status, _ in answers] == [401] * 8
    assert SecurityEvent.objects.filter(event="session_ended").count() == 1
    assert Session.objects.get(pk=pair.session).ended_at is not None
