"""The limits of the report are exact, shared, and in nobody's way."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from stockade.core import clock
from stockade.core.errors import ConfigurationError, Unavailable
from stockade.gate.keys import limit_key
from stockade.gate.lmdb import LmdbGate
from stockade.gate.memory import MemoryGate
from stockade.gate.protocol import Limit
from stockade.gate.rates import parse
from stockade.observe import limits, place
from stockade.observe.counts import Counts
from stockade.observe.limits import BATCH, MOST, Limits
from stockade.observe.store import Store

RATES = {"anon": "3/min"}


@pytest.fixture
def counts() -> Counts:
    """Counts of this test alone."""
    return Counts()


@pytest.fixture
def own(folder: Path, monkeypatch: pytest.MonkeyPatch, moved: None, counts: Counts) -> Iterator[Limits]:
    """Limits as a serving process has them, in a folder of the test's."""
    monkeypatch.setattr(place, "directory", lambda: folder / "report")
    monkeypatch.setattr(limits, "under_test", lambda: False)
    made = Limits(RATES, counts)
    yield made
    made.close()


def told(counts: Counts) -> int:
    """How many would have been refused, of all."""
    return sum(row.count for row in counts.read())


def test_what_is_over_is_told_and_takes_no_place(own: Limits, counts: Counts, folder: Path) -> None:
    for _ in range(5):
        own.charge("anon", "a", "shop.views.Orders", "GET")
    own.charge("anon", "b", "shop.views.Orders", "GET")
    (row,) = counts.read()
    assert (row.view, row.method, row.kind, row.reason, row.count) == (
        "shop.views.Orders",
        "GET",
        "limits",
        "limit:anon",
        2,
    )
    assert isinstance(own._gate, LmdbGate)
    for made in (folder / "report", folder / "report" / "limits"):
        assert made.stat().st_mode & 0o777 == 0o700  # else no counts would be written there
    clock.shift(61)
    own.charge("anon", "a", "v", "GET")
    assert told(counts) == 2


def test_each_is_charged_at_its_own_time(own: Limits, counts: Counts) -> None:
    """A minute between them, and one transaction for all of them: whoever keeps to the limit is not reported."""
    own.charge("anon", "opens it", "v", "GET")
    own._due = clock.ticks() + 10**12  # as if all were of one second
    start = clock.now()
    for at in range(12):
        own.charge("anon", "a", "v", "GET")
        own.charge("anon", "hurried", "v", "GET")
        own.charge("anon", "hurried", "v", "GET")
        clock.shift(20.01)
        assert len(own._pending) == 3 * (at + 1)
    (row,) = counts.read()
    assert row.count == 24 - 3 * 4
    assert 0 <= row.first - start - 20.01 < 1
    assert 0 <= row.last - start - 11 * 20.01 < 1  # when it happened, and not when it was charged


def test_a_busy_process_charges_in_batches(own: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    own.charge("anon", "a", "v", "GET")
    sizes: list[int] = []
    gate = own._gate
    assert gate is not None
    real = gate.tell

    def tell(charges: list[tuple[Limit, bytes, int]]) -> list[bool]:
        sizes.append(len(charges))
        return real(charges)

    monkeypatch.setattr(gate, "tell", tell)
    own._due = clock.ticks() + 10**12
    for _ in range(3 * BATCH):
        own._due = clock.ticks() + 10**12
        own.charge("anon", "a", "v", "GET")
    assert sizes == [BATCH] * 3


def test_threads_lose_no_charge(own: Limits, counts: Counts) -> None:
    def charge() -> None:
        for _ in range(2000):
            own.charge("anon", "a", "v", "GET")

    threads = [threading.Thread(target=charge) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told(counts) == 8000 - 3


def test_a_child_does_not_charge_what_its_parent_has_noted(own: Limits, counts: Counts) -> None:
    own.charge("anon", "a", "v", "GET")
    for _ in range(5):
        own.charge("anon", "a", "v", "GET")
    child = os.fork()
    if child == 0:
        try:
            own.settle()
            left = sum(row.count for row in counts.unwritten())
            os._exit(7 if left or own._pending else 0)
        finally:
            os._exit(8)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert told(counts) == 3


def test_what_was_noted_last_is_charged_when_the_process_ends(folder: Path) -> None:
    script = """
import sys
from pathlib import Path
from stockade.observe import limits, place
place.directory = lambda: Path(sys.argv[1])
from stockade import observe
own = limits.Limits({"anon": "3/min"}, observe.COUNTS)
for _ in range(5):
    own.charge("anon", "a", "v", "GET")
assert len(own._pending) == 4
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder / "report")], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    reading = Counts(Store(folder / "report"))
    assert told(reading) == 2


def test_a_stopped_writer_holds_up_nobody(
    own: Limits, counts: Counts, folder: Path, waits: list[float]
) -> None:
    own.charge("anon", "a", "v", "GET")
    descriptor = os.open(folder / "report" / "limits" / "turn", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for _ in range(2000):
            own.charge("anon", "a", "v", "GET")
        assert told(counts) == 0
    finally:
        os.close(descriptor)
    assert 0 < sum(waits) < 0.5
    assert told(counts) == 1998  # they waited, and are charged at their own time


@pytest.mark.parametrize("error", [Unavailable(), ConfigurationError("x", "y", "z"), OSError(28, "full")])
def test_a_state_that_fails_is_left_alone_for_a_second(
    error: Exception, moved: None, monkeypatch: pytest.MonkeyPatch, counts: Counts
) -> None:
    """Attack: made-up callers fill the state, and each further request of anybody's sweeps it."""
    gate = MemoryGate()
    asked: list[int] = []

    def full(charges: Iterable[tuple[Limit, bytes, int]]) -> list[bool]:
        asked.append(len(list(charges)))
        raise error

    monkeypatch.setattr(gate, "tell", full)
    own = Limits(RATES, counts, gate)
    for _ in range(2 * MOST):
        own.charge("anon", "a", "v", "GET")
        assert asked == [1]
    assert len(own._pending) == MOST  # and no more: the memory is not for strangers to fill
    clock.shift(2)
    own.charge("anon", "a", "v", "GET")
    assert asked == [1, MOST]


def test_a_place_that_cannot_be_used_is_memory(own: Limits, counts: Counts, folder: Path) -> None:
    (folder / "report").mkdir(mode=0o700)
    (folder / "report" / "limits").write_text("in the way")
    for _ in range(4):
        own.charge("anon", "a", "v", "GET")
    assert told(counts) == 1
    assert isinstance(own._gate, MemoryGate)


def test_a_full_state_counts_those_whom_it_knows(counts: Counts) -> None:
    """Attack: made-up callers fill the state, so that nothing is reported of anybody any more."""
    gate = MemoryGate(entries=2)
    limit = parse("anon", "3/min")
    for whom in ("a", "b"):
        gate.tell([(limit, limit_key(limit, whom), clock.ticks())])
    own = Limits(RATES, counts, gate)
    for _ in range(9):
        own.charge("anon", "a", "v", "GET")
        own.charge("anon", "new", "v", "GET")
    assert told(counts) == 9 - 2
