"""Threads and event loops that come and go on one gate, and one that closes it."""

from __future__ import annotations

import asyncio
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

import pytest

from stockade.core.errors import Unavailable
from stockade.gate.redis.address import parse
from stockade.gate.redis.gate import RedisGate
from stockade.gate.redis.line import Line
from stockade.gate.redis.loop import Stream
from tests.state_servers import Server
from tests.waiting import PATIENCE

T = TypeVar("T")


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns so often that a list which changes under its reader is seen to."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def gate(servers: dict[str, Server]) -> Iterator[RedisGate]:
    gate = RedisGate(parse(servers["redis"].url), timeout=PATIENCE)
    yield gate
    gate.close()


def ask(gate: RedisGate) -> None:
    with suppress(Unavailable):
        gate.ask((), ())


def at_once(count: int, work: Callable[[], None]) -> list[BaseException]:
    """What went wrong in `count` threads that worked together."""
    wrong: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the finding
            wrong.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


class Other:
    """Another thread, which works once while a list is read.

    Args:
        work: what it does.

    Attributes:
        wrong: what went wrong there.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self.wrong: list[BaseException] = []
        self._thread = threading.Thread(target=lambda: self.wrong.extend(at_once(1, work)))

    def read(self, items: Iterator[T]) -> Iterator[T]:
        """The items, with the work after the first."""
        for item in items:
            yield item
            if self._thread.ident is None:
                self._thread.start()
                self._thread.join(0.3)  # with a lock over the list it cannot end before we do

    def result(self) -> list[BaseException]:
        self._thread.join()
        return self.wrong


def ask_in_a_loop(gate: RedisGate) -> None:
    async def once() -> None:
        await gate.ask_async((), ())

    asyncio.run(once())


def test_event_loops_of_many_threads_come_and_go(gate: RedisGate, hasty: None) -> None:
    """Async views under WSGI: each request has a loop of its own, and the gate lists them all."""

    def work() -> None:
        for _ in range(40):
            ask_in_a_loop(gate)

    assert at_once(8, work) == []


def test_a_loop_comes_while_another_lists_them(gate: RedisGate) -> None:
    other = Other(lambda: ask_in_a_loop(gate))

    class Read(weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Stream]):
        def __iter__(self) -> Iterator[asyncio.AbstractEventLoop]:
            return other.read(super().__iter__())

    ask_in_a_loop(gate)
    gate._streams._found = Read(gate._streams._found)
    ask_in_a_loop(gate)
    assert other.result() == []


def test_a_gate_is_closed_while_a_thread_connects_to_it(gate: RedisGate) -> None:
    other = Other(lambda: ask(gate))

    class Read(weakref.WeakSet[Line]):
        def __iter__(self) -> Iterator[Line]:
            return other.read(super().__iter__())

    gate.ask((), ())
    gate._lines = Read([gate._mine.line])
    gate.close()
    assert other.result() == []


def test_a_line_that_another_thread_ends_keeps_its_socket(gate: RedisGate) -> None:
    """The number of a closed socket is given out again: its thread would read a stranger's answers."""
    gate.ask((), ())
    line = gate._mine.line
    number = line._connection._sock.fileno()
    ended = threading.Thread(target=gate.close)
    ended.start()
    ended.join()
    assert line._connection._sock.fileno() == number
    with pytest.raises(Exception, match="connection"):
        line.run(b"PING")
    gate.ask((), ())  # a new one
    assert gate._mine.line is not line
