"""A clean start: limits, memories, keys, queues; and settings by single keys."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

import stockade
from stockade import conf, keyring, truth
from stockade.core import clock
from stockade.events import Event, emit, flush, stats
from stockade.gate.registry import get_gate
from stockade.models import SecurityEvent
from stockade.pipeline import registry as registries
from stockade.testing import reset, stockade_settings
from stockade.testing.state import ready, use_memory, use_own
from stockade.truth import reconciler

pytestmark = pytest.mark.django_db


def statuses(count: int = 4) -> list[int]:
    client = Client()
    return [client.get("/public/").status_code for _ in range(count)]


def test_reset_frees_limits():
    assert statuses() == [200, 200, 200, 429]
    reset()
    assert statuses() == [200, 200, 200, 429]


def test_reset_asks_the_database_for_nothing_and_the_next_request_neither(
    django_assert_num_queries, captured_events
):
    statuses(1)
    with django_assert_num_queries(0):
        reset()
        statuses(1)
    assert captured_events.of(Event.STATE_LOST, Event.STATE_LOADED) == []


@pytest.mark.django_db
def test_reset_hides_no_ban_that_was_there_before():
    """Written in setUpTestData, say: every test of the class must find it."""
    assert statuses(1) == [200]
    stockade.ban("127.0.0.1")
    for _ in range(2):
        reset()
        assert statuses(1) == [403]
        reset()
    stockade.unban("127.0.0.1")
    reset()
    assert statuses(1) == [200]


def test_reset_keeps_what_is_built_from_settings():
    statuses(1)
    before = registries.current(), get_gate()
    reset()
    assert (registries.current(), get_gate()) == before


def test_reset_forgets_what_a_worker_remembers_of_a_credential(alice):
    token = stockade.issue(alice).access
    client = Client(headers={"authorization": f"Bearer {token}"})
    assert client.get("/private/").status_code == 200
    User.objects.filter(pk=alice.pk).update(is_active=False)  # sends no signal: remembered for a while
    assert client.get("/private/").status_code == 200
    reset()
    assert client.get("/private/").status_code == 401


def test_reset_brings_time_back_and_drops_events_that_wait():
    clock.shift(1000)
    before = clock.now()
    emit(Event.AUTHZ_FAIL)
    assert stats().waiting == 1
    reset()
    assert clock.now() < before
    flush()
    assert not SecurityEvent.objects.exists()


def test_reset_forgets_which_states_were_met(captured_events):
    """Else a test that loses its state would see an event, or none, by what the test before it did."""
    statuses(1)
    reset()
    get_gate().reset()
    statuses(1)
    assert captured_events.of(Event.STATE_LOST) == []
    get_gate().reset()
    statuses(1)
    assert len(captured_events.of(Event.STATE_LOST)) == 1


def test_reset_forgets_the_key_ring_and_when_marks_were_resolved(monkeypatch):
    runs = []
    monkeypatch.setattr(reconciler, "reconcile", lambda: runs.append(1))
    before = keyring.generation()
    reset()
    assert keyring.generation() > before
    truth.reconcile_soon()
    truth.reconcile_soon()
    reset()
    assert len(runs) == 1  # at most once a second, in one test
    truth.reconcile_soon()
    reset()
    assert len(runs) == 2


def test_reset_leaves_wrong_settings_to_the_checks(settings):
    settings.STOCKADE = {"STATE": "nonsense://"}
    reset()


def test_the_first_test_of_a_process_asks_no_more_than_the_others(django_assert_num_queries):
    conf.forget()
    reset()
    with django_assert_num_queries(0):
        statuses(1)


# -- settings --------------------------------------------------------------------------------------------------------


def test_single_settings(request):
    change = request.getfixturevalue("stockade_settings")
    change(LIMITS={"anon": "1/min"})
    assert statuses(2) == [200, 429]
    assert conf.raw()["LIMITS"] == {"anon": "1/min", "user": "5/min", "uploads": "2/min"}
    change(EXEMPT=[])
    assert conf.raw()["LIMITS"]["anon"] == "1/min"


def test_settings_in_a_block_are_undone():
    with stockade_settings(LIMITS={"anon": "1/min"}):
        assert statuses(2) == [200, 429]
    assert statuses() == [200, 200, 200, 429]


@stockade_settings(LIMITS={"anon": "2/min"})
def test_settings_by_decorator():
    assert statuses(3) == [200, 200, 429]


def test_only_test_cases_are_decorated():
    with pytest.raises(TypeError):
        stockade_settings(LIMITS={})(type("Plain", (), {}))


# -- whose state -----------------------------------------------------------------------------------------------------


def test_tests_run_in_memory_whatever_the_state(settings, tmp_path):
    settings.STOCKADE = {"STATE": f"lmdb://{tmp_path}"}
    assert ready()
    assert use_memory()
    try:
        assert get_gate().url == "memory://"
        assert not use_memory()
    finally:
        use_own()
    assert get_gate().url.startswith("lmdb://")


def test_reset_cleans_a_state_on_disk_too(settings, tmp_path):
    settings.STOCKADE = {"STATE": f"lmdb://{tmp_path}", "LIMITS": {"anon": "3/min", "uploads": "2/min"}}
    assert statuses() == [200, 200, 200, 429]
    reset()
    assert statuses() == [200, 200, 200, 429]


def test_nothing_is_ready_without_a_setting(settings):
    del settings.STOCKADE
    assert not ready()
