"""The gate over one Redis."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import islice
from typing import Any

from stockade.core.errors import Unavailable
from stockade.gate import records, windows
from stockade.gate.keys import LIMIT, SESSION, SUBJECT, check_epoch_key, check_limit_key
from stockade.gate.protocol import LISTS, NOBODY, WORLD, Charge, Mark, StateReport, Usage, Verdict
from stockade.gate.redis import asking, report, scripts
from stockade.gate.redis.address import Address
from stockade.gate.redis.connected import WHOLE, Connected
from stockade.gate.redis.line import Broken, Line, Refused, facts, pack
from stockade.gate.redis.loop import Stream
from stockade.gate.redis.scripts import Script

_BIRTH, _INDEX, _LOADER = b"b", b"m", b"n"
OWN = frozenset(
    (LIMIT, SUBJECT, SESSION, WORLD, LISTS, _BIRTH, _INDEX, _LOADER)
)  # what keys of ours begin with
_CHUNK = 500  # keys of one script: Redis does nothing else meanwhile
DAY = 86_400_000_000
TIMEOUT = 1.0  # seconds
_LOADING = 2_000  # milliseconds after which a loader that says nothing more is taken for dead


class RedisGate(Connected):
    """A state that many hosts share.

    Args:
        address: of STATE.
        timeout: seconds for one answer, and for a connection to be made.
        keep_subject, keep_session: microseconds for which an epoch that does not move is kept at least.
        ticks: a clock that a test moves, in microseconds; by default the server's own, and what has expired goes.
    """

    remote = True

    def __init__(
        self,
        address: Address,
        *,
        timeout: float = TIMEOUT,
        keep_subject: int = DAY,
        keep_session: int = 31 * DAY,
        ticks: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(address, timeout, ticks)
        self._keep = [b"%d" % (max(each, DAY) // 1000) for each in (keep_subject, keep_session)]
        self._reading = asking.Reading()

    # -- the hot path ------------------------------------------------------------------------------------------------

    def ask(self, epochs: tuple[bytes, ...], charges: tuple[Charge, ...]) -> Verdict:
        """Read epochs and charge limits in one atomic step. Charges all or none."""
        packed = asking.command(epochs, charges, self._time())
        line = self._line()
        try:
            answer = line.call(packed)
        except (Broken, Refused) as error:
            answer, line = self._again(packed, line, error)
        if self._master is not None:
            self._master.heard()
        if self.outage.away:
            self.outage.end()
        return self._reading.verdict(answer, len(epochs), line.tag)

    async def ask_async(self, epochs: tuple[bytes, ...], charges: tuple[Charge, ...]) -> Verdict:
        """`ask` for an event loop: it waits for the answer without holding up anybody else."""
        packed = asking.command(epochs, charges, self._time())
        stream: Stream | None = None
        try:
            stream = await self._stream()
            try:
                answer = await stream.call(packed)
            except Refused as error:
                if error.code != "NOSCRIPT":
                    raise
                await stream.load()
                answer = await stream.call(packed)
            except Broken as error:
                if error.late:
                    raise
                stream = await self._stream()  # it was idle, perhaps, and closed meanwhile
                answer = await stream.call(packed)
        except Broken as error:
            raise self.outage.begin(str(error)) from None
        except Refused as error:
            if stream is not None and error.code not in WHOLE:
                stream.close()
            raise self.outage.begin(f"refused: {error.code}") from None
        if self._master is not None:
            self._master.heard()
        if self.outage.away:
            self.outage.end()
        return self._reading.verdict(answer, len(epochs), stream.tag)

    # -- other commands ----------------------------------------------------------------------------------------------

    def _run(self, script: Script, keys: list[bytes], *arguments: bytes) -> Any:
        return self._call(pack(b"EVALSHA", script.sha, b"%d" % len(keys), *keys, *arguments))

    def _change(self, what: bytes, keys: list[bytes], *arguments: bytes) -> tuple[Any, Line]:
        every = [WORLD, _INDEX, _BIRTH, *keys]
        return self._answered(
            pack(b"EVALSHA", scripts.EPOCHS.sha, b"%d" % len(every), *every, what, self._time(), *arguments)
        )

    def mark(self, keys: Iterable[bytes], token: bytes) -> None:
        """Set a dirty mark of this writer on each epoch (before its SQL commits). `token`: 8 bytes."""
        records.check_token(token)
        listed = list(keys)
        for key in listed:
            check_epoch_key(key)
        writer = records.writer(os.getpid())
        for at in range(0, len(listed), _CHUNK):
            self._change(b"mark", listed[at : at + _CHUNK], token, writer)

    def publish(self, epochs: Iterable[tuple[bytes, int]], token: bytes) -> None:
        """After the commit: set each epoch if greater, and take this token's mark off it.

        Raises:
            Unavailable: the state is away, or its replicas did not confirm: who was told may be a master no more.
        """
        records.check_token(token)
        line = self._publish(list(epochs), token)
        if line is not None:
            self._confirm(line)

    def _publish(self, epochs: list[tuple[bytes, int]], token: bytes) -> Line | None:
        """Returns the connection that took all of it."""
        for key, _ in epochs:
            check_epoch_key(key)
        used: Line | None = None
        for at in range(0, len(epochs), _CHUNK):
            some = epochs[at : at + _CHUNK]
            numbers = [b"%d" % number for _, number in some]
            _, line = self._change(b"publish", [key for key, _ in some], token, *self._keep, *numbers)
            if used is not None and line is not used:
                raise Unavailable(reason="state: connection lost while it was published")
            used = line
        return used

    def _confirm(self, line: Line) -> None:
        """Make sure that this is the master which others ask, where there may be another.

        A replica confirms it, which an isolated master has none of; or the Sentinels, asked after the write. What is
        lost in a fail-over later than that is loaded from SQL, like everything else.

        Args:
            line: on which it was written. WAIT on another says yes to what that one has not heard of.
        """
        try:
            replicas = int(facts(line.run(b"INFO", b"replication")).get("connected_slaves", 0))
            within = max(1, round(self._timeout * 500))
            if replicas and line.run(b"WAIT", b"1", b"%d" % within) >= 1:
                return
        except Broken as error:
            self._drop(line)
            raise self.outage.begin(str(error)) from None
        except Refused as error:
            raise self._refused(line, error) from None
        if not replicas and self._master is None:
            return
        reason = "no replica confirmed"
        if self._master is not None:
            try:
                if self._master.place(anew=True) == line.place:
                    return
                reason = "it was written to a master of before"
            except Broken as error:
                reason = str(error)
        self._drop(line)
        raise self.outage.begin(reason)

    def stale(self, older: int) -> list[Mark]:
        """Marks older than `older` microseconds or whose writer is dead: the reconciler bumps and publishes them."""
        now, *found = self._run(scripts.STALE, [_INDEX], self._time())
        pairs = [
            (key, value[records.HEAD :] if key == WORLD else value)
            for key, value in zip(found[::2], found[1::2], strict=True)
        ]
        return records.stale(pairs, older, now)

    def loading(self) -> AbstractContextManager[bool]:
        """Whether the caller may fill the state; a loader that dies is replaced after two seconds."""
        return self._loading()

    @contextmanager
    def _loading(self) -> Iterator[bool]:
        name = secrets.token_bytes(8)
        mine = bool(self._run(scripts.LOADING, [_LOADER], name, b"%d" % _LOADING))
        try:
            if mine:
                self._mine.loader = name
                self._mine.begun = (
                    self._begin()
                )  # before the caller reads SQL: what is told later must not be lost
            yield mine
        finally:
            self._mine.__dict__.pop("loader", None)
            self._mine.__dict__.pop("begun", None)
            if mine:
                with suppress(Unavailable):  # then it ends by itself
                    self._run(scripts.LOADING, [_LOADER], name, b"")

    def load(self, epochs: Iterable[tuple[bytes, int]], world: int, owner: bytes = NOBODY) -> None:
        """Fill an empty state from SQL (each set if greater), then write a new birth marker, last."""
        birth, tag = self._mine.__dict__.get("begun") or self._begin()
        rows = iter(epochs)
        while chunk := list(islice(rows, _CHUNK)):
            if any(key == WORLD for key, _ in chunk):
                raise ValueError("The world's epoch is the second argument.")
            self._publish(chunk, b"")
            if (loader := self._mine.__dict__.get("loader")) is not None:
                self._run(scripts.LOADING, [_LOADER], loader, b"%d" % _LOADING)
        # The tag of the run that it began with: one that took over meanwhile has not heard all of it.
        if self._line().tag == tag:
            found, line = self._change(
                b"finish", [], birth, tag + owner, secrets.token_bytes(4), b"%d" % world
            )
            if found and line.tag == tag:
                return
        raise Unavailable(reason="state: lost while it was loaded")

    def _begin(self) -> tuple[bytes, bytes]:
        """The birth of the state, made if there is none, and the tag of the run that has it."""
        birth, line = self._change(b"begin", [], secrets.token_bytes(8))
        return birth, line.tag

    # -- limits ------------------------------------------------------------------------------------------------------

    def refund(self, charges: tuple[Charge, ...], at: int) -> None:
        """Give back places that an admitted `ask` charged at `at`; forgotten ones are ignored."""
        arguments = []
        for limit, key, cost in charges:
            check_limit_key(key)
            arguments.append(limit.packed + asking.cost_of(cost))
        # Given back twice it would open a place that somebody else has taken.
        keys = [charge.key for charge in charges]
        self._once(
            pack(
                b"EVALSHA", scripts.REFUND.sha, b"%d" % len(keys), *keys, b"%d" % at, self._time(), *arguments
            )
        )

    def usage(self, prefix: bytes = b"") -> list[Usage]:
        """What is used of every limit whose key starts with `prefix`."""
        return [each for each in self._usage(prefix) if each.used]

    def _usage(self, prefix: bytes) -> Iterator[Usage]:
        prefix = prefix or LIMIT
        check_limit_key(prefix)
        now = self._now()
        found = sorted(self._scan(prefix))
        for at in range(0, len(found), _CHUNK):
            some = found[at : at + _CHUNK]
            for key, value in zip(some, self._call(pack(b"MGET", *some)), strict=True):
                if value is not None:
                    yield Usage(key, *windows.usage(value, now))

    def _scan(self, prefix: bytes) -> set[bytes]:
        pattern = b"".join(
            [b"\\" + bytes([byte]) if byte in b"*?[]^-\\" else bytes([byte]) for byte in prefix]
        )
        found: set[bytes] = set()
        cursor = b"0"
        while True:
            cursor, some = self._call(pack(b"SCAN", cursor, b"MATCH", pattern + b"*", b"COUNT", b"1000"))
            found.update(some)
            if cursor == b"0":
                return found

    def clear(self, prefix: bytes) -> int:
        """Forget the use of limits whose key starts with `prefix`; returns how many were in use."""
        found = list(self._usage(prefix))
        for at in range(0, len(found), _CHUNK):
            self._call(pack(b"UNLINK", *[each.key for each in found[at : at + _CHUNK]]))
        return sum(1 for each in found if each.used)

    def reset(self) -> None:
        """Forget everything, birth marker included: the database is ours alone."""
        self._call(pack(b"FLUSHDB"))

    # -- life --------------------------------------------------------------------------------------------------------

    def describe(self) -> StateReport:
        """What is known of the server, fit or not; for checks. What fails here is no outage: it has its own line."""
        try:
            place = self.address.hosts[0] if self.address.hosts else None
            if self._master is not None:
                place = self._master.place(anew=True)
            line = Line(self.address, place, self._timeout, judge=False)
            try:
                return report.make(line, self.address, OWN)
            finally:
                line.close()
        except (Broken, Refused) as error:
            raise Unavailable(reason=f"state: {error}") from None
