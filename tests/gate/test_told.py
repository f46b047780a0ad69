"""What a state of this host is told afterwards: all of it or nothing, and nothing over what is no limit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stockade.core.errors import Unavailable
from stockade.gate.base import LocalGate
from stockade.gate.keys import limit_key, subject_key
from stockade.gate.lmdb import LmdbGate
from stockade.gate.memory import MemoryGate
from stockade.gate.protocol import LISTS, WORLD, Charge, Limit
from stockade.gate.turn import Turn
from tests.gate.oracle import SECOND, Clock

FEW = Limit("few", 3, 60 * SECOND)
ALICE = limit_key(FEW, "alice")


@pytest.fixture(params=["memory", "lmdb"])
def local(request: pytest.FixtureRequest, folder: Path, clock: Clock) -> Callable[..., LocalGate]:
    """Makes a state of this host."""
    made: list[LocalGate] = []

    def make(*, small: bool = False) -> LocalGate:
        if request.param == "memory":
            made.append(MemoryGate(ticks=clock, **({"entries": 2000} if small else {})))
        else:
            made.append(LmdbGate(folder / "state", ticks=clock, map_size=1 << 20 if small else 4 << 20))
        request.addfinalizer(made[-1].close)
        return made[-1]

    return make


def test_told_and_asked_are_the_same_windows(local: Callable[..., LocalGate], clock: Clock) -> None:
    gate = local()
    now = clock.now
    assert gate.tell([(FEW, ALICE, now - 50 * SECOND), (FEW, ALICE, now - 40 * SECOND)]) == [False, False]
    assert gate.ask((), (Charge(FEW, ALICE),)).refused < 0
    assert gate.ask((), (Charge(FEW, ALICE),)).refused == 0
    assert gate.tell([(FEW, ALICE, now)]) == [True]
    clock.now += 11 * SECOND  # 61 after the first
    assert gate.tell([(FEW, ALICE, clock.now), (FEW, ALICE, clock.now)]) == [False, True]


def test_nothing_is_charged_if_any_of_it_is_no_limit(local: Callable[..., LocalGate], clock: Clock) -> None:
    gate = local()
    gate.load([(subject_key("alice"), 7)], 1)
    for key in (b"", LISTS, WORLD, subject_key("alice"), subject_key("bob"), b"l" * 501):
        with pytest.raises(ValueError, match="key"):
            gate.tell([(FEW, ALICE, clock.now), (FEW, key, clock.now)])
    assert gate.usage() == []
    assert gate.ask((subject_key("alice"),), ()).epochs == (7,)


def test_made_up_callers_leave_room_for_revocations_and_for_those_who_are_known(
    local: Callable[..., LocalGate], clock: Clock
) -> None:
    gate = local(small=True)
    gate.tell([(FEW, ALICE, clock.now)])
    for batch in range(80):
        gate.tell([(FEW, limit_key(FEW, f"made up {batch}.{n}"), clock.now) for n in range(256)])
    late = {limit_key(FEW, f"late {n}") for n in range(9)}
    told = [(FEW, key, clock.now) for key in [*late, ALICE, ALICE, ALICE]]
    assert gate.tell(told) == [False] * 9 + [False, False, True]
    assert not late & {usage.key for usage in gate.usage()}
    gate.publish([(subject_key("alice"), 9)], b"writer-1")
    clock.now += 61 * SECOND  # all of it has expired, and is swept for newcomers
    for _ in range(20):
        gate.tell([(FEW, key, clock.now) for key in late])
    assert {usage.key for usage in gate.usage()} == late


def test_a_stopped_writer_refuses_all_of_it(folder: Path, clock: Clock) -> None:
    gate = LmdbGate(folder / "state", ticks=clock, map_size=4 << 20, timeout=0.002)
    gate.open()
    other = Turn(folder / "state" / "turn", 1)
    other.open()
    other.take()
    try:
        with pytest.raises(Unavailable):
            gate.tell([(FEW, ALICE, clock.now)])
    finally:
        other.give()
        other.close()
    assert gate.usage() == []
    gate.close()
