"""What all states that hold their records themselves have in common: everything but the hot path and the storage."""

from __future__ import annotations

import os
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Protocol, TypeVar

from stockade.core import clock
from stockade.core.errors import Unavailable
from stockade.gate import records, windows
from stockade.gate.keys import LIMIT, SESSION, SUBJECT, check_epoch_key, check_limit_key
from stockade.gate.protocol import (
    LISTS,
    NOBODY,
    WORLD,
    Charge,
    Limit,
    Mark,
    StateReport,
    Usage,
    Verdict,
    owner_of,
)

T = TypeVar("T")
_BIRTH = b"b"  # names one life of the state, so that a load notices if it was wiped meanwhile
_INDEX = b"m"  # + epoch key: there is a mark on it; so `stale` need not read every epoch
_CHUNK = 500  # records in one transaction of a long job: others wait a millisecond at most
DAY = 86_400_000_000


class Txn(Protocol):
    """One transaction: what an `lmdb.Transaction` and a guarded dict both offer."""

    def get(self, key: bytes, /) -> bytes | None: ...
    def put(self, key: bytes, value: bytes, /) -> object: ...
    def delete(self, key: bytes, /) -> object: ...


class LocalGate(ABC):
    """A state on this machine. Subclasses give transactions and the hot path.

    Args:
        clock: microseconds that never step back.
        keep_subject, keep_session: microseconds before an epoch that did not move may be swept when space is short.
            A subject's is safe after a day: workers read a principal again after 30 s whatever the gate says. A
            session's must outlive whatever `load` would load again: a swept one would come back to life.
    """

    url: str
    kind: str
    remote = False

    def __init__(
        self,
        *,
        ticks: Callable[[], int] = clock.ticks,
        keep_subject: int = DAY,
        keep_session: int = 31 * DAY,
    ) -> None:
        self._ticks = ticks
        self._keep = {SUBJECT: max(keep_subject, DAY), SESSION: max(keep_session, DAY)}
        # Record of the world as last read, and what it says. One tuple, because threads replace it while others read.
        self._world: tuple[bytes | None, bytes, int, int] = (None, b"", 0, 0)

    # -- given by the storage ----------------------------------------------------------------------------------------

    @abstractmethod
    def ask(self, epochs: tuple[bytes, ...], charges: tuple[Charge, ...]) -> Verdict:
        """Read epochs and charge limits in one atomic step. Charges all or none."""

    async def ask_async(self, epochs: tuple[bytes, ...], charges: tuple[Charge, ...]) -> Verdict:
        """`ask`: it takes less than the switch to another task would."""
        return self.ask(epochs, charges)

    @abstractmethod
    def _write(self, work: Callable[[Txn], T]) -> T:
        """Run `work` in one write transaction; nothing of it stays if it raises."""

    @abstractmethod
    def _read(self, work: Callable[[Txn], T]) -> T:
        """Run `work` on one snapshot."""

    @abstractmethod
    def _scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Records whose key starts with `prefix`, from short snapshots; what changes meanwhile may be missed."""

    @abstractmethod
    def reset(self) -> None:
        """Forget everything, birth marker included."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files; the gate opens again by itself when asked."""

    # -- epochs ------------------------------------------------------------------------------------------------------

    def mark(self, keys: Iterable[bytes], token: bytes) -> None:
        """Set a dirty mark of this writer on each epoch (before its SQL commits). `token`: 8 bytes."""
        records.check_token(token)
        listed = list(keys)
        for key in listed:
            check_epoch_key(key)
        pid = os.getpid()

        def work(txn: Txn) -> None:
            now = self._ticks()
            for key in listed:
                before, value = _split(key, txn.get(key))
                txn.put(key, before + records.marked(value, token, pid, now))
                txn.put(_INDEX + key, b"")
                if key == LISTS:
                    _tell_lists(txn)

        self._write(work)

    def publish(self, epochs: Iterable[tuple[bytes, int]], token: bytes) -> None:
        """After the commit: set each epoch if greater, and take this token's mark off it."""
        records.check_token(token)
        listed = list(epochs)
        for key, _ in listed:
            check_epoch_key(key)

        def work(txn: Txn) -> None:
            now = self._ticks()
            for key, epoch in listed:
                before, value = _split(key, txn.get(key))
                value = records.mark_taken(records.raised(value, epoch, now), token)
                txn.put(key, before + value)
                if len(value) == records.CLEAN:
                    txn.delete(_INDEX + key)
                if key == LISTS:
                    _tell_lists(txn)

        self._write(work)

    def stale(self, older: int) -> list[Mark]:
        """Marks older than `older` microseconds or whose writer is dead: the reconciler bumps and publishes them."""
        keys = [key[len(_INDEX) :] for key, _ in self._scan(_INDEX)]
        if not keys:
            return []
        values = self._read(lambda txn: [_split(key, txn.get(key))[1] for key in keys])
        pairs = [(key, value) for key, value in zip(keys, values, strict=True) if value is not None]
        return records.stale(pairs, older, self._ticks())

    def loading(self) -> AbstractContextManager[bool]:
        """Whether the caller may fill the state: here only this process could."""
        return nullcontext(True)

    def load(self, epochs: Iterable[tuple[bytes, int]], world: int, owner: bytes = NOBODY) -> None:
        """Fill an empty state from SQL (each set if greater), then write a new birth marker, last.

        If another worker finished its load first, its marker stays: the state is as full with it.

        Raises:
            Unavailable: the state was wiped in the meantime; load again.
        """

        def begin(txn: Txn) -> bytes:
            birth = txn.get(_BIRTH)
            if birth is None:
                birth = secrets.token_bytes(8)
                txn.put(_BIRTH, birth)
            return birth

        birth = self._write(begin)

        def fill(chunk: list[tuple[bytes, int]]) -> Callable[[Txn], None]:
            def work(txn: Txn) -> None:
                now = self._ticks()
                for key, epoch in chunk:
                    txn.put(key, records.raised(txn.get(key), epoch, now))
                    if key == LISTS:
                        _tell_lists(txn)

            return work

        rows = iter(epochs)
        while chunk := list(islice(rows, _CHUNK)):
            for key, _ in chunk:
                check_epoch_key(key)
                if key == WORLD:
                    raise ValueError("The world's epoch is the second argument.")
            self._write(fill(chunk))

        def finish(txn: Txn) -> None:
            if txn.get(_BIRTH) != birth:
                raise Unavailable(reason="state: wiped while it was loaded")
            head, value = _split(WORLD, txn.get(WORLD))
            if head.startswith(records.NOT_LOADED) or owner_of(head) != owner:
                head = secrets.token_bytes(8) + owner + secrets.token_bytes(4) + head[records.MARKER :]
            txn.put(WORLD, head + records.raised(value, world, self._ticks()))

        self._write(finish)

    def _see(self, value: bytes | None) -> tuple[bytes | None, bytes, int, int]:
        """Read the world's record and keep what it says: it hardly ever changes, and every request asks."""
        self._world = (value, *records.world(value))
        return self._world

    def _odd(self, key: bytes, value: bytes) -> int:
        """The epoch of a record that has not the length of a clean one."""
        return self._see(value)[2] if key == WORLD else records.number(value)

    def describe(self) -> StateReport:
        """What is known of the state; for checks."""
        before = time.perf_counter()
        marker = self.ask((), ()).marker
        trip = round((time.perf_counter() - before) * 1_000_000)
        used, room = self._room()
        return StateReport(self.kind, bool(marker), marker, used=used, room=room, round_trip=trip)

    @abstractmethod
    def _room(self) -> tuple[int, int]:
        """Bytes in use, and bytes that there may be, as far as they are counted."""

    # -- limits ------------------------------------------------------------------------------------------------------

    def refund(self, charges: tuple[Charge, ...], at: int) -> None:
        """Give back places that an admitted `ask` charged at `at`; forgotten ones are ignored."""
        for _, key, cost in charges:
            check_limit_key(key)
            windows.check_cost(cost)

        def work(txn: Txn) -> None:
            now = self._ticks()
            for limit, key, cost in charges:
                value = txn.get(key)
                if value is None:
                    continue
                value = windows.refund(value, limit, cost, at, now)
                if value is None:
                    txn.delete(key)
                else:
                    txn.put(key, value)

        self._write(work)

    def tell(self, told: Iterable[tuple[Limit, bytes, int]]) -> list[bool]:
        """Charge what has happened already: each by itself, and at its own time.

        Args:
            told: the limit, the key and the tick of each, about in their order.

        Returns:
            For each whether there was no place. A new key for which the state has no room is not counted.

        Raises:
            Unavailable: nothing was charged.
        """

        def work(txn: Txn) -> list[bool]:
            over = []
            for limit, key, at in told:
                value = txn.get(key)
                if value is None or key[:1] != LIMIT:
                    try:
                        self._admit_key(key)
                    except Unavailable:
                        over.append(False)
                        continue
                new = windows.told(value, limit, at)
                if new is not None:
                    txn.put(key, new)
                over.append(new is None)
            return over

        return self._write(work)

    @abstractmethod
    def _admit_key(self, key: bytes) -> None:
        """In a transaction: ValueError for a key of another kind, Unavailable if there is no room for a new one."""

    def usage(self, prefix: bytes = b"") -> list[Usage]:
        """What is used of every limit whose key starts with `prefix`."""
        prefix = prefix or LIMIT
        check_limit_key(prefix)
        now = self._ticks()
        found = [Usage(key, *windows.usage(value, now)) for key, value in self._scan(prefix)]
        return [usage for usage in found if usage.used]

    def clear(self, prefix: bytes) -> int:
        """Forget the use of limits whose key starts with `prefix`; returns how many were in use."""
        prefix = prefix or LIMIT
        check_limit_key(prefix)
        now = self._ticks()
        found = [(key, windows.usage(value, now)[0]) for key, value in self._scan(prefix)]
        for at in range(0, len(found), _CHUNK):
            self._delete([key for key, _ in found[at : at + _CHUNK]])
        return sum(1 for _, used in found if used)

    def _delete(self, keys: list[bytes]) -> None:
        def work(txn: Txn) -> None:
            for key in keys:
                txn.delete(key)

        self._write(work)

    # -- room --------------------------------------------------------------------------------------------------------

    def _expired(self, key: bytes, value: bytes, now: int) -> bool:
        """Whether a record may be swept: a limit that counts nothing, an unmarked epoch that is old enough."""
        kind = key[:1]
        if kind == LIMIT:
            return windows.expiry(value) <= now
        keep = self._keep.get(kind)
        return keep is not None and len(value) == records.CLEAN and records.published(value) + keep < now

    def _sweep(self, txn: Txn, keys: Iterable[bytes], now: int) -> int:
        """Delete those of `keys` whose records have expired."""
        gone = 0
        for key in keys:
            value = txn.get(key)
            if value is not None and self._expired(key, value, now):
                txn.delete(key)
                gone += 1
        return gone


def refusal(
    charges: tuple[Charge, ...], stored: dict[bytes, bytes | None], now: int
) -> tuple[int, int, tuple[int, ...], tuple[int, ...]] | None:
    """Index and wait of the charge that refuses and waits longest, places left, resets; None if all would be admitted.

    Args:
        stored: for each key what the state holds; nothing of these charges is in it.
    """
    refused, wait = -1, 0
    tried = dict(stored)
    for at, (limit, key, cost) in enumerate(charges):
        new = windows.charge(tried[key], limit, cost, now)[0]
        if new is not None:
            tried[key] = new  # a key may be charged twice in one request
            continue
        longer = windows.wait(tried[key], limit, cost, now)
        if refused < 0 or longer > wait:
            refused, wait = at, longer
    if refused < 0:
        return None
    found = [windows.standing(stored[charge.key], charge.limit, now) for charge in charges]
    return refused, wait, tuple([left for left, _ in found]), tuple([reset for _, reset in found])


def _split(key: bytes, value: bytes | None) -> tuple[bytes, bytes | None]:
    """What stands before the epoch in a record (for the world: the marker and the lists) and the epoch itself."""
    if key != WORLD:
        return b"", value
    if value is None:
        return records.NEW_WORLD, None
    return value[: records.HEAD], value[records.HEAD :]


def _tell_lists(txn: Txn) -> None:
    """Copy what readers see of the lists' epoch into the world's record, which every request reads anyway."""
    head, value = _split(WORLD, txn.get(WORLD))
    number = records.LISTED.pack(records.number(txn.get(LISTS)))
    txn.put(WORLD, head[: records.MARKER] + number + (value or records.raised(None, 0, 0)))
