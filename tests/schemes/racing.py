"""Refresh tokens that threads of several processes redeem at once, one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connections
from django.test import Client, override_settings

from tests.schemes.meeting import Party, meeting
from tests.servers import run_processes

PROCESSES, THREADS = 4, 2
RACERS = PROCESSES * THREADS
Answers = list[tuple[int, str]]


def redeem(token: str) -> tuple[int, str]:
    """Over HTTP, as far as a process can: the status, and the new refresh token or what else was said."""
    client = Client(raise_request_exception=False)
    answer = client.post("/api/token/refresh/", {"refresh": token}, content_type="application/json")
    if answer.status_code == 200:
        return answer.status_code, answer.json().get("refresh", "")
    return answer.status_code, answer.content.decode()[:300]


def atomic_requests() -> None:
    """As a project says ATOMIC_REQUESTS = True."""
    connections.settings["default"]["ATOMIC_REQUESTS"] = True


def race(
    tokens: Sequence[str],
    settings: dict[str, Any],
    prepare: Callable[[], None] = atomic_requests,
    seconds: float = 240,
) -> list[Answers]:
    """Let RACERS redeem each token when all others do; what each was answered.

    Args:
        tokens: refresh tokens.
        settings: of every process.
        prepare: called in every process first; atomic requests by default.
        seconds: bound for all of it.
    """
    connections.close_all()
    with meeting(RACERS) as port:
        by_process = run_processes(
            PROCESSES, _racer, list(tokens), port, settings, prepare, seconds, django=True, seconds=seconds
        )
    found = [answers for process in by_process for answers in process]
    assert len(found) == RACERS
    return found


def _racer(
    index: int,
    tokens: list[str],
    port: int,
    settings: dict[str, Any],
    prepare: Callable[[], None],
    seconds: float,
) -> list[Answers]:
    """In a process of its own: `THREADS` threads, each redeeming every token when all others do."""
    prepare()
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

    with override_settings(**settings):
        threads = [threading.Thread(target=run, args=(answers,)) for answers in found]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(seconds)
    if problems:
        raise problems[0]
    return found
