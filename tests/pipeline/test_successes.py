"""A request that a credential opened is an event for whoever wants it, and costs nothing where nobody does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import AsyncClient, Client

import stockade
from stockade import events
from stockade.events import Event
from stockade.testing import capture_events
from stockade.web import run

Client_of = Callable[[User], Client]


def test_a_subscriber_hears_of_them_whatever_the_setting_says(alice: User, client_of: Client_of) -> None:
    heard: list[Any] = []
    remember = events.on(Event.AUTHN_SUCCESS)(heard.append)
    try:
        client_of(alice).get("/private_api_view/")
    finally:
        events.off(remember)
    (record,) = heard
    assert (record.subject, record.scheme, record.outcome) == (str(alice.pk), "jwt", "success")


def test_a_test_that_captures_events_sees_them(alice: User, client_of: Client_of) -> None:
    client = client_of(alice)
    with capture_events() as captured:
        assert client.get("/private_api_view/").status_code == 200
        assert captured.one().event is Event.AUTHN_SUCCESS
    with capture_events() as captured:
        Client().get("/public/")
        assert list(captured) == []


async def test_under_asgi_too(alice: User) -> None:
    from asgiref.sync import sync_to_async

    token = (await sync_to_async(stockade.issue)(alice)).access
    with capture_events() as captured:
        await AsyncClient().get("/private_api_view/", headers={"authorization": f"Bearer {token}"})
        assert captured.one().event is Event.AUTHN_SUCCESS


def test_by_setting_they_are_kept(alice: User, client_of: Client_of, configure: Callable[..., None]) -> None:
    from stockade.events.bus import state

    configure(EVENTS={"SINKS": ["memory"], "SUCCESSES": True})
    client_of(alice).get("/private_api_view/")
    assert state.bus is not None
    assert state.bus.memory is not None
    assert [record.event for record in state.bus.memory.records][-1] is Event.AUTHN_SUCCESS


def test_where_nobody_wants_them_nothing_is_even_called(
    alice: User, client_of: Client_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(alice)
    assert client.get("/private_api_view/").status_code == 200  # the first one asks whether anybody does
    monkeypatch.setattr(run, "record_success", lambda exchange: pytest.fail("called"))
    assert client.get("/private_api_view/").status_code == 200
