"""Which server is the master now, as the Sentinels say; asked at most once a second."""

from __future__ import annotations

import threading
import time
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from stockade.gate.redis.address import Address
from stockade.gate.redis.line import Broken

# How long an answer is believed. Sentinels need longer than this to notice that a master is gone and to name another
# (down-after-milliseconds, then an election), so a line that was idle meanwhile is not used without asking again.
FRESH = 1.0  # seconds
PAUSE = 0.1  # seconds between two tries where none of them answered
_TIMEOUT = 0.25  # seconds for one Sentinel


def sentinel_options(address: Address) -> dict[str, Any]:
    """What redis-py is told for a connection to a Sentinel."""
    options: dict[str, Any] = {
        "socket_timeout": _TIMEOUT,
        "socket_connect_timeout": _TIMEOUT,
        "username": address.sentinel_username or None,
        "password": address.sentinel_password.reveal() or None,
        "retry": Retry(NoBackoff(), 0),
    }
    if address.tls:
        options |= {
            "ssl": True,
            "ssl_ca_certs": address.ca or None,
            "ssl_certfile": address.cert or None,
            "ssl_keyfile": address.key or None,
        }
    return options


class Master:
    """The master's place.

    Args:
        address: of STATE, with a `service`.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._place: tuple[str, int] | None = None
        self._asked_at = float("-inf")
        self._failed_at = float("-inf")
        self._heard_at = float("-inf")
        self._sentinel = self._make()

    def heard(self) -> None:
        """The master has answered just now."""
        self._heard_at = time.monotonic()

    def _make(self) -> Sentinel:
        options = sentinel_options(self._address)
        return Sentinel(list(self._address.hosts), sentinel_kwargs=options)  # type: ignore[no-untyped-call]

    def place(self, *, anew: bool = False) -> tuple[str, int]:
        """Host and port of the master.

        Args:
            anew: ask, however fresh the last answer is; after a connection failed.

        Raises:
            Broken: no Sentinel knows one.
        """
        if not anew and (found := self.fresh()) is not None:
            return found
        with self._lock:
            if not anew and (found := self.fresh()) is not None:
                return found  # another thread has asked meanwhile
            asked_at = time.monotonic()
            if asked_at - self._failed_at < (PAUSE if anew else FRESH):
                raise Broken("no Sentinel names a master")  # as another thread was told a moment ago
            try:
                host, port = self._sentinel.discover_master(self._address.service)  # type: ignore[no-untyped-call]
            except (redis.RedisError, OSError) as error:
                self._sentinel, self._failed_at = self._make(), time.monotonic()
                raise Broken(f"no Sentinel names a master: {type(error).__name__}") from None
            self._place, self._asked_at = (str(host), int(port)), asked_at
            return self._place

    def fresh(self) -> tuple[str, int] | None:
        """The last answer, if it is still believed.

        Not if the master has been silent for as long: one that was frozen, and wakes when another has been named,
        answers what waits in its sockets by what it knew.
        """
        return self._place if time.monotonic() - min(self._asked_at, self._heard_at) < FRESH else None

    def after_fork(self) -> None:
        """In a child: neither the lock nor the connections are its own."""
        self._lock = threading.Lock()
        self._sentinel = self._make()
        self._asked_at = float("-inf")
