"""The log sink: one whole line an event, whatever happens to the file, and never an exception into a request."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Any

import orjson
import pytest

from stockade.core import clock
from stockade.events import Event, emit, reopen, stats
from stockade.events.log import LINE_MAX, LogSink, encode
from stockade.events.record import Naming, Record, build
from tests.events.conftest import read
from tests.servers import run_processes

RECORD = Record(Event.AUTHZ_FAIL, 1.5, "failure", "permission_denied", 403, address="192.0.2.7")


def report(count: int) -> Record:
    return build(Event.EVENTS_DROPPED, Naming("known", b""), details={"total": count})


@pytest.fixture(autouse=True)
def _clock() -> Any:
    yield
    clock.unshift()


def test_a_line_has_the_names_of_the_elastic_common_schema(log, request_context):
    emit(
        Event.LOGIN_FAIL,
        reason="wrong_password",
        status=401,
        account="alice",
        subject="7",
        details={"tries": 3},
    )
    (line,) = log()
    assert line.pop("@timestamp").endswith("Z")
    assert line == {
        "log.level": "warn",
        "message": "A login failed",
        "ecs.version": "8.17.0",
        "event.kind": "event",
        "event.dataset": "stockade.security",
        "event.action": "authn_login_fail",
        "event.category": ["authentication"],
        "event.type": ["start", "denied"],
        "event.severity": 5,
        "event.outcome": "failure",
        "event.reason": "wrong_password",
        "error.code": "wrong_password",
        "http.response.status_code": 401,
        "http.request.id": "req-1",
        "http.request.method": "POST",
        "http.route": "api/articles/<uuid:pk>/",
        "source.ip": "192.0.2.7",
        "user_agent.original": "curl/8.5.0",
        "user.id": "7",
        "user.name": "alice",
        "stockade.details": {"tries": 3},
    }


def test_an_address_that_is_none_does_not_break_an_index(log, request_context):
    request_context.address = "unknown"
    emit(Event.AUTHZ_FAIL)
    assert log()[0]["source.address"] == "unknown"
    assert "source.ip" not in log()[0]


def test_attack_other_users_of_the_machine_cannot_read_the_log(log, tmp_path):
    emit(Event.AUTHZ_FAIL)
    assert stat.S_IMODE((tmp_path / "security.log").stat().st_mode) == 0o600


def test_one_event_is_one_write(log, monkeypatch):
    emit(Event.AUTHZ_FAIL)
    writes: list[bytes] = []
    real = os.write

    def counting(fd: int, data: bytes) -> int:
        writes.append(data)
        return real(fd, data)

    monkeypatch.setattr(os, "write", counting)
    emit(Event.LIMIT_EXCEEDED, details={"limit": "user"})
    assert len(writes) == 1
    assert writes[0].endswith(b"\n")


def write_many(index: int, path: str, count: int) -> None:
    sink = LogSink(path, report)
    for number in range(count):
        sink.write(
            [
                build(
                    Event.AUTHZ_FAIL,
                    Naming("known", b""),
                    details={"n": number, "by": index, "pad": "x" * 190},
                )
            ]
        )


def test_lines_of_several_processes_stay_whole(tmp_path):
    path = tmp_path / "security.log"
    run_processes(4, write_many, str(path), 500)
    details = [line["stockade.details"] for line in read(path)]
    assert len(details) == 2000
    for index in range(4):
        assert [found["n"] for found in details if found["by"] == index] == list(range(500))


def test_a_rotated_file_is_noticed_within_a_second(log, tmp_path):
    emit(Event.AUTHZ_FAIL)
    path = tmp_path / "security.log"
    path.rename(tmp_path / "security.log.1")
    emit(Event.AUTHZ_FAIL)
    assert len(read(tmp_path / "security.log.1")) == 2
    clock.shift(1.0)
    emit(Event.CSRF_FAIL)
    assert [line["event.action"] for line in read(path)] == ["malicious_csrf"]
    assert len(read(tmp_path / "security.log.1")) == 2


def test_a_rotated_file_is_noticed_at_once_after_reopen(log, tmp_path):
    emit(Event.AUTHZ_FAIL)
    path = tmp_path / "security.log"
    path.unlink()
    reopen()
    emit(Event.AUTHZ_FAIL)
    assert len(read(path)) == 1


def test_a_truncated_file_is_written_from_its_start(log, tmp_path):
    path = tmp_path / "security.log"
    for _ in range(3):
        emit(Event.AUTHZ_FAIL)
    os.truncate(path, 0)  # logrotate's copytruncate
    emit(Event.AUTHZ_FAIL)
    assert len(read(path)) == 1


def test_rotation_leaks_no_file_descriptor(log, tmp_path):
    def files() -> list[str]:
        """Those that are open in this folder, deleted or not; what else is open may end meanwhile."""
        links = []
        for each in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                links.append(str(each.readlink()))
        return [link for link in links if link.startswith(f"{tmp_path}/")]

    for _ in range(20):
        emit(Event.AUTHZ_FAIL)
        assert len(files()) == 1
        (tmp_path / "security.log").unlink()
        reopen()


def test_a_folder_that_is_gone_keeps_the_old_file(log, tmp_path):
    emit(Event.AUTHZ_FAIL)
    with (tmp_path / "security.log").open("rb") as old:
        moved = tmp_path.rename(f"{tmp_path}-moved")
        clock.shift(1)
        emit(Event.AUTHZ_FAIL)
        assert len(old.readlines()) == 2
    moved.rename(tmp_path)


def test_a_file_that_cannot_be_opened_drops_and_counts_and_is_said_at_start(configure, tmp_path):
    bus = configure(SINKS=["log"], LOG=str(tmp_path / "nowhere" / "security.log"))
    emit(Event.AUTHZ_FAIL)
    assert stats().log_dropped == 1
    assert "nowhere" in bus.log.problem()
    (tmp_path / "nowhere").mkdir()
    clock.shift(1)
    assert bus.log.problem() == ""
    emit(Event.AUTHZ_FAIL)
    lines = read(tmp_path / "nowhere" / "security.log")
    assert [line["event.action"] for line in lines] == ["authz_fail", "sys_events_dropped"]
    assert lines[1]["stockade.details"] == {"total": 1}


def test_a_full_disk_never_reaches_the_request():
    sink = LogSink("/dev/full", report)
    sink.write([RECORD])
    assert sink.dropped == 1


def through_pipe(*, nonblocking: bool = False) -> tuple[LogSink, int]:
    reader, writer = os.pipe()
    if nonblocking:
        os.set_blocking(writer, False)
    sink = LogSink("stderr", report)
    sink._fd = writer
    return sink, reader


def test_a_closed_pipe_never_reaches_the_request():
    sink, reader = through_pipe()
    os.close(reader)
    sink.write([RECORD])
    assert sink.dropped == 1
    os.close(sink._fd)
    sink.write([RECORD])  # and neither does a closed descriptor
    assert sink.dropped == 2


def test_a_reader_that_does_not_keep_up_makes_nobody_wait_and_is_told_what_it_missed():
    sink, reader = through_pipe(nonblocking=True)
    line = encode(RECORD)
    for _ in range(65536 // len(line) + 50):
        sink.write([RECORD])
    assert sink.dropped > 0
    dropped = sink.dropped
    os.read(reader, 65536)
    sink.write([RECORD])
    lines = [orjson.loads(one) for one in os.read(reader, 65536).splitlines() if one]
    assert lines[-1]["event.action"] == "sys_events_dropped"
    assert lines[-1]["stockade.details"] == {"total": dropped}
    os.close(reader)
    os.close(sink._fd)


def test_drops_are_reported_once_a_minute(tmp_path):
    sink = LogSink(str(tmp_path / "log"), report)
    for _ in range(3):
        sink.dropped += 1
        sink.write([RECORD])
    actions = [line["event.action"] for line in read(tmp_path / "log")]
    assert actions.count("sys_events_dropped") == 1
    clock.shift(60)
    sink.write([RECORD])
    lines = [line for line in read(tmp_path / "log") if line["event.action"] == "sys_events_dropped"]
    assert [line["stockade.details"]["total"] for line in lines] == [1, 2]


def test_a_short_write_is_finished(log, monkeypatch, tmp_path):
    emit(Event.AUTHZ_FAIL)
    real = os.write
    monkeypatch.setattr(
        os,
        "write",
        lambda fd, data: real(fd, data[: max(1, len(data) // 2)]) if len(data) > 300 else real(fd, data),
    )
    emit(Event.AUTHZ_FAIL)
    monkeypatch.undo()
    assert len(log()) == 2


def test_attack_a_torn_line_does_not_swallow_the_next_one(log, monkeypatch, tmp_path):
    emit(Event.AUTHZ_FAIL)
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:10]))
    emit(Event.AUTHZ_FAIL)
    monkeypatch.undo()
    emit(Event.CSRF_FAIL)
    lines = (tmp_path / "security.log").read_bytes().splitlines()
    assert any(
        orjson.loads(line)["event.action"] == "malicious_csrf" for line in lines if line.endswith(b"}")
    )
    assert stats().log_dropped == 1


def test_a_long_line_loses_its_details_and_says_so():
    details = {f"key_{n}": "\\" * 200 for n in range(16)}
    line = encode(build(Event.AUTHZ_FAIL, Naming("known", b""), details=details))
    assert len(line) <= LINE_MAX
    assert orjson.loads(line)["stockade.details"]["truncated"] > LINE_MAX


def test_the_standard_streams(configure, capfd):
    configure(SINKS=["log"], LOG_IN_TESTS=True)
    emit(Event.AUTHZ_FAIL)
    assert orjson.loads(capfd.readouterr().err)["event.action"] == "authz_fail"
    configure(SINKS=["log"], LOG="stdout", LOG_IN_TESTS=True)
    emit(Event.AUTHZ_FAIL)
    assert orjson.loads(capfd.readouterr().out)["event.action"] == "authz_fail"
