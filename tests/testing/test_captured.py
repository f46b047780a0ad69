"""Captured events: what was emitted and may still be, and nothing that was rolled back."""

from __future__ import annotations

import pytest
from django.db import transaction

from stockade.events import Event, emit
from stockade.testing import capture_events


class Undo(Exception):
    pass


def test_refusals_are_captured_in_order(captured_events):
    assert list(captured_events) == []
    emit(Event.AUTHZ_FAIL, reason="a")
    emit(Event.CSRF_FAIL, reason="b")
    assert [record.reason for record in captured_events] == ["a", "b"]
    assert len(captured_events) == 2
    assert captured_events[0].event is Event.AUTHZ_FAIL
    assert [record.reason for record in captured_events[1:]] == ["b"]
    assert captured_events.of(Event.CSRF_FAIL) == [captured_events[1]]
    assert captured_events.one(Event.CSRF_FAIL).reason == "b"
    captured_events.clear()
    assert not captured_events


def test_one_says_what_there_is_instead(captured_events):
    with pytest.raises(AssertionError, match=r"expected one event, found 0 in \[\]"):
        captured_events.one()
    emit(Event.AUTHZ_FAIL, reason="a")
    emit(Event.CSRF_FAIL)
    with pytest.raises(AssertionError, match=r"found 2 in \[AUTHZ_FAIL\(a\), CSRF_FAIL\]"):
        captured_events.one()
    with pytest.raises(AssertionError, match="expected one LOGIN_FAIL"):
        captured_events.one(Event.LOGIN_FAIL)


def test_successes_are_captured_whatever_the_settings_say(captured_events):
    emit(Event.AUTHN_SUCCESS)
    assert captured_events.one().event is Event.AUTHN_SUCCESS


def test_events_of_stockade_itself_are_there_when_asked_for(captured_events):
    emit(Event.STATE_LOST)
    assert len(captured_events) == 0
    assert captured_events.one(Event.STATE_LOST)


@pytest.mark.django_db
def test_the_life_of_credentials_is_seen_in_the_tests_own_transaction(captured_events):
    emit(Event.KEY_CREATED)
    with transaction.atomic():
        emit(Event.KEY_ROTATED)
        assert len(captured_events) == 2
    assert [record.event for record in captured_events] == [Event.KEY_CREATED, Event.KEY_ROTATED]


@pytest.mark.django_db
def test_what_was_rolled_back_did_not_happen(captured_events):
    def undone() -> None:
        with transaction.atomic():
            emit(Event.KEY_ROTATED)
            assert len(captured_events) == 1
            raise Undo

    with pytest.raises(Undo):
        undone()
    assert list(captured_events) == []


@pytest.mark.django_db(transaction=True)
def test_what_was_committed_did(captured_events):
    with transaction.atomic():
        emit(Event.KEY_ROTATED)
    assert captured_events.one().event is Event.KEY_ROTATED
    emit(Event.KEY_RETIRED)
    assert len(captured_events) == 2


@pytest.mark.django_db
def test_hooks_that_the_test_runs_count_once(captured_events, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        emit(Event.KEY_ROTATED)
    assert captured_events.one().event is Event.KEY_ROTATED


def test_nothing_is_captured_after_the_block():
    with capture_events() as outer:
        with capture_events() as inner:
            emit(Event.AUTHZ_FAIL)
        emit(Event.CSRF_FAIL)
    emit(Event.LIMIT_EXCEEDED)
    assert len(inner) == 1
    assert len(outer) == 2
