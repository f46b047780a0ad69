"""A state that fills up: what has expired goes, what lives stays, and revocations always find room."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stockade.core.errors import Unavailable
from stockade.gate.base import DAY, LocalGate
from stockade.gate.keys import limit_key, session_key, subject_key
from stockade.gate.lmdb import LmdbGate
from stockade.gate.protocol import DIRTY, Charge, Limit
from tests.gate.oracle import SECOND, Clock

MINUTE = Limit("minute", 100, 60 * SECOND)
ONE = b"writer-1"


def use(gate: LocalGate, who: str) -> bool:
    return gate.ask((), (Charge(MINUTE, limit_key(MINUTE, who)),)).refused < 0


@pytest.fixture(params=["memory", "lmdb"])
def kind(request: pytest.FixtureRequest) -> str:
    """The states that look after their room themselves; of Redis see `test_redis`."""
    return str(request.param)


@pytest.fixture
def small(make_gate: Callable[..., LocalGate], kind: str) -> LocalGate:
    return make_gate(entries=2_000) if kind == "memory" else make_gate(map_size=1 << 20)


def fill(gate: LocalGate, name: str) -> int:
    """Use new keys until one is refused for want of room."""
    for at in range(50_000):
        try:
            assert use(gate, f"{name}-{at}")
        except Unavailable:
            return at
    raise AssertionError("it never fills up")


def test_a_full_state_refuses_new_keys_and_forgets_nothing(small: LocalGate) -> None:
    small.load([(subject_key(str(at)), at + 1) for at in range(100)], 3)
    marker = small.ask((), ()).marker
    taken = fill(small, "a")
    assert taken > 1_000
    for _ in range(3):
        with pytest.raises(Unavailable):
            use(small, "one more")
    # Who has a place goes on being counted; all revocations are there, and new ones find room.
    assert use(small, "a-0")
    assert len(small.usage()) == taken
    found = small.ask(tuple(subject_key(str(at)) for at in range(100)), ())
    assert found.epochs == tuple(range(1, 101))
    assert (found.world, found.marker) == (3, marker)
    for at in range(200):
        small.mark([session_key(str(at))], ONE)
    assert small.ask((session_key("7"),), ()).epochs == (DIRTY,)
    for at in range(200):
        small.publish([(session_key(str(at)), 1)], ONE)
    assert small.ask((session_key("0"), session_key("199")), ()).epochs == (1, 1)


def test_what_has_expired_makes_room(small: LocalGate, clock: Clock) -> None:
    small.load([(subject_key("alice"), 9)], 1)
    for turn in range(4):
        assert fill(small, f"turn {turn}") > 500
        clock.now += 2 * MINUTE.period
    assert small.ask((subject_key("alice"),), ()).epochs == (9,)


def test_a_flood_of_short_lived_keys_never_fills_the_state(small: LocalGate, clock: Clock) -> None:
    for at in range(20_000):
        assert use(small, str(at))
        clock.now += MINUTE.period // 500


def test_a_revocation_is_swept_only_when_no_worker_can_rely_on_it(
    make_gate: Callable[..., LocalGate], kind: str, clock: Clock
) -> None:
    gate = make_gate(
        keep_session=10 * DAY, **({"entries": 1_500} if kind == "memory" else {"map_size": 1 << 20})
    )
    subjects = [subject_key(str(at)) for at in range(50)]
    sessions = [session_key(str(at)) for at in range(50)]
    gate.publish([(key, 5) for key in subjects + sessions], ONE)
    gate.mark(subjects[:1] + sessions[:1], ONE)
    both = tuple(subjects[1:] + sessions[1:])
    fill(gate, "first")
    assert set(gate.ask(both, ()).epochs) == {5}
    clock.now += DAY - 120 * SECOND
    fill(gate, "second")
    assert set(gate.ask(both, ()).epochs) == {5}
    clock.now += 2 * DAY
    fill(gate, "third")
    assert set(gate.ask(tuple(sessions[1:]), ()).epochs) == {5}  # an ended session stays ended
    assert set(gate.ask(tuple(subjects[1:]), ()).epochs) <= {0, 5}
    clock.now += 20 * DAY
    fill(gate, "fourth")
    # What is under change is never swept.
    assert gate.ask((subjects[0], sessions[0]), ()).epochs == (DIRTY, DIRTY)


def test_an_epoch_is_never_kept_for_less_than_a_day(
    make_gate: Callable[..., LocalGate], clock: Clock
) -> None:
    gate = make_gate(keep_subject=0, keep_session=0)
    record = clock.now
    gate.publish([(subject_key("a"), 1), (session_key("a"), 1)], ONE)
    clock.now = record + DAY - 1
    for key in (subject_key("a"), session_key("a")):
        value = gate._read(lambda txn, key=key: txn.get(key))  # type: ignore[misc]
        assert value is not None
        assert not gate._expired(key, value, clock.now)
        assert gate._expired(key, value, clock.now + 2)


def test_a_reader_that_pins_the_map_makes_writers_wait_not_die(folder: Path, clock: Clock) -> None:
    """A stopped process in a read transaction keeps old pages alive: the map fills, and then all is Unavailable."""
    gate = LmdbGate(folder / "state", ticks=clock, map_size=1 << 20)
    gate.load([(subject_key("alice"), 9)], 1)
    reader = gate._opened()()

    def publish_until_full() -> None:
        for at in range(5_000):
            gate.publish([(subject_key("bob"), at)], ONE)

    with pytest.raises(Unavailable):
        publish_until_full()
    reader.abort()
    gate.publish([(subject_key("bob"), 10_000)], ONE)
    assert gate.ask((subject_key("alice"), subject_key("bob")), ()).epochs == (9, 10_000)
    assert use(gate, "again")
    gate.close()
