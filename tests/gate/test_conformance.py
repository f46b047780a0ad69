"""What every state must do alike: limits, refunds, epochs, marks, the birth marker."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from stockade.core.errors import Unavailable
from stockade.gate import host
from stockade.gate.base import LocalGate
from stockade.gate.keys import limit_key, limit_prefix, parse_limit_key, session_key, subject_key
from stockade.gate.protocol import DIRTY, LISTS, WORLD, Charge, Limit, Mark
from tests.gate.oracle import SECOND, Clock

FEW = Limit("few", 3, 60 * SECOND)
MANY = Limit("many", 100, 60 * SECOND)
DAILY = Limit("daily", 1000, 86_400 * SECOND)
ONE, TWO = b"writer-1", b"writer-2"
ALICE, BOB = subject_key("alice"), subject_key("bob")


def charge(limit: Limit, who: str = "alice", cost: int = 1) -> Charge:
    return Charge(limit, limit_key(limit, who), cost)


def use(gate: LocalGate, limit: Limit, who: str = "alice", cost: int = 1) -> bool:
    return gate.ask((), (charge(limit, who, cost),)).refused < 0


def used(gate: LocalGate, limit: Limit, who: str = "alice") -> int:
    return sum(each.used for each in gate.usage(limit_prefix(limit.name, who)))


# -- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [FEW, MANY, DAILY])
def test_exactly_n_are_admitted(gate: LocalGate, limit: Limit) -> None:
    assert [use(gate, limit) for _ in range(limit.count + 5)] == [True] * limit.count + [False] * 5


def test_a_refused_request_charges_none_of_its_limits(gate: LocalGate) -> None:
    for _ in range(3):
        use(gate, FEW)
    before = gate.usage()
    for charges in [
        (charge(MANY), charge(FEW), charge(DAILY)),
        (charge(FEW), charge(MANY)),
        (charge(MANY, "bob"), charge(DAILY, "bob"), charge(FEW)),
    ]:
        verdict = gate.ask((), charges)
        assert charges[verdict.refused].limit is FEW
        assert gate.usage() == before
        assert verdict.remaining == tuple(0 if each.limit is FEW else each.limit.count for each in charges)


def test_the_limit_that_waits_longest_is_the_one_that_refused(gate: LocalGate, clock: Clock) -> None:
    short, long = Limit("short", 1, 10 * SECOND), Limit("long", 1, 100 * SECOND)
    both = (charge(short), charge(long))
    assert gate.ask((), both).refused == -1
    verdict = gate.ask((), both)
    assert (verdict.refused, verdict.wait) == (1, 100 * SECOND)
    clock.now += 95 * SECOND
    use(gate, short)
    verdict = gate.ask((), both)
    assert (verdict.refused, verdict.wait) == (0, 10 * SECOND)


def test_costs_take_that_many_places(gate: LocalGate) -> None:
    verdict = gate.ask((), (charge(MANY, cost=60), charge(FEW, cost=2)))
    assert verdict.remaining == (40, 1)
    assert not use(gate, MANY, cost=41)
    assert not use(gate, FEW, cost=2)
    assert use(gate, MANY, cost=40)
    assert use(gate, FEW)


def test_a_cost_above_the_limit_is_refused_for_good_and_takes_nothing(gate: LocalGate) -> None:
    for limit in (FEW, MANY):
        verdict = gate.ask((), (charge(limit, cost=limit.count + 1),))
        assert (verdict.refused, verdict.wait, verdict.remaining) == (0, limit.period, (limit.count,))
    assert gate.usage() == []


@pytest.mark.parametrize("cost", [0, -1, -100])
@pytest.mark.parametrize("limit", [FEW, MANY])
def test_a_cost_that_would_give_places_away_is_an_error(gate: LocalGate, limit: Limit, cost: int) -> None:
    for fill in range(2):
        with pytest.raises(ValueError, match="cost"):
            gate.ask((), (charge(DAILY), charge(limit, cost=cost)))
        assert used(gate, limit) == fill
        assert used(gate, DAILY) == 0
        with pytest.raises(ValueError, match="cost"):
            gate.refund((charge(limit, cost=cost),), 0)
        use(gate, limit)


def test_a_key_that_is_charged_twice_in_one_request_counts_twice(gate: LocalGate) -> None:
    twice = (charge(FEW), charge(FEW))
    assert gate.ask((), twice).refused == -1
    assert used(gate, FEW) == 2
    assert gate.ask((), twice).refused == 1
    assert used(gate, FEW) == 2
    assert gate.ask((), (charge(FEW, cost=2), charge(MANY), charge(FEW))).refused >= 0
    assert used(gate, FEW) == 2
    assert used(gate, MANY) == 0


def test_remaining_and_reset_say_what_is_left_and_when_more_comes(gate: LocalGate, clock: Clock) -> None:
    verdict = gate.ask((), (charge(FEW),))
    assert (verdict.remaining, verdict.reset) == ((2,), (60 * SECOND,))
    assert verdict.at == clock.now
    clock.now += 20 * SECOND
    verdict = gate.ask((), (charge(FEW),))
    assert (verdict.remaining, verdict.reset) == ((1,), (40 * SECOND,))
    verdict = gate.ask((), ())
    assert (verdict.remaining, verdict.reset, verdict.refused) == ((), (), -1)


@pytest.mark.parametrize("limit", [FEW, MANY, DAILY])
def test_waiting_as_told_is_enough_and_not_too_much(gate: LocalGate, clock: Clock, limit: Limit) -> None:
    for cost in (1, limit.count // 2 + 1, limit.count):
        who = f"waits for {cost}"
        assert use(gate, limit, who, cost=limit.count // 2)
        clock.now += limit.period // 3
        assert use(gate, limit, who, cost=limit.count - limit.count // 2)
        wait = gate.ask((), (charge(limit, who, cost),)).wait
        clock.now += wait - 1
        assert not use(gate, limit, who, cost=cost)
        clock.now += 1
        assert use(gate, limit, who, cost=cost)


def test_a_clock_that_steps_back_opens_no_limit(gate: LocalGate, clock: Clock) -> None:
    for limit in (FEW, MANY):
        for _ in range(limit.count):
            assert use(gate, limit)
        start = clock.now
        for back in (1, SECOND, limit.period, 2 * limit.period, start):
            clock.now = start - back
            assert not use(gate, limit)
        clock.now = start + limit.period - 1
        assert not use(gate, limit)


def test_more_places_for_a_limit_keep_what_is_used(gate: LocalGate) -> None:
    for limit, more in ((FEW, Limit("few", 5, FEW.period)), (MANY, Limit("many", 110, MANY.period))):
        assert use(gate, limit, cost=limit.count)
        assert not use(gate, limit)
        extra = more.count - limit.count
        assert [use(gate, more) for _ in range(extra + 1)] == [True] * extra + [False]


def test_fewer_places_for_a_limit_count_what_is_used(gate: LocalGate, clock: Clock) -> None:
    for limit, less in ((FEW, Limit("few", 2, FEW.period)), (MANY, Limit("many", 70, MANY.period))):
        assert use(gate, limit, cost=limit.count)
        verdict = gate.ask((), (charge(less),))
        assert (verdict.refused, verdict.remaining) == (0, (0,))
        clock.now += 2 * limit.period
        assert use(gate, less, cost=less.count)


def test_a_limit_of_another_shape_starts_afresh_and_disturbs_nothing(gate: LocalGate) -> None:
    exact = Limit("login", 60, 60 * SECOND)
    for other in (
        Limit("login", 61, 60 * SECOND),
        Limit("login", 60, 61 * SECOND),
        Limit("login", 100, 30 * SECOND),
    ):
        gate.clear(limit_prefix())
        assert use(gate, exact, cost=60)
        assert use(gate, other, cost=other.count)
        assert not use(gate, exact)
        assert not use(gate, other)
        assert gate.clear(limit_prefix("login", "alice")) == 2


def test_a_value_of_another_shape_under_the_very_same_key_is_not_misread(gate: LocalGate) -> None:
    key = limit_key(FEW, "alice")
    for limit in (FEW, MANY, DAILY, FEW):
        verdict = gate.ask((), (Charge(limit, key, limit.count),))
        assert (verdict.refused, verdict.remaining) == (-1, (0,))
        assert gate.ask((), (Charge(limit, key),)).refused == 0


def test_a_hundred_threads_get_a_hundred_places(gate: LocalGate) -> None:
    admitted: list[bool] = []
    ready = threading.Barrier(100)

    def hammer() -> None:
        ready.wait()
        admitted.extend([use(gate, MANY) for _ in range(5)])

    threads = [threading.Thread(target=hammer) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(admitted) == 100


# -- refunds, clearing, listing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [FEW, MANY])
def test_a_refund_gives_back_the_places_of_one_charge(gate: LocalGate, clock: Clock, limit: Limit) -> None:
    first = gate.ask((), (charge(limit, cost=2), charge(DAILY)))
    clock.now += 10 * SECOND
    use(gate, limit, cost=limit.count - 2)
    assert not use(gate, limit)
    gate.refund((charge(limit, cost=2), charge(DAILY)), first.at)
    assert used(gate, limit) == limit.count - 2
    assert used(gate, DAILY) == 0
    assert use(gate, limit, cost=2)
    assert not use(gate, limit)


@pytest.mark.parametrize("limit", [FEW, MANY])
def test_a_refund_that_comes_too_late_or_twice_opens_nothing(
    gate: LocalGate, clock: Clock, limit: Limit
) -> None:
    at = gate.ask((), (charge(limit),)).at
    clock.now += 2 * limit.period
    assert use(gate, limit, cost=limit.count)
    gate.refund((charge(limit),), at)  # what it charged is long gone
    assert not use(gate, limit)
    gate.clear(limit_prefix())
    gate.refund((charge(limit, cost=5),), at)  # nothing is there
    at = gate.ask((), (charge(limit),)).at
    for _ in range(5):
        gate.refund((charge(limit),), at)
    assert use(gate, limit, cost=limit.count)
    assert not use(gate, limit)


def test_a_refusal_that_a_worker_remembers_ends_with_a_refund(gate: LocalGate) -> None:
    at = gate.ask((), (charge(FEW),)).at
    use(gate, FEW, cost=2)
    for _ in range(3):
        assert not use(gate, FEW)
    gate.refund((charge(FEW),), at)
    assert use(gate, FEW)
    assert not use(gate, FEW)


def test_a_refusal_that_a_worker_remembers_ends_with_its_time(gate: LocalGate, clock: Clock) -> None:
    use(gate, FEW, cost=3)
    verdict = gate.ask((), (charge(FEW),))
    verdict = gate.ask((), (charge(FEW),))
    clock.now += verdict.wait - 1
    assert not use(gate, FEW)
    clock.now += 1
    assert use(gate, FEW)


def test_clearing_opens_at_once_and_only_what_was_named(gate: LocalGate) -> None:
    login, address = Limit("login", 2, 60 * SECOND), Limit("login_address", 2, 60 * SECOND)
    for limit in (login, address):
        for who in ("al", "alice"):
            use(gate, limit, who, cost=2)
            assert not use(gate, limit, who)
    assert gate.clear(limit_prefix("login", "al")) == 1
    assert use(gate, login, "al", cost=2)
    assert not use(gate, login, "alice")
    assert gate.clear(limit_prefix("login")) == 2
    assert not use(gate, address, "al")
    assert gate.clear(b"") == 2
    assert gate.usage() == []
    assert gate.clear(b"") == 0


def test_clearing_and_listing_never_reach_an_epoch(gate: LocalGate) -> None:
    gate.load([(ALICE, 5)], 2)
    use(gate, FEW)
    assert [each.key for each in gate.usage()] == [limit_key(FEW, "alice")]
    gate.clear(b"")
    assert gate.ask((ALICE,), ()).epochs == (5,)
    for prefix in (ALICE, WORLD, b"s", b"b", b"m"):
        with pytest.raises(ValueError, match="key"):
            gate.clear(prefix)
        with pytest.raises(ValueError, match="key"):
            gate.usage(prefix)
    assert gate.ask((ALICE,), ()).world == 2


def test_usage_tells_who_has_used_how_much(gate: LocalGate, clock: Clock) -> None:
    use(gate, FEW, "alice", cost=2)
    use(gate, MANY, "bob", cost=70)
    found = {parse_limit_key(each.key): (each.used, each.count) for each in gate.usage()}
    assert found == {("few", "alice"): (2, 3), ("many", "bob"): (70, 100)}
    clock.now += 30 * SECOND
    assert gate.usage(limit_prefix("few"))[0].reset == 30 * SECOND
    clock.now += 90 * SECOND
    assert gate.usage() == []


# -- keys ------------------------------------------------------------------------------------------------------------

ODD = ["", " ", "\0", "a\0b", "\1", "\1a", "\2", "é", "\ud800", "\0" * 500]
ODD += ["x" * 10_000, "x" * 10_001, "a" * 180, "a" * 181]


def test_odd_and_huge_identities_are_counted_apart(gate: LocalGate) -> None:
    limit = Limit("l" * 100, 1, 60 * SECOND)
    for who in ODD:
        assert use(gate, limit, who)
    for who in ODD:
        assert not use(gate, limit, who)
    assert len(gate.usage()) == len(ODD)
    for who in ODD:
        assert gate.clear(limit_prefix(limit.name, who)) == 1


def test_odd_and_huge_subjects_have_epochs_of_their_own(gate: LocalGate) -> None:
    keys = [make(who) for who in ODD for make in (subject_key, session_key)]
    gate.load(((key, at + 1) for at, key in enumerate(keys)), 0)
    assert gate.ask(tuple(keys), ()).epochs == tuple(range(1, len(keys) + 1))
    gate.mark(keys, ONE)
    assert set(gate.ask(tuple(keys), ()).epochs) == {DIRTY}


@pytest.mark.parametrize("key", [b"", LISTS, WORLD, b"b", b"m" + ALICE, ALICE, b"l" * 501])
def test_no_limit_can_be_written_over_an_epoch(gate: LocalGate, key: bytes) -> None:
    with pytest.raises(ValueError, match="key"):
        gate.ask((), (charge(DAILY), Charge(FEW, key)))
    assert used(gate, DAILY) == 0
    with pytest.raises(ValueError, match="key"):
        gate.refund((Charge(FEW, key),), 0)


def test_no_limit_can_be_written_over_an_epoch_that_exists(gate: LocalGate) -> None:
    gate.load([(ALICE, 7)], 1)
    for key in (ALICE, WORLD):
        with pytest.raises(ValueError, match="key"):
            gate.ask((), (Charge(FEW, key),))
    verdict = gate.ask((ALICE,), ())
    assert (verdict.epochs, verdict.world) == ((7,), 1)
    assert verdict.marker


@pytest.mark.parametrize("key", [b"", b"xx", b"l", limit_key(FEW, "alice"), b"b", b"m", b"s" * 501])
def test_no_epoch_can_be_written_over_a_limit(gate: LocalGate, key: bytes) -> None:
    with pytest.raises(ValueError, match="key"):
        gate.mark([ALICE, key], ONE)
    with pytest.raises(ValueError, match="key"):
        gate.publish([(ALICE, 1), (key, 1)], ONE)
    with pytest.raises(ValueError, match="key"):
        gate.load([(key, 1)], 0)
    assert gate.ask((ALICE,), ()).epochs == (0,)


# -- epochs ----------------------------------------------------------------------------------------------------------


def test_an_epoch_only_rises(gate: LocalGate) -> None:
    assert gate.ask((ALICE, BOB), ()).epochs == (0, 0)
    gate.publish([(ALICE, 5)], ONE)
    gate.publish([(ALICE, 3), (BOB, 1)], TWO)
    assert gate.ask((ALICE, BOB), ()).epochs == (5, 1)
    gate.load([(ALICE, 4), (BOB, 9)], 0)
    assert gate.ask((BOB, ALICE), ()).epochs == (9, 5)


def test_epochs_are_read_in_the_same_step_as_limits_are_charged(gate: LocalGate) -> None:
    gate.load([(ALICE, 5)], 3)
    for _ in range(3):
        verdict = gate.ask((ALICE, BOB), (charge(FEW),))
        assert (verdict.refused, verdict.epochs, verdict.world) == (-1, (5, 0), 3)
    for _ in range(2):
        verdict = gate.ask((ALICE, BOB), (charge(FEW),))
        assert (verdict.refused, verdict.epochs, verdict.world) == (0, (5, 0), 3)
        assert len(verdict.marker) == 16


def test_what_is_under_change_is_dirty_until_its_writer_has_published(gate: LocalGate) -> None:
    gate.load([(ALICE, 5)], 1)
    gate.mark([ALICE], ONE)
    assert gate.ask((ALICE, BOB), (charge(FEW),)).epochs == (DIRTY, 0)
    gate.publish([(ALICE, 6)], ONE)
    assert gate.ask((ALICE, BOB), (charge(FEW),)).epochs == (6, 0)


def test_one_writer_does_not_end_the_mark_of_another(gate: LocalGate) -> None:
    gate.mark([ALICE], ONE)
    gate.mark([ALICE, BOB], TWO)
    gate.mark([ALICE], ONE)  # the same change twice: one mark
    gate.publish([(ALICE, 1)], ONE)
    assert gate.ask((ALICE, BOB), ()).epochs == (DIRTY, DIRTY)
    gate.publish([(ALICE, 2), (BOB, 3)], b"a-third!")
    assert gate.ask((ALICE, BOB), ()).epochs == (DIRTY, DIRTY)
    gate.publish([(ALICE, 1), (BOB, 1)], TWO)
    assert gate.ask((ALICE, BOB), ()).epochs == (2, 3)


def test_the_world_is_an_epoch_of_everyone(gate: LocalGate) -> None:
    gate.load([], 4)
    marker = gate.ask((), ()).marker
    gate.mark([WORLD], ONE)
    assert gate.ask((ALICE,), (charge(FEW),)).world == DIRTY
    assert gate.ask((WORLD,), ()).epochs == (DIRTY,)
    gate.publish([(WORLD, 5)], ONE)
    verdict = gate.ask((WORLD,), ())
    assert (verdict.world, verdict.epochs, verdict.marker) == (5, (5,), marker)


def test_every_verdict_tells_the_epoch_of_the_lists(gate: LocalGate) -> None:
    gate.load([(LISTS, 4)], 7)
    marker = gate.ask((), ()).marker
    assert gate.ask((ALICE,), (charge(FEW),)).lists == 4
    gate.mark([LISTS], ONE)
    gate.mark([LISTS], TWO)
    assert gate.ask((ALICE,), (charge(FEW),)).lists == DIRTY
    gate.publish([(LISTS, 5)], ONE)
    assert gate.ask((), ()).lists == DIRTY
    gate.publish([(LISTS, 3)], TWO)
    verdict = gate.ask((LISTS,), (charge(FEW),))
    assert (verdict.lists, verdict.epochs, verdict.world, verdict.marker) == (5, (5,), 7, marker)
    while gate.ask((), (charge(FEW),)).refused < 0:
        pass
    assert gate.ask((), (charge(FEW),)).lists == 5


def test_a_change_of_the_lists_does_not_pass_for_a_loaded_state(gate: LocalGate) -> None:
    gate.mark([LISTS], ONE)
    assert (gate.ask((), ()).marker, gate.ask((), ()).lists) == (b"", DIRTY)
    gate.publish([(LISTS, 3)], ONE)
    assert (gate.ask((), ()).marker, gate.ask((), ()).lists) == (b"", 3)
    gate.load([(LISTS, 2)], 1)
    assert gate.ask((), ()).marker
    assert (gate.ask((), ()).lists, gate.ask((), ()).world) == (3, 1)


def test_a_mark_of_another_host_is_stale_by_its_age_alone(
    gate: LocalGate, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(host, "id", lambda: b"away")
        gate.mark([ALICE], ONE)
    monkeypatch.setattr(host, "started", lambda pid: 0)  # here no such process lives; there it may
    assert gate.stale(10 * SECOND) == []
    clock.now += 11 * SECOND
    assert [each.token for each in gate.stale(10 * SECOND)] == [ONE]


@pytest.mark.parametrize("token", [b"", b"1234567", b"123456789"])
def test_a_token_has_eight_bytes(gate: LocalGate, token: bytes) -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        gate.mark([ALICE], token)
    with pytest.raises(ValueError, match="8 bytes"):
        gate.publish([(ALICE, 1)], token)


# -- the birth marker ------------------------------------------------------------------------------------------------


def test_an_empty_state_says_that_it_knows_nothing(gate: LocalGate) -> None:
    verdict = gate.ask((ALICE,), (charge(FEW),))
    assert (verdict.marker, verdict.world, verdict.epochs) == (b"", 0, (0,))


def test_a_write_before_the_load_does_not_pass_for_a_loaded_state(gate: LocalGate) -> None:
    gate.mark([WORLD, ALICE], ONE)
    assert gate.ask((), ()).marker == b""
    gate.publish([(WORLD, 3), (ALICE, 2)], ONE)
    assert gate.ask((), ()).marker == b""
    gate.load([(ALICE, 1)], 1)
    verdict = gate.ask((ALICE,), ())
    assert (len(verdict.marker), verdict.world, verdict.epochs) == (16, 3, (2,))


def test_a_lost_state_is_another_one_after_its_load(gate: LocalGate) -> None:
    gate.load([(ALICE, 1)], 1)
    marker = gate.ask((), ()).marker
    use(gate, FEW, cost=3)
    gate.reset()
    verdict = gate.ask((ALICE,), (charge(FEW),))
    assert (verdict.marker, verdict.epochs, verdict.world, verdict.refused) == (b"", (0,), 0, -1)
    gate.load([(ALICE, 1)], 1)
    assert gate.ask((), ()).marker not in (b"", marker)


def test_two_loads_at_once_leave_one_marker(gate: LocalGate) -> None:
    gate.load([(ALICE, 1)], 1)
    marker = gate.ask((), ()).marker
    gate.load([(ALICE, 1), (BOB, 1)], 1)
    assert gate.ask((), ()).marker == marker


def test_a_state_that_is_wiped_during_its_load_does_not_pass_for_loaded(gate: LocalGate) -> None:
    def rows() -> object:
        yield ALICE, 1
        gate.reset()
        yield BOB, 1

    with pytest.raises(Unavailable):
        gate.load(rows(), 1)  # type: ignore[arg-type]
    assert gate.ask((), ()).marker == b""


def test_the_marker_comes_after_everything_else(gate: LocalGate) -> None:
    seen: list[bytes] = []

    def rows() -> object:
        for at in range(2_000):
            if at % 400 == 0:
                seen.append(gate.ask((), ()).marker)
            yield subject_key(str(at)), at + 1

    gate.load(rows(), 1)  # type: ignore[arg-type]
    assert set(seen) == {b""}
    assert gate.ask((subject_key("0"), subject_key("1999")), ()).epochs == (1, 2000)
    assert gate.ask((), ()).marker


# -- marks that nobody took off --------------------------------------------------------------------------------------


def test_old_marks_are_stale_and_young_ones_are_not(gate: LocalGate, clock: Clock) -> None:
    start = clock.now
    gate.mark([ALICE, WORLD], ONE)
    clock.now += 10 * SECOND
    gate.mark([ALICE], TWO)
    assert gate.stale(10 * SECOND) == []
    clock.now += 1
    assert set(gate.stale(10 * SECOND)) == {Mark(ALICE, ONE, start), Mark(WORLD, ONE, start)}
    clock.now += 10 * SECOND
    assert len(gate.stale(10 * SECOND)) == 3
    for key, token, _ in gate.stale(0):
        gate.publish([(key, 7)], token)
    assert gate.stale(0) == []
    verdict = gate.ask((ALICE,), ())
    assert (verdict.epochs, verdict.world) == ((7,), 7)


def test_the_marks_of_a_dead_writer_are_stale_at_once(
    gate: LocalGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.mark([ALICE], ONE)
    assert gate.stale(60 * SECOND) == []
    real = host.started
    monkeypatch.setattr(host, "started", lambda pid: 0)
    assert [each.token for each in gate.stale(60 * SECOND)] == [ONE]
    # The pid is in use again, by a process that started later.
    monkeypatch.setattr(host, "started", lambda pid: real(pid) + 1)
    assert [each.token for each in gate.stale(60 * SECOND)] == [ONE]


def test_a_gate_opens_again_after_it_was_closed(gate: LocalGate, make_gate: Callable[..., LocalGate]) -> None:
    gate.load([(ALICE, 1)], 1)
    before = gate.ask((ALICE,), (charge(FEW),))
    gate.close()
    after = gate.ask((ALICE,), (charge(FEW),))
    assert (after.epochs, after.marker, after.remaining) == (before.epochs, before.marker, (1,))
