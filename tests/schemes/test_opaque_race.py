"""Tokens in several workers at once: what one has ended no other takes, whichever way it was ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client, override_settings
from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView

import stockade
from stockade.models import OpaqueToken
from stockade.policy import Authenticated
from stockade.schemes.opaque import create_token
from tests.schemes.conftest import STOCKADE
from tests.schemes.meeting import Party, meeting
from tests.servers import run_processes

pytestmark = pytest.mark.django_db(transaction=True)

WAYS = ("end", "end all", "by hand", "deleted", "deactivated", "password")


class Me(APIView):
    policy = Authenticated()

    def get(self, request: Any) -> Response:
        return Response({})


urlpatterns = [path("me/", Me.as_view())]


def project(state: str) -> dict[str, Any]:
    """What every process says."""
    return {
        "STOCKADE": {**STOCKADE, "STATE": state, "STATE_TIMEOUT": "30s", "SCHEMES": ["token", "jwt"]},
        "MIDDLEWARE": ["stockade.web.Middleware"],
        "ROOT_URLCONF": __name__,
    }


def end(way: str, id: str) -> None:
    row = OpaqueToken.objects.get(pk=id)
    user = User.objects.get(pk=row.user_id)
    if way == "end":
        stockade.end_tokens(ids=[id])
    elif way == "end all":
        stockade.end_tokens(user)
    elif way == "by hand":
        row.ended_at = row.created_at
        row.save()
    elif way == "deleted":
        row.delete()
    elif way == "deactivated":
        user.is_active = False
        user.save()
    else:
        user.set_password("another one, and longer")
        user.save()


def worker(index: int, tokens: list[tuple[str, str, str]], port: int, state: str) -> list[tuple[int, int]]:
    """The first process ends each token; the others have used it before, and show it afterwards."""
    found = []
    party = Party(port)
    try:
        with override_settings(**project(state)):
            for way, id, token in tokens:
                before = Client().get("/me/", HTTP_AUTHORIZATION=f"Token {token}").status_code
                party.wait()
                if index == 0:
                    end(way, id)
                party.wait()
                found.append((before, Client().get("/me/", HTTP_AUTHORIZATION=f"Token {token}").status_code))
    finally:
        party.close()
        connections.close_all()
    return found


def test_a_token_ended_in_one_worker_is_refused_on_the_next_request_in_every_other(tmp_path: Path) -> None:
    state = f"lmdb://{tmp_path}/state"
    with override_settings(**project(state)):
        made = [
            (way, create_token(User.objects.create_user(f"u{n}", password="x"))) for n, way in enumerate(WAYS)
        ]
    tokens = [(way, str(one.id), one.token) for way, one in made]
    connections.close_all()
    with meeting(3) as port:
        answers = run_processes(3, worker, tokens, port, state, django=True)
    for number, way in enumerate(WAYS):
        assert [of_worker[number] for of_worker in answers] == [(200, 401)] * 3, way


def shower(index: int, users: list[int], port: int, state: str) -> list[tuple[str, int]]:
    """Two processes make tokens of users whom a third one throws out at the same moment; then all are shown."""
    made = []
    party = Party(port)
    try:
        with override_settings(**project(state)):
            for pk in users:
                user = User.objects.get(pk=pk)
                party.wait()
                if index == 0:
                    stockade.end_tokens(user)
                else:
                    made.append(create_token(user).token)
            party.wait()
            return [
                (token, Client().get("/me/", HTTP_AUTHORIZATION=f"Token {token}").status_code)
                for token in made
            ]
    finally:
        party.close()
        connections.close_all()


def test_a_token_made_while_all_are_ended_is_either_ended_or_new(tmp_path: Path) -> None:
    """What a worker answers is what the row says: nothing is half ended."""
    state = f"lmdb://{tmp_path}/state"
    users = [User.objects.create_user(f"u{number}", password="x").pk for number in range(8)]
    connections.close_all()
    with meeting(3) as port:
        answers = run_processes(3, shower, users, port, state, django=True)
    shown = {token[:12]: status for answer in answers for token, status in answer}
    assert len(shown) == 16
    assert shown == {row.visible: 200 if row.ended_at is None else 401 for row in OpaqueToken.objects.all()}
