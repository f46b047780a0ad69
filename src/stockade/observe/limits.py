"""Which requests limits would have refused: the same exact windows, in a state of the report's own."""

from __future__ import annotations

from collections.abc import Mapping

from stockade.core import clock
from stockade.core.errors import ConfigurationError, Unavailable
from stockade.events.bus import under_test
from stockade.gate import places
from stockade.gate.keys import limit_key
from stockade.gate.protocol import Charge, Gate, Limit
from stockade.gate.rates import parse
from stockade.observe import place

MAP_SIZE = 16 << 20
MAX_ENTRIES = 20_000
PATIENCE = 0.002
_new = tuple.__new__  # a NamedTuple's own __new__ costs twice as much
_REST = 1_000_000  # microseconds without counting after a try that failed
# Microseconds for which a refusal is believed without asking again, if its window lasts as long. A refusal charges
# nothing, so nothing is missed; only what is cleared meanwhile is noticed that much later.
_BELIEVED = 2_000_000
_MOST = 4096  # callers that are over a limit and remembered


class Limits:
    """Counts against limits, and refuses nobody.

    Args:
        rates: rates by name, as in LIMITS.
        gate: the state; without it one in the directory of the report, or in memory where that cannot be used and
            under a test run.
    """

    def __init__(self, rates: Mapping[str, str], gate: Gate | None = None) -> None:
        self._limits: dict[str, Limit] = {name: parse(name, rate) for name, rate in rates.items()}
        self._gate = gate
        self._rests_until = 0
        self._over: dict[tuple[str, str], int] = {}  # who is over which limit, and until which tick at least

    def exceeded(self, name: str, whom: str) -> bool:
        """Take a place of the limit `name` for `whom`; whether there was none. False where nobody can tell.

        Args:
            whom: a caller, an address; never a credential.
        """
        if self._rests_until and clock.ticks() < self._rests_until:
            return False
        until = self._over.get((name, whom))
        if until is not None and clock.ticks() < until:
            return True
        limit = self._limits[name]
        try:
            gate = self._gate or self._open()
            verdict = gate.ask((), (_new(Charge, (limit, limit_key(limit, whom), 1)),))
            if verdict.refused < 0:
                return False
            if len(self._over) >= _MOST:
                self._over.clear()
            self._over[(name, whom)] = clock.ticks() + min(verdict.wait, _BELIEVED)
            return True
        except (Unavailable, ConfigurationError, OSError):
            # Full, another process has the turn, or the place is no more what it was: no request waits for a report.
            self._rests_until = clock.ticks() + _REST
            return False

    def _open(self) -> Gate:
        from stockade.gate.lmdb import LmdbGate
        from stockade.gate.memory import MemoryGate

        gate: Gate = MemoryGate(entries=MAX_ENTRIES)
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
        """Let go of the state."""
        self._over.clear()
        if self._gate is not None:
            self._gate.close()
