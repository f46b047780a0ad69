"""`memory://`: the state of one process, for tests and for a project that is served by a single one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from stockade.core.errors import Unavailable
from stockade.gate import forks, keys, records, windows
from stockade.gate.base import LocalGate, Txn, refusal
from stockade.gate.keys import check_limit_key
from stockade.gate.protocol import WORLD, Charge, Verdict

T = TypeVar("T")
MAX_ENTRIES = 250_000  # about 100 MB of records and keys
_RECORD = 400  # bytes that one takes, key and dict entry and all; for reports
_PAUSE = 64  # new keys between two sweeps
_BATCH = 2048  # records looked at in one sweep: two milliseconds at most

_EPOCH = records.EPOCH.unpack
_CLEAN = records.CLEAN
_LIMIT = keys.LIMIT[0]
_charge = windows.charge
_new = tuple.__new__  # a NamedTuple's own __new__ costs twice as much


class MemoryGate(LocalGate):
    """A dict behind one lock.

    Args:
        entries: records at most; from 80 % on what has expired is swept, and when that is not enough new limit keys
            are refused (Unavailable). Epochs are never dropped for room.
    """

    url = "memory://"
    kind = "memory"

    def __init__(self, *, entries: int = MAX_ENTRIES, **rest: Any) -> None:
        super().__init__(**rest)
        self._entries = entries
        self._data: dict[bytes, bytes] = {}
        self._lock = threading.Lock()
        self._held = False
        self._countdown = _PAUSE
        self._pending: list[bytes] = []
        forks.watch(self)

    def ask(self, epochs: tuple[bytes, ...], charges: tuple[Charge, ...]) -> Verdict:
        """Read epochs and charge limits in one atomic step. Charges all or none."""
        data = self._data
        get = data.get
        left: list[int] = []
        resets: list[int] = []
        values: list[bytes | None] = []
        with self._lock:
            now = self._ticks()
            refused = None
            try:
                for limit, key, cost in charges:
                    value = get(key)
                    if value is None or key[0] != _LIMIT:
                        self._admit_key(key)
                    new, places, reset = _charge(value, limit, cost, now)
                    if new is None:
                        self._undo(charges, values)
                        refused = refusal(charges, {charge.key: get(charge.key) for charge in charges}, now)
                        break
                    data[key] = new
                    values.append(value)
                    left.append(places)
                    resets.append(reset)
            except BaseException:
                self._undo(charges, values)
                raise
            found: list[int] = []
            for key in epochs:
                value = get(key)
                if value is None:
                    found.append(0)
                else:
                    found.append(_EPOCH(value)[0] if len(value) == _CLEAN else self._odd(key, value))
            world = get(WORLD)
            seen, marker, everyone, lists = self._world
            if world != seen:
                _, marker, everyone, lists = self._see(world)
        if refused is not None:
            return Verdict(*refused, tuple(found), everyone, lists, marker, now)
        return _new(Verdict, (-1, 0, tuple(left), tuple(resets), tuple(found), everyone, lists, marker, now))

    def _undo(self, charges: tuple[Charge, ...], values: list[bytes | None]) -> None:
        """Put back what was there, last first, so that a key charged twice gets its first value."""
        for at in range(len(values) - 1, -1, -1):
            value = values[at]
            if value is None:
                self._data.pop(charges[at].key, None)
            else:
                self._data[charges[at].key] = value

    def _admit_key(self, key: bytes) -> None:
        """With the lock held: ValueError for a key of another kind, Unavailable if there is no room for a new one."""
        check_limit_key(key)
        size = len(self._data)
        if size >= self._entries * 0.8:
            self._countdown -= 1
            if self._countdown < 0 or size >= self._entries:
                self._countdown = _PAUSE
                self._sweep_some()
            if len(self._data) >= self._entries:
                raise Unavailable(reason="state: memory is full of what has not expired")

    def _sweep_some(self) -> None:
        if not self._pending:
            self._pending = list(self._data)
        batch, self._pending = self._pending[-_BATCH:], self._pending[:-_BATCH]
        self._sweep(_Guarded(self._data), batch, self._ticks())

    # -- for LocalGate -----------------------------------------------------------------------------------------------

    def _write(self, work: Callable[[Txn], T]) -> T:
        with self._lock:
            txn = _Guarded(self._data)
            try:
                return work(txn)
            except BaseException:
                txn.undo()
                raise

    def _read(self, work: Callable[[Txn], T]) -> T:
        with self._lock:
            return work(_Guarded(self._data))

    def _scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        with self._lock:
            found = [pair for pair in self._data.items() if pair[0].startswith(prefix)]
        return iter(sorted(found))

    def _room(self) -> tuple[int, int]:
        return len(self._data) * _RECORD, self._entries * _RECORD

    def reset(self) -> None:
        """Forget everything, birth marker included."""
        with self._lock:
            self._data.clear()
            self._pending.clear()

    def close(self) -> None:
        """Nothing to let go of but the state itself, which ends with the gate."""

    def before_fork(self) -> None:
        """Have no other thread in the middle of a change: the child would be left with half of it."""
        self._held = self._lock.acquire(timeout=1)

    def after_fork_parent(self) -> None:
        """Go on."""
        if self._held:
            self._lock.release()

    def after_fork_child(self) -> None:
        """In a child: the lock may have been held by a thread that does not exist here."""
        self._lock = threading.Lock()


class _Guarded:
    """A dict as a transaction: remembers what was there before each key's first change."""

    __slots__ = ("_before", "_data")

    def __init__(self, data: dict[bytes, bytes]) -> None:
        self._data = data
        self._before: dict[bytes, bytes | None] = {}

    def get(self, key: bytes, /) -> bytes | None:
        return self._data.get(key)

    def put(self, key: bytes, value: bytes, /) -> object:
        self._before.setdefault(key, self._data.get(key))
        self._data[key] = value
        return True

    def delete(self, key: bytes, /) -> object:
        self._before.setdefault(key, self._data.get(key))
        return self._data.pop(key, None) is not None

    def undo(self) -> None:
        for key, value in self._before.items():
            if value is None:
                self._data.pop(key, None)
            else:
                self._data[key] = value
