"""Reading the table and forgetting what is old."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import orjson
import pytest

from stockade.core import clock
from stockade.events import Event, emit, export, flush, prune, tail
from stockade.models import SecurityEvent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _events(configure) -> Iterator[None]:
    configure(SINKS=["database"])
    yield
    clock.unshift()


def test_tail_is_the_last_events_oldest_first():
    for number in range(30):
        emit(Event.AUTHZ_FAIL, reason=f"r{number}")
    assert [found["event.reason"] for found in tail(3)] == ["r27", "r28", "r29"]
    assert len(tail()) == 20
    assert tail(0) == []


def test_an_exported_event_looks_like_its_line_in_the_log(configure, tmp_path, request_context):
    configure(SINKS=["log", "database"], LOG=str(tmp_path / "log"))
    emit(Event.LIMIT_EXCEEDED, reason="limit:user", status=429, subject="7", details={"wait": 12})
    (exported,) = export()
    line = orjson.loads((tmp_path / "log").read_bytes())
    assert exported.pop("event.sequence") == int(exported.pop("event.id"))
    assert exported == line
    orjson.dumps(exported)


def test_filters():
    emit(Event.LOGIN_FAIL, account="alice", subject="1")
    emit(Event.LOGIN_FAIL, account="nobody")
    emit(Event.SESSION_ENDED, session="s", subject="1")
    clock.shift(100)
    emit(Event.AUTHZ_FAIL, subject="2")
    flush()

    def actions(**filters) -> list[str]:
        assert list(export(**filters)) == tail(100, **filters)
        return [found["event.action"] for found in export(**filters)]

    assert actions(subject="1") == [
        "session_ended",
        "authn_login_fail",
    ]  # refusals come in later, at the flush
    assert actions(events=[Event.AUTHZ_FAIL]) == ["authz_fail"]
    assert actions(session="s") == ["session_ended"]
    assert actions(account="alice") == ["authn_login_fail"]
    assert actions(account="nobody") == ["authn_login_fail"]  # found by its digest
    assert actions(since=clock.now() - 50) == ["authz_fail"]
    assert len(actions(until=clock.now() - 50)) == 3
    assert actions(address="192.0.2.1") == []
    assert actions(subject="") == ["authn_login_fail"]


def test_following(monkeypatch):
    monkeypatch.setattr("stockade.events.store._CHUNK", 3)
    for _ in range(10):
        emit(Event.AUTHZ_FAIL)
    first = list(itertools.islice(export(), 4))
    rest = list(export(after=first[-1]["event.sequence"]))
    assert [found["event.sequence"] for found in first + rest] == sorted(
        SecurityEvent.objects.values_list("pk", flat=True)
    )
    assert len(first + rest) == 10


def test_an_event_of_another_version_is_exported_as_far_as_it_is_known():
    SecurityEvent.objects.create(
        at=clock.now_datetime(), event="from_the_future", level="INFO", outcome="success"
    )
    (found,) = export()
    assert found["event.action"] == "from_the_future"


def test_prune_removes_what_is_older(monkeypatch):
    monkeypatch.setattr("stockade.events.store._CHUNK", 4)
    for _ in range(10):
        emit(Event.AUTHZ_FAIL)
    flush()
    clock.shift(3600)
    emit(Event.CSRF_FAIL)
    flush()
    assert prune(2 * 3600) == 0
    assert prune(1800) == 10
    assert [found["event.action"] for found in export()] == ["malicious_csrf"]


def test_prune_by_setting(configure):
    configure(SINKS=["database"], KEEP="1d")
    emit(Event.AUTHZ_FAIL)
    flush()
    assert prune() == 0
    clock.shift(86400)
    assert prune() == 1
