"""The connections of a gate to its Redis: one a thread, one an event loop; made anew when they break."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

from stockade.core import clock
from stockade.core.errors import Unavailable
from stockade.gate import forks, host
from stockade.gate.outage import Outage
from stockade.gate.redis import scripts
from stockade.gate.redis.address import Address
from stockade.gate.redis.line import Broken, Line, Refused, pack
from stockade.gate.redis.loop import Stream, Streams
from stockade.gate.redis.master import Master

# Errors after which the connection is as good as before.
WHOLE = ("OOM", "BUSY", "NOSCRIPT", "NOREPLICAS", "MISCONF")


class Connected:
    """Lines and streams to the server of one address.

    Args:
        address: of STATE.
        timeout: seconds for one answer, and for a connection to be made.
        ticks: a clock that a test moves, in microseconds; by default the server's own.
    """

    def __init__(self, address: Address, timeout: float, ticks: Callable[[], int] | None) -> None:
        self.url = address.public
        self.address = address
        self._timeout = timeout
        self._ticks = ticks
        self._master = Master(address) if address.service else None
        self.outage = Outage(address.public.partition("://")[0])
        self._streams = Streams(address, timeout)
        self._mine = threading.local()
        self._lines: weakref.WeakSet[Line] = weakref.WeakSet()
        self._listing = threading.Lock()  # over `_lines`: a thread may connect while another closes
        forks.watch(self)

    # -- time ----------------------------------------------------------------------------------------------------------

    def _time(self) -> bytes:
        """What time it is for the scripts: b"" for the server's own, unless a test has moved ours."""
        if self._ticks is not None:
            return b"%d" % self._ticks()
        return b"%d" % (clock.now() * 1_000_000) if clock.moved() else b""

    def _now(self) -> int:
        if self._ticks is not None:
            return self._ticks()
        if clock.moved():
            return int(clock.now() * 1_000_000)
        seconds, rest = self._call(pack(b"TIME"))
        return int(seconds) * 1_000_000 + int(rest)

    # -- of a thread ---------------------------------------------------------------------------------------------------

    def _line(self) -> Line:
        """This thread's connection; a new one if it has none, or one to a server that is no longer the master."""
        try:
            line: Line = self._mine.line
        except AttributeError:
            return self._connected()
        if self._master is not None:
            try:
                place = self._master.place()
            except Broken:
                # Nobody can be asked. An isolated master stops by itself (min-replicas-to-write), so we need not.
                return line
            if line.place != place:
                self._drop(line)
                return self._connected()
        return line

    def _connected(self) -> Line:
        self.outage.admit()
        try:
            place = self.address.hosts[0] if self.address.hosts else None
            if self._master is not None:
                place = self._master.place(anew=self.outage.away)
            line = Line(self.address, place, self._timeout)
        except Broken as error:
            raise self.outage.begin(str(error)) from None
        if self._master is not None:
            self._master.heard()
        self._mine.line = line
        with self._listing:
            self._lines.add(line)
        return line

    def _drop(self, line: Line) -> None:
        line.close()
        if self._mine.__dict__.get("line") is line:
            del self._mine.line

    def _call(self, packed: bytes) -> Any:
        return self._answered(packed)[0]

    def _answered(self, packed: bytes) -> tuple[Any, Line]:
        """An answer, and the connection that it came on: what was told on another was told to another server."""
        line = self._line()
        try:
            answer = line.call(packed)
        except (Broken, Refused) as error:
            answer, line = self._again(packed, line, error)
        self.outage.end()
        return answer, line

    def _once(self, packed: bytes) -> None:
        """A command that must not run twice: where its answer is lost it is not sent again."""
        line = self._line()
        try:
            line.call(packed)
        except Broken as error:
            self._drop(line)
            raise self.outage.begin(str(error)) from None
        except Refused as error:  # it did not run
            self._again(packed, line, error)

    def _again(self, packed: bytes, line: Line, error: Broken | Refused) -> tuple[Any, Line]:
        """Once more, where that may help: on a new connection, or with the scripts loaded.

        A script whose answer was lost may have run: then its charge counts twice, which is toward fewer places.

        Raises:
            Unavailable: it does not help.
        """
        if isinstance(error, Broken):
            self._drop(line)
            if error.late:
                raise self.outage.begin(str(error)) from None
            line = self._connected()
        elif error.code != "NOSCRIPT":
            raise self._refused(line, error) from None
        try:
            for script in scripts.ALL:
                line.run(b"SCRIPT", b"LOAD", script.text)
            return line.call(packed), line
        except Broken as again:
            self._drop(line)
            raise self.outage.begin(str(again)) from None
        except Refused as again:
            raise self._refused(line, again) from None

    def _refused(self, line: Line, error: Refused) -> Unavailable:
        """What to raise when the server says no: out of memory, no longer the master, an ACL that forbids it."""
        if error.code not in WHOLE:  # it may be another server than it was; a new line finds out
            self._drop(line)
        return self.outage.begin(f"refused: {error.code}")

    # -- of an event loop ----------------------------------------------------------------------------------------------

    async def _stream(self) -> Stream:
        try:
            found = self._streams.known(await self._place_async())
        except Broken:
            found = self._streams.last()  # as in `_line`
            if found is None:
                raise
        if found is None:
            self.outage.admit()
            found = await self._streams.get(await self._place_async(anew=self.outage.away))
        return found

    async def _place_async(self, *, anew: bool = False) -> tuple[str, int] | None:
        """Where the server is; Sentinels are asked in a thread, because redis-py would resolve their names here."""
        if self._master is None:
            return self.address.hosts[0] if self.address.hosts else None
        place = None if anew else self._master.fresh()
        if place is None:
            place = await asyncio.get_running_loop().run_in_executor(
                None, partial(self._master.place, anew=anew)
            )
        return place

    # -- life ----------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of the connections; the gate makes new ones when asked."""
        with self._listing:
            lines = list(self._lines)
        for line in lines:
            line.cut()
        self._streams.close()
        self._mine = threading.local()

    def before_fork(self) -> None:
        """Nothing to hold: a child makes connections of its own."""

    def after_fork_parent(self) -> None:
        """Go on."""

    def after_fork_child(self) -> None:
        """In a child: the connections are the parent's, and so would be the answers on them."""
        self._mine = threading.local()
        self._lines = weakref.WeakSet()
        self._listing = threading.Lock()
        self._streams = Streams(self.address, self._timeout)
        self.outage.after_fork()
        if self._master is not None:
            self._master.after_fork()
        host.own_start.cache_clear()
