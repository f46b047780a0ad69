"""The table: the life of credentials in the change's own transaction, refusals whatever becomes of the request's."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import SynchronousOnlyOperation
from django.db import OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path

from stockade.core.credential import Credential
from stockade.events import Event, emit, flush, on
from stockade.events.record import Record
from stockade.events.rows import record, row
from stockade.models import SecurityEvent


def tags() -> list[str]:
    return list(SecurityEvent.objects.order_by("pk").values_list("event", flat=True))


class Undo(Exception):
    pass


def change(then_undo: bool = False, event: Event = Event.AUTHZ_CHANGE) -> None:
    with transaction.atomic():
        Group.objects.create(name="Admins")
        emit(event, subject="1", details={"group": "Admins"})
        assert tags()[-1] == event.tag
        if then_undo:
            raise Undo


# -- the life of credentials -----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_attack_a_rolled_back_change_leaves_no_event(log, configure, tmp_path):
    configure(SINKS=["log", "database"], LOG=str(tmp_path / "security.log"))
    with pytest.raises(Undo):
        change(then_undo=True)
    flush()
    assert tags() == []
    assert not (tmp_path / "security.log").exists()


@pytest.mark.django_db(transaction=True)
def test_a_committed_change_has_its_row_and_its_line(configure, log, tmp_path):
    configure(SINKS=["log", "database"], LOG=str(tmp_path / "security.log"))
    with transaction.atomic():
        emit(Event.SESSION_ENDED, session="s-1", subject="1")
        assert not (tmp_path / "security.log").exists()  # not before the commit
    assert tags() == ["session_ended"]
    assert [line["stockade.session.id"] for line in log()] == ["s-1"]


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_savepoint_leaves_no_event(configure, log, tmp_path):
    configure(SINKS=["log", "database"], LOG=str(tmp_path / "security.log"))
    with transaction.atomic():
        emit(Event.KEY_CREATED)
        with pytest.raises(Undo):
            change(then_undo=True, event=Event.KEY_RETIRED)
    assert tags() == ["crypt_key_created"]
    assert [line["event.action"] for line in log()] == ["crypt_key_created"]


@pytest.mark.django_db(transaction=True)
def test_attack_a_change_whose_event_cannot_be_written_fails(configure, monkeypatch):
    configure(SINKS=["database"])

    def full(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(SecurityEvent, "save", full)
    with pytest.raises(OperationalError):
        change()
    assert not Group.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_without_a_transaction_it_is_written_and_told_at_once(configure, log, tmp_path):
    configure(SINKS=["log", "database"], LOG=str(tmp_path / "security.log"))
    emit(Event.TOKEN_REUSE, reason="generation")
    assert tags() == ["authn_token_reuse"]
    assert len(log()) == 1


@pytest.mark.django_db(transaction=True)
def test_in_a_broken_transaction_nothing_is_raised_and_nothing_is_kept(configure):
    configure(SINKS=["database"])
    with transaction.atomic():
        emit(Event.KEY_CREATED)
        transaction.set_rollback(True)
        emit(Event.KEY_RETIRED)
    assert tags() == []


@pytest.mark.django_db(transaction=True)
def test_subscribers_hear_of_a_change_when_it_is_committed(configure):
    configure(SINKS=["database"])
    heard: list[Record] = []
    on(Event.KEY_ROTATED)(heard.append)
    with transaction.atomic():
        emit(Event.KEY_ROTATED)
        assert heard == []
    assert len(heard) == 1


@pytest.mark.django_db(transaction=True)
async def test_from_a_coroutine_it_is_djangos_usual_error(configure):
    configure(SINKS=["database"])
    with pytest.raises(SynchronousOnlyOperation):
        emit(Event.KEY_CREATED)
    emit(Event.AUTHZ_FAIL)  # a refusal may come from anywhere


# -- refusals --------------------------------------------------------------------------------------------------------


def refusing_view(request: HttpRequest) -> HttpResponse:
    Group.objects.create(name="written by the view")
    emit(Event.AUTHZ_FAIL, reason="permission_denied", status=403)
    raise Undo


urlpatterns = [path("refused/", refusing_view)]


@pytest.mark.django_db(transaction=True)
def test_attack_the_rollback_of_atomic_requests_does_not_take_a_refusal_along(
    configure, client, settings, monkeypatch
):
    settings.ROOT_URLCONF = __name__
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    configure(SINKS=["database"])
    with pytest.raises(Undo):
        client.get("/refused/")
    flush()
    assert not Group.objects.exists()
    assert tags() == ["authz_fail"]


@pytest.mark.django_db
def test_a_refusal_costs_the_request_no_query(configure, django_assert_num_queries):
    configure(SINKS=["database"])
    with django_assert_num_queries(0):
        emit(Event.AUTHZ_FAIL)


@pytest.mark.django_db
def test_a_failing_flush_does_not_break_the_tests_transaction(configure, monkeypatch):
    configure(SINKS=["database"])
    emit(Event.AUTHZ_FAIL, reason="x" * 10)
    monkeypatch.setattr(
        "stockade.events.writer.insert_many", lambda *_: connection.cursor().execute("SELECT nothing")
    )
    with pytest.raises(OperationalError if connection.vendor == "sqlite" else Exception):
        flush()
    assert tags() == []


# -- rows ------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_row_keeps_the_whole_record(configure, request_context):
    configure(SINKS=["database"])
    emit(
        Event.LIMIT_EXCEEDED,
        reason="limit:user",
        status=429,
        credential=Credential("jwt", "jti", "7", session="sid"),
        details={"limit": "user", "wait": 12, "ratio": 1.5, "first": True, "none": None},
    )
    flush()
    (kept,) = SecurityEvent.objects.all()
    back = record(kept)
    assert back.details == {"limit": "user", "wait": 12, "ratio": 1.5, "first": True, "none": None}
    assert (back.event, back.status, back.scheme, back.session) == (Event.LIMIT_EXCEEDED, 429, "jwt", "sid")
    assert (back.request_id, back.address, back.method) == ("req-1", "192.0.2.7", "POST")
    assert record(row(back)) == back


@pytest.mark.django_db
def test_attack_what_a_database_cannot_store_is_stored_escaped(configure, request_context):
    configure(SINKS=["database"], ACCOUNTS="all")
    request_context.meta["HTTP_USER_AGENT"] = "nul\0surrogate\ud800"  # type: ignore[index]
    emit(
        Event.LOGIN_FAIL,
        account="\0\udfff",
        reason="\0",
        details={"\0": "\ud800", "n": float("nan"), "big": 2**80},
    )
    flush()
    (kept,) = SecurityEvent.objects.all()
    assert kept.user_agent == "nul\\x00surrogate\\ud800"
    assert kept.account == "\\x00\\udfff"
    assert kept.details == {"\\x00": "\\ud800", "n": "nan", "big": "<large number>"}
