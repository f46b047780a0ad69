"""The order of a change: row locked, copy marked, committed, copy moved; whatever goes wrong between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction

from stockade import keyring, truth
from stockade.core.context import RequestContext, current
from stockade.core.errors import Unavailable
from stockade.gate.keys import subject_key
from stockade.gate.protocol import DIRTY, WORLD, Gate
from stockade.models import Epoch
from stockade.truth import change
from tests.truth.conftest import session, subject, world

KEY = subject_key("7")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def spy(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What was asked of the gate, and what SQL said at that moment: here, and as others see it."""
    seen: list[tuple[str, Any]] = []

    def wrap(name: str) -> None:
        real = getattr(gate, name)

        def call(*args: Any) -> Any:
            seen.append((name, (value_of("7"), elsewhere(value_of, "7"))))
            return real(*args)

        monkeypatch.setattr(gate, name, call)

    wrap("mark")
    wrap("publish")
    return seen


def value_of(name: str) -> int:
    return Epoch.objects.filter(key=f"s{name}").values_list("value", flat=True).first() or 0


def elsewhere(function: Any, *args: Any) -> Any:
    """What another connection sees."""
    found: list[Any] = []

    def work() -> None:
        try:
            found.append(function(*args))
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    return found[0]


class TestOrder:
    def test_row_then_mark_then_commit_then_publish(self, spy: list[Any], gate: Gate) -> None:
        with transaction.atomic(), truth.changing([KEY]):
            assert subject(gate, 7) == DIRTY
        (name, (here, there)), (last, (after, seen)) = spy
        assert (name, last) == ("mark", "publish")
        assert here > 0  # the row was moved, so it is locked, before the mark
        assert there == 0  # and nobody saw it yet: marked before the commit
        assert after == seen == here  # published after it
        assert subject(gate, 7) == here

    def test_on_its_own_it_opens_a_transaction(self, spy: list[Any], gate: Gate) -> None:
        with truth.changing([KEY]):
            assert connection.in_atomic_block
        assert [name for name, _ in spy] == ["mark", "publish"]
        assert spy[0][1][1] == 0
        assert subject(gate, 7) == value_of("7") > 0

    def test_several_keys_and_the_world(self, gate: Gate) -> None:
        with truth.changing([WORLD, KEY, subject_key("8")]):
            assert world(gate) == subject(gate, 7) == subject(gate, 8) == DIRTY
        assert min(world(gate), subject(gate, 7), subject(gate, 8)) > 0

    def test_every_change_moves(self, gate: Gate) -> None:
        seen = []
        for _ in range(3):
            truth.invalidate(7)
            seen.append(subject(gate, 7))
        assert sorted(set(seen)) == seen

    def test_it_moves_beyond_a_state_that_outlived_a_restored_database(self, gate: Gate) -> None:
        """A backup is restored: its rows are older than the copies. A copy that stood still would hide the change."""
        for _ in range(3):
            truth.invalidate(7)
        before = subject(gate, 7)
        Epoch.objects.all().delete()
        truth.invalidate(7)
        assert subject(gate, 7) > before

    def test_it_moves_when_the_clock_steps_back(self, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
        from stockade.core import clock

        truth.invalidate(7)
        before = subject(gate, 7)
        monkeypatch.setattr(clock, "_wall", lambda: 1_000_000.0)
        truth.invalidate(7)
        assert subject(gate, 7) == before + 1


class TestInvalidate:
    def test_by_user_by_key_and_by_text(self, gate: Gate, alice: User) -> None:
        seen = [0]
        for one in (alice, alice.pk, str(alice.pk), f"0{alice.pk}"):
            truth.invalidate(one)
            seen.append(subject(gate, alice))
        assert sorted(set(seen)) == seen

    @pytest.mark.parametrize("nobody", [None, User(), "x", object()])
    def test_what_is_no_user(self, gate: Gate, nobody: object) -> None:
        with pytest.raises(ValueError, match="primary key"):
            truth.invalidate(nobody)


class TestWhatGoesWrong:
    def test_a_failed_change_of_its_own_takes_its_mark_off(self, gate: Gate) -> None:
        with pytest.raises(RuntimeError), truth.changing([KEY]):
            raise RuntimeError
        assert subject(gate, 7) == 0

    def test_a_rollback_from_outside_leaves_a_mark_that_the_reconciler_resolves(self, gate: Gate) -> None:
        with transaction.atomic():
            with truth.changing([KEY]):
                pass
            transaction.set_rollback(True)
        assert subject(gate, 7) == DIRTY  # costs SQL, admits nobody wrongly
        assert truth.reconcile(older=-1) == 1
        assert subject(gate, 7) > 0

    def test_a_savepoint_that_is_rolled_back(self, gate: Gate) -> None:
        with transaction.atomic():
            with transaction.atomic():
                truth.invalidate(7)
                transaction.set_rollback(True)
            truth.invalidate(8)
        assert subject(gate, 7) == DIRTY
        assert subject(gate, 8) > 0

    def test_a_state_that_is_away_refuses_the_change(
        self, gate: Gate, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Changed without a mark, it might never be noticed."""

        def away(*args: Any) -> None:
            raise Unavailable

        monkeypatch.setattr(gate, "mark", away)
        alice.is_active = False
        with pytest.raises(Unavailable):
            alice.save()
        with pytest.raises(Unavailable), transaction.atomic():
            alice.save()
        assert User.objects.get().is_active

    def test_a_state_that_is_away_after_the_commit_leaves_the_mark_and_the_change_does_not_pass_for_done(
        self, gate: Gate, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It may have been lost and filled again between the mark and the commit: then only this change knows."""

        def away(*args: Any) -> None:
            raise Unavailable

        context = RequestContext("id", {})
        token = current.set(context)
        with monkeypatch.context() as patch:
            patch.setattr(gate, "publish", away)
            patch.setattr(change, "PATIENCE", 0.2)
            alice.is_active = False
            with pytest.raises(Unavailable) as caught:
                alice.save()
            assert caught.value.reason == "untold"
            assert context.untold
            context.untold = False
            with transaction.atomic():
                alice.save()
            assert context.untold
        current.reset(token)
        assert not User.objects.get().is_active
        assert subject(gate, alice) == DIRTY
        assert truth.reconcile(older=-1) == 2
        assert subject(gate, alice) > 0

    def test_a_publication_that_fails_in_an_unforeseen_way_does_not_pass_for_done(
        self, gate: Gate, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After a commit Django logs what a callback raises, and goes on as if nothing had happened."""

        def unforeseen(*args: Any) -> None:
            raise KeyError("run_id")

        context = RequestContext("id", {})
        token = current.set(context)
        monkeypatch.setattr(gate, "publish", unforeseen)
        alice.is_active = False
        with transaction.atomic():
            alice.save()
        current.reset(token)
        assert context.untold

    def test_a_state_that_is_back_soon_is_told(
        self, gate: Gate, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, tries = gate.publish, []

        def away(*args: Any) -> None:
            tries.append(1)
            if len(tries) < 3:
                raise Unavailable
            real(*args)

        monkeypatch.setattr(gate, "publish", away)
        alice.is_active = False
        alice.save()
        assert subject(gate, alice) > 0

    def test_a_change_whose_epoch_cannot_be_moved_does_not_pass_for_done(
        self, gate: Gate, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The state was lost between mark and commit, the database after it: no mark is left, and nobody would know."""
        mark = gate.mark

        def marked_and_lost(keys: Any, token: bytes) -> None:
            mark(keys, token)
            gate.reset()
            gate.load([], 0)

        def away(*_: Any) -> None:
            raise OperationalError("the database system is shutting down")

        alice.is_active = False
        with monkeypatch.context() as patch:
            patch.setattr(gate, "mark", marked_and_lost)
            patch.setattr(change.epochs, "bump", away)
            with pytest.raises(Unavailable) as caught:
                alice.save()
        assert caught.value.reason == "untold"
        assert subject(gate, alice) == 0  # what workers see: nothing has happened
        alice.save()
        assert subject(gate, alice) > 0

    def test_a_commit_whose_answer_is_lost_leaves_the_mark(
        self, gate: Gate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The connection breaks while it commits: nobody knows whether it did, so nobody may say that it did not."""
        commit = connection._commit

        def commit_and_break() -> None:
            commit()
            raise OperationalError("server closed the connection unexpectedly")

        with monkeypatch.context() as patch:
            patch.setattr(connection, "_commit", commit_and_break)
            with pytest.raises(OperationalError), truth.changing([KEY]):
                pass
        assert value_of("7") > 0
        assert subject(gate, 7) == DIRTY

    def test_a_key_that_was_revoked_and_not_told_is_told_when_it_is_revoked_again(self, gate: Gate) -> None:
        """An operator whose command failed repeats it, and is told that all is well."""
        kid = keyring.ring().signer(300).kid
        keyring.retire(kid, compromised=True)
        gate.reset()
        gate.load([], 0)  # what was told is lost
        keyring.retire(kid, compromised=True)
        assert world(gate) > 0

    def test_another_hook_that_fails_first_leaves_the_mark(self, gate: Gate) -> None:
        def fail() -> None:
            raise RuntimeError

        with pytest.raises(RuntimeError), transaction.atomic():  # noqa: PT012
            transaction.on_commit(fail)
            truth.invalidate(7)
        assert value_of("7") > 0
        assert subject(gate, 7) == DIRTY

    def test_autocommit_switched_off_by_hand(self, gate: Gate) -> None:
        """Django knows of no commit then: the mark stays until the reconciler gets the row's lock."""
        transaction.set_autocommit(False)
        try:
            truth.invalidate(7)
            assert subject(gate, 7) == DIRTY
            connection.commit()
        finally:
            transaction.set_autocommit(True)
        assert subject(gate, 7) == DIRTY
        truth.reconcile(older=-1)
        assert subject(gate, 7) > 0


@contextmanager
def under_way(made: Callable[[], object]) -> Iterator[None]:
    """Another connection has made a change, and commits it when the block ends, however it does."""
    ready, go = threading.Event(), threading.Event()
    problems: list[BaseException] = []

    def writer() -> None:
        try:
            with transaction.atomic():
                made()
                ready.set()
                go.wait(60)
        except BaseException as error:  # noqa: BLE001
            problems.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=writer)
    thread.start()
    try:
        assert ready.wait(30)
        yield
    finally:
        go.set()
        thread.join(30)
    assert not problems


class TestReconcilerAgainstWriters:
    def test_it_never_takes_the_mark_of_a_change_that_may_yet_commit(self, gate: Gate) -> None:
        """The reconciler comes between mark and commit, however old the mark: it must wait for the row lock."""
        with under_way(lambda: truth.invalidate(7)):
            assert truth.reconcile(older=-1, wait=0.05) == 0
            assert subject(gate, 7) == DIRTY
        assert subject(gate, 7) == value_of("7") > 0

    def test_nor_of_an_end_of_sessions_that_may_yet_commit(
        self, gate: Gate, alice: User, session_of: Any
    ) -> None:
        row = session_of(alice)
        with under_way(lambda: truth.end_sessions(alice)):
            assert truth.reconcile(older=-1, wait=0.05) == 0
            assert session(gate, row) == DIRTY
        assert session(gate, row) == 1

    def test_one_locked_row_does_not_keep_the_others_waiting(self, gate: Gate, database_vendor: str) -> None:
        with transaction.atomic():
            for name in range(20, 30):
                truth.invalidate(name)
            transaction.set_rollback(True)
        with under_way(lambda: truth.invalidate(25)):
            resolved = truth.reconcile(older=-1, wait=0.05)
            # SQLite has one lock for the whole database: nothing can be resolved while somebody writes.
            assert resolved == (9 if database_vendor == "postgresql" else 0)
            assert subject(gate, 25) == DIRTY
        truth.reconcile(older=-1)
        assert DIRTY not in [subject(gate, name) for name in range(20, 30)]

    def test_a_young_mark_of_a_living_writer_is_left_alone(self, gate: Gate) -> None:
        gate.mark([KEY], b"12345678")
        assert truth.reconcile() == 0
        from stockade.core import clock

        clock.shift(11)
        assert truth.reconcile() == 1

    def test_the_waiting_time_of_the_connection_is_as_before(self, gate: Gate, database_vendor: str) -> None:
        def patience() -> str:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SHOW lock_timeout" if database_vendor == "postgresql" else "PRAGMA busy_timeout"
                )
                return str(cursor.fetchone()[0])

        before = patience()
        gate.mark([KEY], b"12345678")
        truth.reconcile(older=-1, wait=0.05)
        assert patience() == before


class TestInTheBackground:
    def test_it_resolves_in_a_thread_and_closes_its_connection(self, gate: Gate) -> None:
        from stockade.core import clock
        from stockade.truth import reconciler

        gate.mark([KEY], b"12345678")
        clock.shift(11)
        truth.reconcile_soon()
        reconciler.join()
        assert subject(gate, 7) > 0

    def test_at_most_once_a_second(self, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
        from stockade.core import clock
        from stockade.truth import reconciler

        runs: list[int] = []
        monkeypatch.setattr(reconciler, "reconcile", lambda: runs.append(1))
        for _ in range(50):
            truth.reconcile_soon()
        reconciler.join()
        assert len(runs) == 1
        clock.shift(1.1)
        truth.reconcile_soon()
        reconciler.join()
        assert len(runs) == 2

    def test_its_failure_harms_nobody(self, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
        from stockade.truth import reconciler

        def fail() -> None:
            raise RuntimeError

        monkeypatch.setattr(reconciler, "reconcile", fail)
        truth.reconcile_soon()
        reconciler.join()
