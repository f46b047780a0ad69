"""REPEATABLE READ and SERIALIZABLE for the whole project: a lost race is tried again or 503, and no decision is old."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, connections
from django.db.backends.postgresql.psycopg_any import IsolationLevel
from django.test import Client
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import stockade
from stockade import database
from stockade.gate.keys import session_key
from stockade.gate.registry import get_gate
from stockade.models import SecurityEvent, Session
from stockade.policy import Authenticated
from stockade.schemes.jwt import issue, redeem
from tests.databases.test_pool import served
from tests.databases.traffic import EXPECTED, Caller, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

LEVELS = [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE]
THREADS = 8


@pytest.fixture(params=LEVELS, ids=lambda level: level.name.lower())
def isolation(
    request: pytest.FixtureRequest, project: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[IsolationLevel]:
    """DATABASES says so for the whole project. However busy the machine is, what can be tried again is tried."""
    monkeypatch.setattr(database, "_TRIES", 100)
    monkeypatch.setattr(database, "_ENOUGH", 60.0)
    project.STOCKADE = {**project.STOCKADE, "LIMITS": {**project.STOCKADE["LIMITS"], "login": "1000/min"}}
    options = connection.settings_dict.setdefault("OPTIONS", {})
    options["isolation_level"] = request.param
    connections.close_all()
    yield request.param
    del options["isolation_level"]
    connections.close_all()


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """What `work` gives in eight threads that start together; an exception is a result as well."""
    barrier = threading.Barrier(THREADS)
    found: list[Any] = [None] * THREADS

    def run(index: int) -> None:
        barrier.wait(30)
        try:
            found[index] = work(index)
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            found[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


# -- races -------------------------------------------------------------------------------------------------------------


def test_eight_redemptions_at_once_give_one_lineage(isolation: IsolationLevel, alice: User) -> None:
    for _ in range(10):
        token = issue(alice).refresh
        found = at_once(lambda _, token=token: redeem(token).refresh)  # type: ignore[misc]
        assert len(set(map(str, found))) == 1, found
    assert not SecurityEvent.objects.filter(event="authn_token_reuse").exists()


def test_the_end_of_the_sessions_beside_eight_refreshes(isolation: IsolationLevel, alice: User) -> None:
    for _ in range(10):
        token = issue(alice).refresh
        session = Session.objects.latest("created_at")

        def work(index: int, token: str = token) -> Any:
            return stockade.end_sessions(alice) if index == 0 else redeem(token).access

        found = at_once(work)
        assert found[0] == 1, found
        others = [type(each).__name__ for each in found[1:] if not isinstance(each, str)]
        assert set(others) <= {"InvalidCredential"}, found
        session.refresh_from_db()
        assert session.ended_at is not None
        assert get_gate().ask((session_key(str(session.pk)),), ()).epochs[0] > 0


def test_eight_logins_at_once_of_one_account(isolation: IsolationLevel, alice: User) -> None:
    body = {"username": "alice", "password": "correct horse battery"}

    def login(_: int) -> int:
        client = Client(raise_request_exception=False)
        return int(client.post("/api/token/", body, content_type="application/json").status_code)

    assert at_once(login) == [200] * THREADS


def test_eight_invalidations_and_bans_at_once(isolation: IsolationLevel, alice: User) -> None:
    def work(index: int) -> None:
        stockade.invalidate(alice)
        stockade.ban(f"192.0.2.{index}")

    assert at_once(work) == [None] * THREADS


def test_groups_that_are_saved_at_once_outside_of_transactions_are_all_told(
    isolation: IsolationLevel, project: Any
) -> None:
    """They share one epoch."""
    groups = [Group.objects.create(name=f"group {index}") for index in range(THREADS)]

    def work(index: int) -> None:
        groups[index].name += " renamed"
        groups[index].save()

    assert at_once(work) == [None] * THREADS
    assert get_gate().ask((), ()).world > 0


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name.lower())
def test_a_server_under_load_answers_as_expected_or_503(
    level: IsolationLevel, tmp_path: Path, make_user: Callable[..., User]
) -> None:
    """Callers who share an account share its rows."""
    make_user("alice")
    options = {"isolation_level": int(level)}
    with served(tmp_path, "wsgi", ATOMIC_REQUESTS=True, OPTIONS=options) as server:
        callers = [Caller(server.base_url, "alice") for _ in range(6)]

        def work(caller: Caller) -> None:
            for _ in range(4):
                caller.round()

        together(callers, work)
        answers = [answer for caller in callers for answer in caller.answers]
        assert [answer for answer in answers if answer[1] not in (503, EXPECTED[answer[0]])] == []
        assert sum(status == 503 for _, status in answers) < len(answers) / 10


class Slow(APIView):
    """Is overtaken between its read and its write."""

    policy = Authenticated()

    def post(self, request: Request) -> Response:
        group = Group.objects.get(name="contended")
        at_once(
            lambda index: Group.objects.filter(pk=group.pk).update(name="contended") if not index else None
        )
        Group.objects.filter(pk=group.pk).update(name="contended")
        return Response({})


@pytest.mark.parametrize("atomic", [True, False], ids=["of the request", "of nobody"])
def test_a_view_of_the_projects_own_that_loses_a_race_is_answered_with_503(
    isolation: IsolationLevel, alice: User, project: Any, monkeypatch: pytest.MonkeyPatch, atomic: bool
) -> None:
    project.ROOT_URLCONF = type("Urls", (), {"urlpatterns": [path("slow/", Slow.as_view())]})
    Group.objects.create(name="contended")
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", atomic)
    client = Client(headers={"authorization": f"Bearer {issue(alice).access}"}, raise_request_exception=False)
    answer = client.post("/slow/")
    assert answer.status_code == (503 if atomic else 200)
    if atomic:
        assert answer["Retry-After"]
