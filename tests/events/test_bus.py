"""Sinks by setting, subscribers, and what is never in a request's way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from stockade import conf
from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.events import Event, MemorySink, NullSink, Record, bus, emit, flush, off, on, stats
from stockade.events.bus import state, under_test
from stockade.events.conf import EventSettings
from stockade.events.subscribers import errors
from stockade.models import SecurityEvent
from stockade.testing import capture_events


@pytest.fixture(autouse=True)
def _no_subscribers() -> Iterator[None]:
    yield
    from stockade.events import subscribers

    for function in {f for functions in subscribers._subscribers.values() for f in functions}:
        off(function)
    errors.clear()


# -- settings --------------------------------------------------------------------------------------------------------


def test_defaults():
    found = EventSettings()
    assert found.sinks == ("log", "database")
    assert (found.successes, found.log, found.queue, found.flush) == (False, "stderr", 10_000, 0.5)
    assert (found.rows, found.accounts, found.keep) == (6_000, "known", 90 * 86400)


@pytest.mark.parametrize(
    ("name", "value", "id"),
    [
        ("SINKS", "log", "stockade.E140"),
        ("SINKS", ["logs"], "stockade.E140"),
        ("SINKS", ["log", "log"], "stockade.E140"),
        ("SINKS", ["no path.to.Class"], "stockade.E140"),
        ("SUCCESSES", 1, "stockade.E141"),
        ("LOG", "security.log", "stockade.E142"),
        ("LOG", "", "stockade.E142"),
        ("LOG", "/a\0b", "stockade.E142"),
        ("QUEUE", 1, "stockade.E143"),
        ("FLUSH", 0, "stockade.E144"),
        ("ROWS_PER_MINUTE", -1, "stockade.E145"),
        ("ACCOUNTS", "clear", "stockade.E146"),
        ("KEEP", "soon", "stockade.E147"),
        ("LOG_IN_TESTS", "yes", "stockade.E148"),
    ],
)
def test_a_wrong_setting_stops_the_start(name, value, id):
    with pytest.raises(ConfigurationError) as caught:
        conf.build(EventSettings, {"EVENTS": {name: value}})
    assert caught.value.id == id


def test_without_a_stockade_setting_nothing_is_kept_and_no_database_asked(settings, capfd):
    if hasattr(settings, "STOCKADE"):
        del settings.STOCKADE
    conf.forget()
    emit(Event.AUTHZ_FAIL)
    emit(Event.KEY_CREATED)  # would touch the database, which this test may not
    assert state.bus is not None
    assert state.bus.writer is None
    assert capfd.readouterr() == ("", "")


def test_sinks_by_name(configure):
    bus = configure(SINKS=["null"])
    assert (bus.sinks, bus.writer) == ([], None)
    bus = configure(SINKS=["memory"])
    emit(Event.AUTHZ_FAIL, reason="x")
    assert [record.reason for record in bus.memory.records] == ["x"]


def test_no_sinks_at_all(configure):
    configure(SINKS=[])
    emit(Event.AUTHZ_FAIL)


class OwnSink:
    kept: list[Record] = []

    def write(self, records: Sequence[Record], /) -> None:
        self.kept.extend(records)


class BrokenSink:
    def write(self, records: Sequence[Record], /) -> None:
        raise RuntimeError("secret in the message")


def test_a_sink_of_ones_own_by_dotted_path(configure):
    OwnSink.kept.clear()
    configure(SINKS=[f"{__name__}.OwnSink"])
    emit(Event.AUTHZ_FAIL, reason="Bearer abcdefgh12345678")
    assert [record.reason for record in OwnSink.kept] == ["[redacted]"]  # cleaned before any sink sees it


def test_a_broken_sink_breaks_neither_the_request_nor_the_others(configure, caplog):
    bus = configure(SINKS=[f"{__name__}.BrokenSink", "memory"])
    for _ in range(3):
        emit(Event.AUTHZ_FAIL)
    assert len(bus.memory.records) == 3
    assert stats().sink_errors == 3
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text


def test_a_memory_sink_is_bounded():
    sink = MemorySink(size=3)
    sink.write([Record(Event.AUTHZ_FAIL, float(n)) for n in range(10)])
    assert [record.at for record in sink.records] == [7.0, 8.0, 9.0]
    NullSink().write(list(sink.records))


def test_a_project_that_keeps_its_mail_in_memory_is_not_under_test(monkeypatch):
    """A staging site does. Its refusals would never reach the table, and two processes could serve with memory://."""
    from django.core import mail
    from django.test import utils

    mail.get_connection("django.core.mail.backends.locmem.EmailBackend")
    assert hasattr(mail, "outbox")
    monkeypatch.delattr(utils._TestState, "saved_data")
    assert not under_test()


def test_under_test_no_thread_is_started(configure):
    assert under_test()
    bus = configure(SINKS=["database"])
    emit(Event.AUTHZ_FAIL)
    assert type(bus.writer).__name__ == "HeldWriter"
    assert stats().waiting == 1
    conf.forget()
    assert flush()  # and what a test held is not the next one's


# -- successes -------------------------------------------------------------------------------------------------------


def test_successes_are_kept_by_setting_only(configure):
    bus = configure(SINKS=["memory"])
    for _ in range(2):  # before and after the first event
        emit(Event.AUTHN_SUCCESS)
    assert not bus.memory.records
    assert state.quiet
    bus = configure(SINKS=["memory"], SUCCESSES=True)
    emit(Event.AUTHN_SUCCESS)
    assert len(bus.memory.records) == 1


def test_a_success_that_nobody_wants_is_not_even_built(configure, monkeypatch):
    configure(SINKS=["memory"])
    monkeypatch.setattr("stockade.events.emission.build", lambda *_, **__: pytest.fail("built"))
    emit(Event.AUTHN_SUCCESS)


# -- subscribers -----------------------------------------------------------------------------------------------------


def test_a_subscriber_hears_its_events(configure):
    configure(SINKS=["null"])
    heard: list[Any] = []

    @on(Event.AUTHZ_FAIL, Event.CSRF_FAIL)
    def hear(record: Record) -> None:
        heard.append((record.event, record.reason))

    emit(Event.AUTHZ_FAIL, reason="a")
    emit(Event.LIMIT_EXCEEDED, reason="b")
    emit(Event.CSRF_FAIL, reason="c")
    assert heard == [(Event.AUTHZ_FAIL, "a"), (Event.CSRF_FAIL, "c")]
    off(hear)
    emit(Event.AUTHZ_FAIL)
    assert len(heard) == 2


def test_a_subscriber_to_everything_also_hears_successes(configure):
    configure(SINKS=["null"])
    emit(Event.AUTHN_SUCCESS)
    heard: list[Event] = []
    on()(lambda record: heard.append(record.event))
    emit(Event.AUTHN_SUCCESS)
    emit(Event.AUTHZ_FAIL)
    assert heard == [Event.AUTHN_SUCCESS, Event.AUTHZ_FAIL]


def test_subscribers_are_heard_without_a_stockade_setting_too(settings):
    if hasattr(settings, "STOCKADE"):
        del settings.STOCKADE
    conf.forget()
    heard: list[Record] = []
    on(Event.AUTHZ_FAIL)(heard.append)
    emit(Event.AUTHZ_FAIL)
    assert len(heard) == 1


def test_a_subscriber_that_raises_breaks_nothing_and_is_counted(configure, caplog):
    bus = configure(SINKS=["memory"])
    heard: list[Record] = []

    @on(Event.AUTHZ_FAIL)
    def broken(record: Record) -> None:
        raise RuntimeError("secret in the message")

    on(Event.AUTHZ_FAIL)(heard.append)
    emit(Event.AUTHZ_FAIL)
    emit(Event.AUTHZ_FAIL)
    assert len(heard) == 2
    assert len(bus.memory.records) == 2
    assert stats().subscriber_errors == 2
    assert "secret" not in caplog.text


def test_a_subscriber_that_emits_does_not_call_itself_for_ever(configure):
    bus = configure(SINKS=["memory"])

    @on(Event.AUTHZ_FAIL)
    def echo(record: Record) -> None:
        emit(Event.AUTHZ_FAIL, reason="echo")

    emit(Event.AUTHZ_FAIL, reason="first")
    assert [record.reason for record in bus.memory.records] == ["first", "echo"]


# -- imports ---------------------------------------------------------------------------------------------------------


def test_importing_it_needs_no_configured_django():
    code = "import sys, stockade.events; assert 'rest_framework' not in sys.modules; print('fine')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "fine", done.stderr


# -- losses ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_the_table_lost_is_told_to_every_sink(configure):
    bus = configure(SINKS=["memory", "database"], ROWS_PER_MINUTE=2)
    clock.shift(60 - clock.ticks() / 1_000_000 % 60)  # the bound is for each minute
    try:
        for _ in range(5):
            emit(Event.AUTHZ_FAIL)
        flush()
    finally:
        clock.unshift()
    (told,) = [record for record in bus.memory.records if record.event is Event.EVENTS_DROPPED]
    assert told.details == {"total": 3, "authz_fail": 3}
    assert SecurityEvent.objects.filter(event="sys_events_dropped").count() == 1
    assert stats().database_dropped == 3


# -- under a test runner -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", ["stderr", "stdout"])
def test_a_test_run_is_not_written_over(stream, configure, capfd):
    """`manage.py test` shows its dots on the same console."""
    configure(SINKS=["log", "memory"], LOG=stream)
    with capture_events() as captured:
        emit(Event.LOGIN_FAIL, reason="wrong_password")
    assert capfd.readouterr() == ("", "")
    assert captured.one().event is Event.LOGIN_FAIL
    assert [record.event for record in state.bus.memory.records] == [Event.LOGIN_FAIL]


def test_the_log_of_a_test_run_is_shown_where_it_is_asked_for(configure, capfd):
    configure(SINKS=["log"], LOG="stderr", LOG_IN_TESTS=True)
    emit(Event.LOGIN_FAIL, reason="wrong_password")
    assert "authn_login_fail" in capfd.readouterr().err


def test_a_file_is_written_in_a_test_run_too(tmp_path, configure):
    configure(SINKS=["log"], LOG=str(tmp_path / "security.log"))
    emit(Event.LOGIN_FAIL, reason="wrong_password")
    assert "authn_login_fail" in (tmp_path / "security.log").read_text()


def test_no_project_that_serves_is_quiet(configure, capfd, monkeypatch):
    monkeypatch.setattr(bus, "under_test", lambda: False)
    configure(SINKS=["log"], LOG="stderr")
    emit(Event.LOGIN_FAIL, reason="wrong_password")
    assert "authn_login_fail" in capfd.readouterr().err


def test_subscribers_hear_what_the_console_does_not_show(configure, capfd):
    heard = []
    on(Event.LOGIN_FAIL)(heard.append)
    configure(SINKS=["log"])
    emit(Event.LOGIN_FAIL, reason="wrong_password")
    assert (len(heard), capfd.readouterr().err) == (1, "")
