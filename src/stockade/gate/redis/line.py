"""One connection to a Redis: made by redis-py, then used at its socket, and thrown away at the first fault."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from typing import Any

import hiredis
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from stockade.gate.redis.address import Address

CHUNK = 65536
MORE = object()  # what a reader says while an answer is not whole
TAG = 8  # bytes of the birth marker that name a run of the server


class Broken(Exception):
    """The connection is of no use any more.

    Args:
        reason: what happened, without any address or secret.
        late: whether the time ran out; trying again at once would only double the wait.
    """

    def __init__(self, reason: str, *, late: bool = False) -> None:
        super().__init__(reason)
        self.late = late


class Refused(Exception):
    """The server answered with an error: its code (``OOM``, ``NOSCRIPT``, ``READONLY``, ...)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def pack(*parts: bytes) -> bytes:
    """A command as it goes over the wire."""
    return bytes(hiredis.pack_command(parts))  # type: ignore[arg-type]  # its stub knows tuples of one


def facts(text: bytes) -> dict[str, str]:
    """What INFO says."""
    lines = text.decode("utf-8", "replace").splitlines()
    return {name: value for name, colon, value in (line.partition(":") for line in lines) if colon}


def tag_of(info: dict[str, str]) -> bytes:
    """Names this run of this server: another after a restart, and after a fail-over."""
    return sha256(info["run_id"].encode()).digest()[:TAG]


def refuse_unfit(info: dict[str, str]) -> None:
    """Broken unless this server may hold the state: a master, with its data loaded, that evicts nothing."""
    if info.get("role") != "master":
        raise Broken("it is a replica")
    if info.get("loading", "0") != "0":
        raise Broken("it is still loading its data")
    if not info.get("run_id"):
        raise Broken("it names no run_id, and no restart of it could be noticed")
    if info.get("maxmemory_policy") != "noeviction":
        raise Broken(f"it evicts keys: maxmemory-policy is {info.get('maxmemory_policy')}, not noeviction")


def connection_options(address: Address, seconds: float) -> dict[str, Any]:
    """What redis-py is told, for sync and asyncio connections."""
    options: dict[str, Any] = {
        "db": address.db,
        "username": address.username or None,
        "password": address.password.reveal() or None,
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "retry_on_timeout": False,
        "health_check_interval": 0,
        "encoding": "latin-1",
    }
    if address.tls:
        options["ssl_ca_certs"] = address.ca or None
        options["ssl_certfile"] = address.cert or None
        options["ssl_keyfile"] = address.key or None
        options["ssl_cert_reqs"] = "required"
        options["ssl_check_hostname"] = True
    return options


def _connection(address: Address, place: tuple[str, int] | None, seconds: float) -> Any:
    options = connection_options(address, seconds)
    if place is None:
        return redis.UnixDomainSocketConnection(path=address.path, **options)  # type: ignore[no-untyped-call, abstract]
    kind = redis.SSLConnection if address.tls else redis.Connection
    return kind(host=place[0], port=place[1], socket_keepalive=True, **options)


class Line:
    """A connection of one thread.

    Args:
        address: of STATE.
        place: host and port of the server, None for a unix socket.
        seconds: how long a call may take; a connection may take as long to be made.
        judge: False to talk to a server that may not hold the state, to say why.

    Attributes:
        place: as given; a line to a server that is no longer the master is thrown away.
        tag: names this run of the server.

    Raises:
        Broken: it could not be made, or the server may not hold the state.
    """

    __slots__ = (
        "__weakref__",
        "_connection",
        "_feed",
        "_next",
        "_receive",
        "_seconds",
        "_send",
        "_shut",
        "place",
        "tag",
    )

    def __init__(
        self, address: Address, place: tuple[str, int] | None, seconds: float, *, judge: bool = True
    ) -> None:
        self.place = place
        self._seconds = seconds
        self._connection = _connection(address, place, seconds)
        try:
            self._connection.connect()
        except (redis.RedisError, OSError, UnicodeError) as error:  # the last for a host that is no name
            self.close()
            raise Broken(f"no connection: {type(error).__name__}") from None
        sock = self._connection._sock  # noqa: SLF001 - the one thing that redis-py does not hand out
        if address.tls or type(sock).__module__ != "socket":  # gevent's have no other time-out
            sock.settimeout(seconds)
        else:
            # With a time-out of its own Python polls before each call, which costs 6 of 15 microseconds.
            bound = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
            sock.settimeout(None)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, bound)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, bound)
        reader = hiredis.Reader(notEnoughData=MORE)
        self._shut: Callable[[int], None] = sock.shutdown
        if isinstance(sock, ssl.SSLSocket):  # its own would take the cipher from under the thread that reads
            self._shut = partial(socket.socket.shutdown, sock)
        self._send: Callable[[bytes], None] = sock.sendall
        self._receive: Callable[[int], bytes] = sock.recv
        self._feed, self._next = reader.feed, reader.gets
        try:
            info = facts(self.call(pack(b"INFO")))
            if judge:
                refuse_unfit(info)
        except Refused as error:
            self.close()
            raise Broken(f"INFO was refused: {error.code}") from None
        except Broken:
            self.close()
            raise
        self.tag = tag_of(info)

    def call(self, packed: bytes) -> Any:
        """Send a command and return its answer.

        Raises:
            Broken: half a conversation is on the wire; throw the line away.
            Refused: the server says no; the line is whole.
        """
        try:
            self._send(packed)
            self._feed(self._receive(CHUNK))
            answer = self._next()
            if answer is MORE:
                answer = self._rest()
        except (BlockingIOError, TimeoutError):
            raise Broken("no answer in time", late=True) from None
        except OSError as error:
            raise Broken(f"connection lost: {type(error).__name__}") from None
        except hiredis.HiredisError as error:
            raise Broken(f"no sense in the answer: {type(error).__name__}") from None
        except BaseException:
            # A signal's handler has raised here: the answer would be taken for that of the next question.
            self.close()
            raise
        if isinstance(answer, hiredis.ReplyError):
            raise Refused(str(answer).partition(" ")[0])
        return answer

    def _rest(self) -> Any:
        """The answer came in pieces: each read is bounded by the socket, all of them by the clock."""
        deadline = time.monotonic() + self._seconds
        while True:
            data = self._receive(CHUNK)
            if not data:
                raise Broken("connection closed")
            self._feed(data)
            answer = self._next()
            if answer is not MORE:
                return answer
            if time.monotonic() > deadline:
                raise Broken("no whole answer in time", late=True)

    def run(self, *parts: bytes) -> Any:
        """`call` for what is not prepared."""
        return self.call(pack(*parts))

    def cut(self) -> None:
        """End the conversation from another thread: a call of the line's own fails, and that thread throws it away.

        Not `close`: the number of a closed socket may be another connection's before the other thread has read from it.
        """
        try:  # noqa: SIM105 - as in `close`
            self._shut(socket.SHUT_RDWR)
        except Exception:  # noqa: BLE001, S110 - it is already gone
            pass

    def __del__(self) -> None:
        """The thread has ended."""
        self.close()

    def close(self) -> None:
        """Let go of the socket."""
        # Not `suppress`: when Python ends, this module's names go before the last line does.
        try:  # noqa: SIM105
            self._connection.disconnect()
        except Exception:  # noqa: BLE001, S110 - it is thrown away either way
            pass


def parts_of(values: Sequence[object]) -> list[bytes]:
    """Arguments of a command, as bytes."""
    return [value if isinstance(value, bytes) else str(value).encode() for value in values]
