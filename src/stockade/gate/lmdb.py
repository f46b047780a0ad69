"""`lmdb://`: the state of all processes of one host, exact and without a server.

One file, mapped by every worker; one `ask` is one write transaction. Nothing is synced to disk: the file is for this
boot only, and what must survive is in SQL. It is written through the map (2.2 microseconds for three limits against
6.1 by pwrite), so its blocks are reserved beforehand: writing to a map on a full disk would end the process.

A process may be killed at any instruction: lmdb's commit is one store of a page number, and its lock is robust. A
process that is stopped instead holds nothing that others wait for without end (see `turn`).

Places are not lent to workers in slices. A lent place is exact only within the slot it was charged in, so limits up to
60 and those of a short period could not be lent, and one such limit in a request costs the transaction anyway; where
all could, two microseconds would be left of six, but what an idle worker keeps would be refused to others, which the
promise of `windows` rules out.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterable

import lmdb

from stockade.core.errors import Unavailable
from stockade.gate import keys, records, windows
from stockade.gate.base import refusal
from stockade.gate.keys import check_limit_key
from stockade.gate.mapped import MappedGate
from stockade.gate.protocol import WORLD, Charge, Limit, Verdict
from stockade.gate.turn import GIVE, TAKE

_HINTS = 8192

_EPOCH = records.EPOCH.unpack
_CLEAN = records.CLEAN
_LIMIT = keys.LIMIT[0]
_charge = windows.charge
_flock = fcntl.flock
_new = tuple.__new__  # a NamedTuple's own __new__ costs twice as much


class _NoRoom(Unavailable):
    """Inside a transaction: a new limit key, and the map is crowded."""


class LmdbGate(MappedGate):
    """The gate over one directory; see `MappedGate` for its arguments."""

    # -- the hot path ------------------------------------------------------------------------------------------------

    def ask(self, epochs: tuple[bytes, ...], charges: tuple[Charge, ...]) -> Verdict:
        """Read epochs and charge limits in one atomic step. Charges all or none."""
        known = self._refused
        if not charges or (known and not known.keys().isdisjoint([charge[1] for charge in charges])):
            verdict = self._look(epochs, charges)
            if verdict is not None:
                return verdict
        begin = self._begin or self._opened()
        turn = self._turn
        left: list[int] = []
        resets: list[int] = []
        found: list[int] = []
        full = False
        if not turn.lock.acquire(False):  # this is `turn.take`, without the price of two calls
            turn.wait_for_threads()
        try:
            try:
                _flock(turn.fd, TAKE)
            except BlockingIOError:
                turn.wait_for_processes()
            except (OSError, ValueError):
                raise Unavailable(reason="state: closed by another thread") from None
            try:
                txn = begin(None, None, True)  # by position: keywords cost as much as the transaction
                try:
                    get, put = txn.get, txn.put
                    now = self._ticks()
                    for limit, key, cost in charges:
                        value = get(key)
                        if value is None or key[0] != _LIMIT:
                            self._admit_key(key)
                        new, places_left, reset = _charge(value, limit, cost, now)
                        if new is None:
                            txn.abort()
                            break
                        put(key, new)
                        left.append(places_left)
                        resets.append(reset)
                    else:
                        for key in epochs:
                            value = get(key)
                            if value is None:
                                found.append(0)
                            else:
                                found.append(
                                    _EPOCH(value)[0] if len(value) == _CLEAN else self._odd(key, value)
                                )
                        world = get(WORLD)
                        txn.commit()
                except BaseException:
                    txn.abort()
                    raise
            finally:
                _flock(turn.fd, GIVE)
        except _NoRoom:
            full = True
        except lmdb.Error as error:
            raise self._failed(error) from error
        finally:
            turn.lock.release()
        if full:
            self._relieve()
            return self.ask(epochs, charges)
        if len(left) != len(charges):
            if len(known) >= _HINTS:
                known.clear()
            known[key] = None  # type: ignore[possibly-undefined]  # the loop stopped at it
            return self.ask(epochs, charges)
        self._countdown -= 1
        if self._countdown < 0:
            self._tend()
        seen, marker, everyone, lists = self._world
        if world != seen:  # type: ignore[possibly-undefined]  # every charge was taken, so the loop's `else` ran
            _, marker, everyone, lists = self._see(world)
        return _new(Verdict, (-1, 0, tuple(left), tuple(resets), tuple(found), everyone, lists, marker, now))  # type: ignore[possibly-undefined]

    def _look(self, epochs: tuple[bytes, ...], charges: tuple[Charge, ...]) -> Verdict | None:
        """The verdict of an `ask` that changes nothing: without charges, or refused. None if it would be admitted.

        What a worker remembers of a refusal is only that looking first is worth it. The answer is the state's own, so
        a place that came free, was given back or was cleared by another process counts at once.
        """
        for charge in charges:
            check_limit_key(charge.key)
        begin = self._begin or self._opened()
        found: list[int] = []
        refused = None
        try:
            with self._reads:
                txn = begin()
                try:
                    get = txn.get
                    now = self._ticks()
                    for key in epochs:
                        value = get(key)
                        if value is None:
                            found.append(0)
                        else:
                            found.append(_EPOCH(value)[0] if len(value) == _CLEAN else self._odd(key, value))
                    world = get(WORLD)
                    if charges:
                        stored = {charge.key: get(charge.key) for charge in charges}
                        refused = refusal(charges, stored, now)
                finally:
                    txn.abort()
        except lmdb.Error as error:
            raise self._failed(error) from error
        seen, marker, everyone, lists = self._world
        if world != seen:
            _, marker, everyone, lists = self._see(world)
        if refused is not None:
            return Verdict(*refused, tuple(found), everyone, lists, marker, now)
        if not charges:
            return _new(Verdict, (-1, 0, (), (), tuple(found), everyone, lists, marker, now))
        for charge in charges:
            self._refused.pop(charge.key, None)
        return None

    def tell(self, told: Iterable[tuple[Limit, bytes, int]]) -> list[bool]:
        """Charge what has happened already; see `LocalGate.tell`."""
        over = super().tell(told)
        self._countdown -= len(over)
        if self._countdown < 0 or self._crowded:
            self._tend()
        return over

    def _admit_key(self, key: bytes) -> None:
        check_limit_key(key)
        if self._crowded:
            raise _NoRoom
