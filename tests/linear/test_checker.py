"""The checker: histories of a register whose verdict is known, and agreement with a search that has no ideas at all."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.linear import checker
from tests.linear.checker import TooWide, check, why
from tests.linear.history import FOREVER, Operation, concurrent_pairs
from tests.linear.imitation import LEEWAY, imagine
from tests.linear.model import START, Specification, reads

Register = tuple[str, int]  # ("write", 1), ("read", 0)


def step(state: int, operation: Operation[Register]) -> Iterator[int]:
    """A register: a read gives what was written last."""
    kind, value = operation.call
    if kind == "write":
        yield value
    elif operation.answer == state:
        yield state


def is_read(call: Register) -> bool:
    return call[0] == "read"


def write(value: int, began: int, ended: int = FOREVER) -> Operation[Register]:
    return Operation(("write", value), None if ended == FOREVER else "ok", began, ended)


def read(value: int, began: int, ended: int) -> Operation[Register]:
    return Operation(("read", 0), value, began, ended)


LINEARIZABLE = {
    "nothing": [],
    "one after the other": [write(1, 0, 1), read(1, 2, 3), write(2, 4, 5), read(2, 6, 7)],
    "a read during a write sees it": [write(1, 0, 10), read(1, 2, 3), read(1, 4, 5)],
    "or does not": [write(1, 0, 10), read(0, 2, 3), read(1, 4, 5)],
    "writes at once may be in either order": [write(1, 0, 10), write(2, 0, 10), read(1, 11, 12), read(1, 13, 14)],
    "a write without an answer happened": [write(1, 0), read(0, 2, 3), read(1, 8, 9), read(1, 10, 11)],
    "or it did not": [write(1, 0), read(0, 2, 3), read(0, 8, 9)],
    "what ends when another begins overlaps it": [write(1, 5, 6), read(0, 6, 7)],
    "a read may be placed before a write that is answered first": [
        write(1, 2, 3), read(0, 1, 9), read(1, 4, 5)
    ],
}  # fmt: skip
NOT = {
    "a read of what was never written": [read(1, 0, 1)],
    "a write that is lost": [write(1, 0, 1), read(0, 2, 3)],
    "new, then old": [write(1, 0, 10), read(1, 2, 3), read(0, 4, 5)],
    "two readers who see two writes in two orders": [
        write(1, 0, 10), write(2, 0, 10), read(1, 1, 2), read(2, 3, 4), read(1, 5, 6)
    ],
    "a write without an answer that happened and was undone": [write(1, 0), read(1, 2, 3), read(0, 4, 5)],
    "a write without an answer before it was begun": [read(1, 0, 1), write(1, 2)],
}  # fmt: skip


@pytest.mark.parametrize("name", LINEARIZABLE)
def test_a_history_that_has_an_order_is_found_linearizable(name: str) -> None:
    assert check(LINEARIZABLE[name], 0, step, is_read).linearizable
    assert check(LINEARIZABLE[name], 0, step).linearizable
    assert why(LINEARIZABLE[name], 0, step, is_read) == ""


@pytest.mark.parametrize("name", NOT)
def test_a_history_that_has_none_is_rejected(name: str) -> None:
    verdict = check(NOT[name], 0, step, is_read)
    assert not verdict.linearizable
    assert not check(NOT[name], 0, step).linearizable
    assert verdict.failed is not None
    assert f"> {verdict.failed}" in why(NOT[name], 0, step, is_read)


def test_the_explanation_leaves_out_what_the_contradiction_does_not_need() -> None:
    history = [read(0, 0, 1), write(1, 2, 3), read(1, 4, 5), read(1, 6, 7), read(0, 8, 9), read(1, 10, 11)]
    text = why(history, 0, step, is_read)
    assert text.count("read") == 1
    assert text.count("write") == 1


def by_trying_all(history: list[Operation[Register]], state: int) -> bool:
    """Every order that keeps to time, one after the other."""
    if all(each.pending for each in history):
        return True
    return any(
        by_trying_all([other for other in history if other is not each], after)
        for each in history
        if all(each.began <= other.ended for other in history)
        for after in step(state, each)
    )


def random_history(draw: random.Random) -> list[Operation[Register]]:
    history = []
    for _ in range(draw.randint(2, 7)):
        began = draw.randrange(12)
        ended = began + draw.randrange(6)
        if draw.random() < 0.5:
            history.append(write(draw.randrange(3), began, FOREVER if draw.random() < 0.2 else ended))
        else:
            history.append(read(draw.randrange(3), began, ended))
    return history


def test_it_agrees_with_trying_all_orders_on_three_thousand_small_histories() -> None:
    draw = random.Random(4)
    found = [0, 0]
    for number in range(3_000):
        history = random_history(draw)
        expected = by_trying_all(history, 0)
        found[expected] += 1
        assert check(history, 0, step, is_read).linearizable is expected, (number, history)
        assert check(history, 0, step).linearizable is expected, (number, history)
    assert min(found) > 500  # either verdict was put to the test


@pytest.mark.parametrize("fault", ["", "revoke overwritten", "stale access"])
def test_placing_reads_early_changes_no_verdict_on_sessions(fault: str) -> None:
    """With the specification of sessions, in which a call may change nothing now and something later."""
    spec = Specification(LEEWAY, 0)
    for seed in range(40):
        history = imagine(seed, fault, calls=25, clients=4)
        assert (
            check(history, START, spec.step, reads).linearizable
            == check(history, START, spec.step).linearizable
        )


def test_a_history_that_is_too_wide_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "MOST", 1_000)
    history = [write(number, 0, 100) for number in range(20)]
    with pytest.raises(TooWide):
        check(history, 0, step)


def test_an_operation_cannot_end_before_it_begins_nor_end_without_an_answer() -> None:
    with pytest.raises(ValueError, match="before it begins"):
        write(1, 2, 1)
    with pytest.raises(ValueError, match="may still happen"):
        Operation(("write", 1), None, 0, 1)


def test_concurrent_pairs_are_counted() -> None:
    assert concurrent_pairs([write(1, 0, 1), write(2, 2, 3), write(3, 4, 5)]) == 0
    assert concurrent_pairs([write(1, 0, 10), write(2, 2, 3), write(3, 4, 5)]) == 2
    assert concurrent_pairs([write(1, 0), write(2, 2, 9), write(3, 4, 5)]) == 3
