"""A state that was lost: nobody is decided about until what was revoked is known again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import connection

from stockade import events, keyring, truth
from stockade.core import clock
from stockade.core.errors import Unavailable
from stockade.gate.keys import session_key
from stockade.gate.protocol import Gate
from stockade.gate.registry import forget_gate, get_gate
from stockade.models import Session
from stockade.truth import loading
from tests.servers import run_processes
from tests.truth.conftest import configuration, session, subject, world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def log() -> Iterator[list[str]]:
    """Names of what was recorded about the state."""
    found: list[str] = []

    @events.on(events.Event.STATE_LOST, events.Event.STATE_LOADED)
    def remember(record: Any) -> None:
        found.append(record.event.name)

    yield found
    events.off(remember)


@pytest.fixture
def empty(project: Any) -> Gate:
    return get_gate()


def marker(gate: Gate) -> bytes:
    return gate.ask((), ()).marker


class TestLoading:
    def test_a_state_that_another_database_filled_is_filled_again(
        self, empty: Gate, alice: User, session_of: Any
    ) -> None:
        """Two projects with one Redis: the other's state knows nothing of what was ended here."""
        session = session_of(alice)
        truth.end_sessions(alice)
        empty.reset()
        empty.load([], 1, b"them")
        foreign = empty.ask((), ()).marker
        marker = truth.ensure_loaded(empty, foreign)
        assert marker != foreign
        verdict = empty.ask((session_key(str(session.pk)),), ())
        assert verdict.marker == marker
        assert verdict.epochs[0] > 0
        assert truth.ensure_loaded(empty, marker) == marker

    def test_what_was_ended_stays_ended(self, empty: Gate, alice: User, session_of: Any) -> None:
        truth.ensure_loaded(empty, b"")
        gone, kept = session_of(alice), session_of(alice)
        truth.end_sessions(ids=[gone.pk])
        truth.invalidate(alice)
        with truth.changing([b"w"]):
            pass
        before = (subject(empty, alice), world(empty))
        empty.reset()
        assert (session(empty, gone), marker(empty)) == (
            0,
            b"",
        )  # as if it had never been ended, but for the marker
        found = truth.ensure_loaded(empty, marker(empty))
        assert found == marker(empty) != b""
        assert (session(empty, gone), session(empty, kept)) == (1, 0)
        assert (subject(empty, alice), world(empty)) == before

    def test_what_ended_longer_ago_than_any_token_lives_is_left_out(
        self, empty: Gate, alice: User, session_of: Any
    ) -> None:
        row = session_of(alice)
        truth.end_sessions(ids=[row.pk])
        empty.reset()
        clock.shift(loading.SINCE + 60)
        truth.ensure_loaded(empty, b"")
        assert session(empty, row) == 0
        empty.reset()
        truth.ensure_loaded(empty, b"", since=loading.SINCE + 3600)
        assert session(empty, row) == 1

    def test_a_change_during_the_load_is_not_undone(
        self, empty: Gate, alice: User, session_of: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = session_of(alice)
        truth.invalidate(alice)
        empty.reset()
        real = empty.load

        def load(*args: Any) -> None:
            truth.end_sessions(alice)  # after SQL was read, before the state is filled
            truth.invalidate(alice)
            real(*args)

        monkeypatch.setattr(empty, "load", load)
        truth.ensure_loaded(empty, b"")
        assert session(empty, row) == 1
        from stockade.models import Epoch

        assert subject(empty, alice) == Epoch.objects.get(key=f"s{alice.pk}").value

    def test_no_work_while_the_marker_is_known(self, empty: Gate, django_assert_num_queries: Any) -> None:
        known = truth.ensure_loaded(empty, b"")
        with django_assert_num_queries(0):
            assert truth.ensure_loaded(empty, known) == known

    def test_more_sessions_than_one_transaction_of_the_state_takes(self, empty: Gate, alice: User) -> None:
        import uuid

        from tests.truth.conftest import make_session

        first = make_session(alice, ended_at=clock.now_datetime())
        fields = {
            field.attname: getattr(first, field.attname)
            for field in Session._meta.concrete_fields
            if field.name != "id"
        }
        rows = Session.objects.bulk_create([Session(id=uuid.uuid4(), **fields) for _ in range(2500)])
        truth.ensure_loaded(empty, b"")
        assert all(session(empty, row) == 1 for row in rows[::100])


class TestWhoLoads:
    def test_one_loads_and_the_others_are_told_to_come_again(
        self, empty: Gate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        inside, go = threading.Event(), threading.Event()
        real = empty.load
        loads: list[int] = []

        def load(*args: Any) -> None:
            loads.append(1)
            inside.set()
            go.wait(30)
            real(*args)

        monkeypatch.setattr(empty, "load", load)

        def work() -> None:
            try:
                truth.ensure_loaded(empty, b"")
            finally:
                connection.close()

        thread = threading.Thread(target=work)
        thread.start()
        assert inside.wait(30)
        for _ in range(3):
            with pytest.raises(Unavailable) as caught:
                truth.ensure_loaded(empty, b"")
            assert (caught.value.status, caught.value.headers["Retry-After"]) == (503, "1")
        go.set()
        thread.join(30)
        assert truth.ensure_loaded(empty, b"") == marker(empty)
        assert loads == [1]

    def test_a_load_in_another_process_is_waited_for(self, empty: Gate, tmp_path: Any) -> None:
        import fcntl
        import os

        other = os.open(tmp_path / "state" / "loading", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Unavailable):
            truth.ensure_loaded(empty, b"")
        os.close(other)  # as when its holder is killed
        truth.ensure_loaded(empty, b"")

    def test_many_processes_at_once_end_with_one_marker(self, empty: Gate, tmp_path: Any) -> None:
        found = run_processes(4, load_or_wait, str(tmp_path / "state"), django=True)
        assert len(set(found)) == 1
        assert found[0] == marker(empty)

    def test_a_database_that_is_away_leaves_it_unloaded(
        self, empty: Gate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from django.db import OperationalError

        def away(since: float) -> None:
            raise OperationalError

        with monkeypatch.context() as patch:
            patch.setattr(loading.epochs, "recent", away)
            with pytest.raises(OperationalError):
                truth.ensure_loaded(empty, b"")
        assert marker(empty) == b""
        truth.ensure_loaded(empty, b"")

    def test_in_an_event_loop_where_django_refuses_sql(
        self, empty: Gate, alice: User, session_of: Any
    ) -> None:
        row = session_of(alice)
        truth.end_sessions(alice)
        empty.reset()

        async def use() -> bytes:
            return truth.ensure_loaded(empty, b"")

        assert async_to_sync(use)() == marker(empty)
        assert session(empty, row) == 1


def load_or_wait(index: int, directory: str) -> bytes:
    """In a process of its own: as a client that comes again after 503."""
    import time
    from pathlib import Path

    from django.conf import settings

    settings.STOCKADE = configuration(Path(directory))
    for _ in range(3000):
        try:
            return truth.ensure_loaded(get_gate(), marker(get_gate()))
        except Unavailable:
            time.sleep(0.02)  # another process decides when
    raise AssertionError("never loaded")


class TestWhoHears:
    def test_a_worker_that_meets_an_unknown_state_forgets_what_it_knew(self, empty: Gate) -> None:
        calls: list[int] = []

        @truth.on_world_change
        def forget() -> None:
            calls.append(1)

        try:
            first = truth.ensure_loaded(empty, b"")
            assert calls == [1]
            truth.ensure_loaded(empty, first)
            assert calls == [1]
            keyring.ring().signer()
            keyring.ring()
            from stockade.keyring import store

            assert store._ring is not None
            empty.reset()
            empty.load([], 0)  # by another worker
            second = truth.ensure_loaded(empty, marker(empty))
            assert second != first
            assert calls == [1, 1]
            assert store._ring is None
        finally:
            loading._listeners.remove(forget)

    def test_recorded_once_and_lost_only_by_who_had_known_it(self, empty: Gate, log: list[str]) -> None:
        first = truth.ensure_loaded(empty, b"")
        assert log == ["STATE_LOADED"]
        truth.ensure_loaded(empty, first)
        empty.reset()
        truth.ensure_loaded(empty, b"")
        assert log == ["STATE_LOADED", "STATE_LOST", "STATE_LOADED"]
        truth.ensure_loaded(empty, b"")  # a request that had asked before
        assert len(log) == 3


class TestFollowing:
    """A signature was verified under one ring and is remembered under a later epoch: it must be verified again."""

    def test_the_ring_is_read_again_once_for_each_move(self, empty: Gate) -> None:
        truth.ensure_loaded(empty, b"")
        keyring.ring().signer()
        truth.follow(empty, world(empty))
        before = keyring.generation()
        truth.follow(empty, world(empty))
        assert keyring.generation() == before
        with truth.changing([b"w"]):  # as by another process
            truth.follow(empty, world(empty))
            dirty = keyring.generation()
            assert dirty > before
            truth.follow(empty, world(empty))  # under change nothing is known
            assert keyring.generation() > dirty
        during = keyring.generation()
        truth.follow(empty, world(empty))
        after = keyring.generation()
        assert after > during
        truth.follow(empty, world(empty))
        assert keyring.generation() == after

    def test_a_revoked_key_is_noticed_by_a_worker_that_had_not_heard(self, empty: Gate) -> None:
        from stockade.keyring import store

        truth.ensure_loaded(empty, b"")
        kid = keyring.ring().signer().kid
        truth.follow(empty, world(empty))
        stale = keyring.ring()
        keyring.retire(kid, compromised=True)
        store._ring = stale  # what another process still has
        before = keyring.generation()
        assert keyring.ring().verifier(kid) is not None
        truth.follow(empty, world(empty))
        assert keyring.generation() != before
        assert keyring.ring().verifier(kid) is None


def test_a_gate_that_was_closed_and_opened_again_is_the_same_state(empty: Gate) -> None:
    first = truth.ensure_loaded(empty, b"")
    forget_gate()
    assert truth.ensure_loaded(get_gate(), marker(get_gate())) == first
