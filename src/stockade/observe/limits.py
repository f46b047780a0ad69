"""Which requests limits would have refused: the same exact windows, in a state of the report's own.

A request only notes what it would have charged, and when. About once a second all of it is charged in one transaction,
each at its own time, so the windows are as exact as if every request had taken its turn.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping

from stockade.core import clock
from stockade.core.errors import ConfigurationError, Unavailable
from stockade.events.bus import under_test
from stockade.gate import forks, places
from stockade.gate.base import LocalGate
from stockade.gate.keys import limit_key
from stockade.gate.protocol import Limit
from stockade.gate.rates import parse
from stockade.observe import place
from stockade.observe.counts import Counts

MAP_SIZE = 16 << 20
MAX_ENTRIES = 20_000
PATIENCE = 0.002
BATCH = 256  # charges in one transaction: half a millisecond of one request in so many
MOST = 4096  # charges that wait while the state cannot be had
_SECOND = 1_000_000  # microseconds between two transactions, and without counting after one that failed

_Charge = tuple[str, str, str, str, int]  # limit, whom it counts, view, method, tick


class Limits:
    """Counts against limits, and refuses nobody.

    Args:
        rates: rates by name, as in LIMITS.
        counts: where it is counted what would have been refused.
        gate: the state; without it one in the directory of the report, or in memory where that cannot be used and
            under a test run.
    """

    def __init__(self, rates: Mapping[str, str], counts: Counts, gate: LocalGate | None = None) -> None:
        self._limits: dict[str, Limit] = {name: parse(name, rate) for name, rate in rates.items()}
        self._counts = counts
        self._gate = gate
        self._pending: deque[_Charge] = deque(maxlen=MOST)
        self._lock = threading.RLock()  # reentrant: a signal's handler may settle while this thread does
        self._due = 0  # the tick from which the next transaction is due
        self._rests_until = 0  # and before which there is none, after one that failed
        forks.watch(self)
        counts.attach(self)

    def charge(self, name: str, whom: str, view: str, method: str) -> None:
        """A request of `whom` would have taken a place of the limit `name` now.

        Args:
            whom: a caller, an address; never a credential.
            view, method: under which it is counted if there was no place.
        """
        now = clock.ticks()
        pending = self._pending
        pending.append((name, whom, view, method, now))
        if now >= self._due or len(pending) >= BATCH:
            if now >= self._rests_until:
                self.settle()
            self._counts.expect()

    def settle(self) -> None:
        """Charge what is pending, and count what there was no place for. Waits for `PATIENCE` seconds at most."""
        with self._lock:
            pending, limits = self._pending, self._limits
            taken = [pending.popleft() for _ in range(len(pending))]  # others append meanwhile
            now = clock.ticks()
            self._due, self._rests_until = now + _SECOND, 0
            if not taken:
                return
            try:
                gate = self._gate or self._open()
                over = gate.tell(
                    [(limits[name], limit_key(limits[name], whom), at) for name, whom, _, _, at in taken]
                )
            except (Unavailable, ConfigurationError, OSError):
                # Another process has the turn, or the place is no more what it was: no request waits for a report.
                self._rests_until = self._due
                pending.extendleft(reversed(taken))
                return
            wall = clock.now()
            for (name, _, view, method, at), refused in zip(taken, over, strict=True):
                if refused:
                    self._counts.count(view, method, "limits", f"limit:{name}", wall - (now - at) / _SECOND)

    def _open(self) -> LocalGate:
        from stockade.gate.lmdb import LmdbGate
        from stockade.gate.memory import MemoryGate

        gate: LocalGate = MemoryGate(entries=MAX_ENTRIES)
        if not under_test():
            try:
                directory = place.directory()
                places.make(directory)  # else the state would, open to others: modes are not for parents
                found = LmdbGate(directory / "limits", map_size=MAP_SIZE, timeout=PATIENCE, opening=PATIENCE)
                found.open()
                gate = found
            except (ConfigurationError, OSError):
                pass
        self._gate = gate
        return gate

    def close(self) -> None:
        """Charge what is pending, and let go of the state."""
        self.settle()
        self._counts.detach(self)
        if self._gate is not None:
            self._gate.close()

    def before_fork(self) -> None:
        """Nothing: what is under way in another thread is the parent's to charge."""

    def after_fork_parent(self) -> None:
        """Nothing, as before."""

    def after_fork_child(self) -> None:
        """In a child: what is pending is the parent's to charge."""
        self._lock = threading.RLock()
        self._pending = deque(maxlen=MOST)
