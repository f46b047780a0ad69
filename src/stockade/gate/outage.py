"""Whether the state is away: told once when it goes and once when it is back, and not tried again by every request."""

from __future__ import annotations

import threading
import time

from stockade.core.errors import Unavailable
from stockade.events import Event, emit

PAUSE = 0.1  # seconds in which requests are refused without another try, after one failed


class Outage:
    """What one process knows of the state's absence.

    Args:
        kind: of the state, for the event.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._lock = threading.Lock()
        self._since: float | None = None
        self._retry_at = 0.0

    @property
    def away(self) -> bool:
        """Whether the last try failed."""
        return self._since is not None

    def admit(self) -> None:
        """Unavailable if the state was away a moment ago. One request in each pause may try.

        Without it each request of an outage would wait for its own time-out, and workers would run out.
        """
        if self._since is None:
            return
        now = time.monotonic()
        with self._lock:
            if now < self._retry_at:
                raise Unavailable(reason="state: away")
            self._retry_at = now + PAUSE

    def begin(self, reason: str) -> Unavailable:
        """Take note of a failure; what to raise. `reason` is for the log: no secret is in it."""
        now = time.monotonic()
        with self._lock:
            first = self._since is None
            if first:
                self._since = now
            self._retry_at = now + PAUSE
        if first:
            emit(Event.STATE_AWAY, reason=reason, details={"state": self._kind})
        return Unavailable(reason=f"state: {reason}")

    def end(self) -> None:
        """Take note of an answer."""
        with self._lock:
            since, self._since = self._since, None
        if since is not None:
            seconds = round(time.monotonic() - since, 3)
            emit(Event.STATE_BACK, details={"state": self._kind, "seconds": seconds})

    def after_fork(self) -> None:
        """In a child: the lock may be held by a thread that is not here."""
        self._lock = threading.Lock()
