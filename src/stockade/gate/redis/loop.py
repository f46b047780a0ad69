"""The gate's call for event loops: one connection a loop, on which many requests wait for their answers in order."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from contextlib import suppress
from typing import Any

import hiredis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from stockade.gate.redis import scripts
from stockade.gate.redis.address import Address
from stockade.gate.redis.line import (
    CHUNK,
    MORE,
    Broken,
    Refused,
    connection_options,
    facts,
    pack,
    refuse_unfit,
    tag_of,
)


class Stream:
    """A connection of one event loop. Commands are written as they come; answers come in that order.

    Args:
        address: of STATE.
        place: host and port of the server, None for a unix socket.
        seconds: how long a call may take; a connection may take as long to be made.

    Attributes:
        place: as given.
        tag: names this run of the server.
    """

    def __init__(self, address: Address, place: tuple[str, int] | None, seconds: float) -> None:
        self.place = place
        self.tag = b""
        self._seconds = seconds
        self._connection = _connection(address, place, seconds)
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._reading: asyncio.Task[None] | None = None
        self._write: Any = None

    async def open(self) -> Stream:
        """Connect, and look whether this server may hold the state.

        Raises:
            Broken: it could not be reached, or it may not.
        """
        try:
            await asyncio.wait_for(self._connection.connect(), self._seconds)
        except (RedisError, OSError, TimeoutError) as error:
            self.close()
            raise Broken(f"no connection: {type(error).__name__}") from None
        # What redis-py does not hand out. Its own writing and reading is for one command at a time.
        self._write = self._connection._writer.write  # noqa: SLF001
        self._reading = asyncio.get_running_loop().create_task(self._read(), name="stockade-redis")
        try:
            info = facts(await self.call(pack(b"INFO")))
            refuse_unfit(info)
            await self.load()
        except Refused as error:
            self.close()
            raise Broken(f"refused: {error.code}") from None
        except BaseException:
            self.close()
            raise
        self.tag = tag_of(info)
        return self

    @property
    def whole(self) -> bool:
        """Whether it can be used."""
        return self._reading is not None and not self._reading.done()

    async def call(self, packed: bytes) -> Any:
        """Send a command and return its answer.

        Raises:
            Broken: see `Line.call`; every other call on this stream fails with this one.
            Refused: the server says no.
        """
        if not self.whole:
            raise Broken("connection closed")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            self._write(packed)
        except RuntimeError:  # of uvloop, where the other side has closed it a moment ago
            self._fail(Broken("connection closed"))
        try:
            # Whoever gives up cancels the future only: its answer is still read, and thrown away in its turn.
            answer = await asyncio.wait_for(future, self._seconds)
        except TimeoutError:
            late = Broken("no answer in time", late=True)
            self._fail(late)
            raise late from None
        if isinstance(answer, hiredis.ReplyError):
            raise Refused(str(answer).partition(" ")[0])
        return answer

    async def load(self) -> None:
        """Give the server the scripts; Broken, Refused: as `call`."""
        for script in scripts.ALL:
            await self.call(pack(b"SCRIPT", b"LOAD", script.text))

    async def _read(self) -> None:
        stream = self._connection._reader  # noqa: SLF001
        reader = hiredis.Reader(notEnoughData=MORE)
        reason = "connection closed"
        try:
            while data := await stream.read(CHUNK):
                reader.feed(data)
                while (answer := reader.gets()) is not MORE:
                    future = self._waiting.popleft()
                    if not future.done():
                        future.set_result(answer)
        except (OSError, hiredis.HiredisError, IndexError) as error:
            reason = f"connection lost: {type(error).__name__}"
        finally:  # also when the loop ends, which cancels its tasks
            self._fail(Broken(reason))

    def _fail(self, error: Broken) -> None:
        self.close()
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(error)

    def close(self) -> None:
        """Let go of the socket."""
        if self._reading is not None:
            self._reading.cancel()
        writer = self._connection._writer  # noqa: SLF001
        if writer is not None:
            writer.transport.abort()
            self._connection._close()  # noqa: SLF001 - at once: `disconnect` waits for the other side


def _connection(address: Address, place: tuple[str, int] | None, seconds: float) -> Any:
    options = connection_options(address, seconds) | {"retry": Retry(NoBackoff(), 0)}
    if place is None:
        return redis.asyncio.UnixDomainSocketConnection(path=address.path, **options)
    kind = redis.asyncio.SSLConnection if address.tls else redis.asyncio.Connection
    return kind(host=place[0], port=place[1], socket_keepalive=True, **options)


class Streams:
    """The stream of each event loop, made when it is asked for.

    Args:
        address: of STATE.
        seconds: as in `Stream`.
    """

    def __init__(self, address: Address, seconds: float) -> None:
        self._address, self._seconds = address, seconds
        self._found: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Stream] = (
            weakref.WeakKeyDictionary()
        )
        self._listing = (
            threading.Lock()
        )  # over `_found`: loops of several threads come and go (async views on WSGI)
        self._opening: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            weakref.WeakKeyDictionary()
        )
        # How many openings have failed, and why the last did.
        self._failed: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[int, str]] = (
            weakref.WeakKeyDictionary()
        )

    def known(self, place: tuple[str, int] | None) -> Stream | None:
        """This loop's stream, if it has one that is whole and leads to `place`."""
        stream = self._found.get(asyncio.get_running_loop())
        if stream is None or not stream.whole:
            return None
        if stream.place != place:
            stream.close()
            return None
        return stream

    def last(self) -> Stream | None:
        """This loop's stream, wherever it leads, if it is whole."""
        stream = self._found.get(asyncio.get_running_loop())
        return stream if stream is not None and stream.whole else None

    async def get(self, place: tuple[str, int] | None) -> Stream:
        """This loop's stream to `place`; the first who asks makes it, the others wait, and fail if that one does.

        Else each of them would wait for a time-out of its own, one after the other.

        Raises:
            Broken: it could not be made.
        """
        loop = asyncio.get_running_loop()
        with self._listing:  # a stream refers to its loop, so neither would go by itself
            for ended in [each for each in self._found if each.is_closed()]:
                del self._found[ended]
        before = self._failed.get(loop, (0, ""))
        async with self._opening.setdefault(loop, asyncio.Lock()):
            found = self.known(place)
            if found is not None:
                return found
            number, reason = self._failed.get(loop, (0, ""))
            if number != before[0]:
                raise Broken(reason)
            try:
                found = await Stream(self._address, place, self._seconds).open()
            except Broken as error:
                self._failed[loop] = (number + 1, str(error))
                raise
            with self._listing:
                self._found[loop] = found
            return found

    def close(self) -> None:
        """Let go of the streams of loops that run in this thread's process; those of other loops end with them."""
        with self._listing:
            found = list(self._found.items())
            self._found = weakref.WeakKeyDictionary()
        for loop, stream in found:
            with suppress(RuntimeError):  # the loop is closed, and its streams with it
                loop.call_soon_threadsafe(stream.close)
