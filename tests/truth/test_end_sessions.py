"""Ending sessions: which, how many, with which events, and that the end bites when it was answered."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

import stockade
from stockade import events, truth
from stockade.core.errors import Unavailable
from stockade.gate.keys import session_key
from stockade.gate.protocol import DIRTY, Gate
from stockade.models import Session
from stockade.truth import change
from tests.servers import run_processes
from tests.truth.conftest import configuration, session, session_epoch

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def log() -> Iterator[list[Any]]:
    """The ends that were recorded."""
    found: list[Any] = []

    @events.on(events.Event.SESSION_ENDED)
    def remember(record: Any) -> None:
        found.append(record)

    yield found
    events.off(remember)


class TestWhich:
    def test_all_of_a_user(self, gate: Gate, alice: User, bob: User, session_of: Any) -> None:
        mine, his = [session_of(alice), session_of(alice)], session_of(bob)
        assert stockade.end_sessions(alice, reason="logout") == 2
        assert [session(gate, row) for row in mine] == [1, 1]
        assert session(gate, his) == 0
        row = Session.objects.get(pk=mine[0].pk)
        assert (row.end_reason, row.ended_at is not None) == ("logout", True)
        assert Session.objects.get(pk=his.pk).ended_at is None

    def test_by_primary_key(self, gate: Gate, alice: User, session_of: Any) -> None:
        session_of(alice)
        assert truth.end_sessions(alice.pk) == 1

    def test_all_but_one(self, gate: Gate, alice: User, session_of: Any) -> None:
        kept, gone = session_of(alice), session_of(alice)
        assert truth.end_sessions(alice, except_id=str(kept.pk)) == 1
        assert (session(gate, kept), session(gate, gone)) == (0, 1)

    def test_by_id(self, gate: Gate, alice: User, session_of: Any) -> None:
        one, other = session_of(alice), session_of(alice)
        assert truth.end_sessions(ids=[str(one.pk)]) == 1
        assert (session(gate, one), session(gate, other)) == (1, 0)

    def test_of_the_ids_only_those_of_the_user(
        self, gate: Gate, alice: User, bob: User, session_of: Any
    ) -> None:
        mine, his = session_of(alice), session_of(bob)
        assert truth.end_sessions(alice, ids=[mine.pk, his.pk]) == 1
        assert (session(gate, mine), session(gate, his)) == (1, 0)

    def test_a_session_that_a_restored_backup_brought_back_is_ended_on_the_next_request(
        self, gate: Gate, alice: User, session_of: Any
    ) -> None:
        """Its epoch has moved once already. If it stood still the second time, workers would go on admitting it."""
        row = session_of(alice)
        truth.end_sessions(alice)
        Session.objects.filter(pk=row.pk).update(ended_at=None, end_reason="")  # as the backup has it
        before = session_epoch(gate, row)
        assert truth.end_sessions(alice) == 1
        assert session_epoch(gate, row) > before

    def test_a_repair_of_such_a_session_moves_its_epoch_too(
        self, gate: Gate, alice: User, session_of: Any
    ) -> None:
        """The writer died between its commit and the publication; the reconciler finishes what it began."""
        row = session_of(alice)
        truth.end_sessions(alice)
        before = session_epoch(gate, row)
        gate.mark([session_key(str(row.pk))], b"diedhere")  # after it ended for the second time
        truth.reconcile(older=-1)
        assert session_epoch(gate, row) > before

    def test_more_than_a_statement_takes(self, gate: Gate, alice: User) -> None:
        from tests.truth.conftest import make_session

        first = make_session(alice)
        fields = {
            field.attname: getattr(first, field.attname)
            for field in Session._meta.concrete_fields
            if field.name != "id"
        }
        Session.objects.bulk_create([Session(id=uuid.uuid4(), **fields) for _ in range(1200)])
        assert truth.end_sessions(ids=list(Session.objects.values_list("pk", flat=True))) == 1201
        assert not Session.objects.filter(ended_at=None).exists()

    @pytest.mark.parametrize("ids", [[], ["", "x", "' OR 1=1", uuid.uuid4()]])
    def test_what_is_no_session_ends_none(
        self, gate: Gate, alice: User, session_of: Any, ids: list[Any]
    ) -> None:
        row = session_of(alice)
        assert truth.end_sessions(ids=ids) == 0
        assert session(gate, row) == 0

    def test_nobody_ends_everything_by_accident(self, gate: Gate) -> None:
        with pytest.raises(ValueError, match="end_sessions"):
            truth.end_sessions()
        with pytest.raises(ValueError, match="end_sessions"):
            truth.end_sessions(None)

    def test_an_ended_one_stays_as_it_was(
        self, gate: Gate, alice: User, session_of: Any, log: list[Any]
    ) -> None:
        row = session_of(alice)
        truth.end_sessions(alice, reason="theft")
        ended = Session.objects.get(pk=row.pk).ended_at
        assert truth.end_sessions(alice, reason="logout") == 0
        again = Session.objects.get(pk=row.pk)
        assert (again.ended_at, again.end_reason) == (ended, "theft")
        assert len(log) == 1


class TestTransactions:
    def test_inside_a_callers_transaction_it_bites_with_the_commit(
        self, gate: Gate, alice: User, session_of: Any, log: list[Any]
    ) -> None:
        row = session_of(alice)
        with transaction.atomic():
            assert truth.end_sessions(alice) == 1
            assert session(gate, row) == DIRTY
            assert log == []
        assert session(gate, row) == 1
        assert [(record.session, record.subject) for record in log] == [(str(row.pk), str(alice.pk))]

    def test_a_rollback_ends_nothing(self, gate: Gate, alice: User, session_of: Any, log: list[Any]) -> None:
        row = session_of(alice)
        with transaction.atomic():
            truth.end_sessions(alice)
            transaction.set_rollback(True)
        assert session(gate, row) == DIRTY
        assert truth.reconcile(older=-1) == 1
        assert session(gate, row) == 0
        assert Session.objects.get(pk=row.pk).ended_at is None
        assert log == []

    def test_a_state_that_is_away_ends_nothing_and_says_so(
        self, gate: Gate, alice: User, session_of: Any, monkeypatch: pytest.MonkeyPatch, log: list[Any]
    ) -> None:
        row = session_of(alice)

        def away(*args: Any) -> None:
            raise Unavailable

        monkeypatch.setattr(gate, "mark", away)
        with pytest.raises(Unavailable):
            truth.end_sessions(alice)
        assert Session.objects.get(pk=row.pk).ended_at is None
        assert log == []

    def test_marked_before_the_commit_and_after_the_rows_are_locked(
        self, gate: Gate, alice: User, session_of: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = session_of(alice)
        seen = []
        real = gate.mark

        def mark(*args: Any) -> None:
            seen.append((connection.in_atomic_block, Session.objects.get(pk=row.pk).ended_at is not None))
            real(*args)

        monkeypatch.setattr(gate, "mark", mark)
        truth.end_sessions(alice)
        assert seen == [(True, True)]

    def test_the_event_is_a_row_of_the_same_transaction(
        self, project: Any, alice: User, session_of: Any
    ) -> None:
        from stockade.models import SecurityEvent

        project.STOCKADE = {**project.STOCKADE, "EVENTS": {"SINKS": ["database"]}}
        row = session_of(alice)
        with transaction.atomic():
            truth.end_sessions(alice, reason="logout")
            transaction.set_rollback(True)
        assert not SecurityEvent.objects.exists()
        truth.end_sessions(alice, reason="logout")
        event = SecurityEvent.objects.get()
        assert (event.event, event.reason, event.session) == ("session_ended", "logout", str(row.pk))


def end(index: int, directory: str, pk: int) -> int:
    """In a process of its own."""
    from pathlib import Path

    from django.conf import settings

    settings.STOCKADE = configuration(Path(directory))
    with transaction.atomic():  # as ATOMIC_REQUESTS has it
        User.objects.get(pk=pk)  # a read first: on SQLite a write after it fails if it was not announced
        return truth.end_sessions(pk)


def test_many_workers_that_end_the_same_sessions_count_each_once(
    gate: Gate, alice: User, session_of: Any, tmp_path: Any
) -> None:
    rows = [session_of(alice) for _ in range(20)]
    counts = run_processes(4, end, str(tmp_path / "state"), alice.pk, django=True)
    assert sum(counts) == 20
    assert all(session(gate, row) == 1 for row in rows)


class TestUntold:
    """The state was lost and filled again between mark and commit, and away after it: only the caller knows."""

    @pytest.fixture
    def lost(self, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
        mark = gate.mark

        def marked_and_lost(keys: Any, token: bytes) -> None:
            mark(keys, token)
            gate.reset()
            gate.load([], 0)

        def away(*_: Any) -> None:
            raise Unavailable

        monkeypatch.setattr(change, "PATIENCE", 0)
        with monkeypatch.context() as patch:
            patch.setattr(gate, "mark", marked_and_lost)
            patch.setattr(gate, "publish", away)
            yield patch

    def test_an_end_that_nobody_was_told_of_is_no_success(
        self, lost: Any, alice: User, session_of: Any
    ) -> None:
        """A command has no answer that the middleware could turn into a 503."""
        session_of(alice)
        with pytest.raises(Unavailable) as caught:
            stockade.end_sessions(alice)
        assert caught.value.reason == "untold"

    @pytest.mark.parametrize("by", ["user", "id"])
    def test_it_is_told_when_it_is_asked_for_again(
        self, lost: Any, gate: Gate, alice: User, session_of: Any, by: str
    ) -> None:
        """Asked again it ended nothing, said so, and workers went on to admit the session."""
        row = session_of(alice)
        end = partial(stockade.end_sessions, **({"user": alice} if by == "user" else {"ids": [row.pk]}))
        with pytest.raises(Unavailable):
            end()
        assert session(gate, row) == 0  # what workers see: it lives
        lost.undo()
        assert end() == 0
        assert session(gate, row) == 1
