"""Argon2id with OWASP's parameters as a Django hasher, and no more hashing at once than the machine has cores."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher

from stockade.conf import load, on_change
from stockade.core.errors import Unavailable
from stockade.schemes.conf import LoginSettings


class Turns:
    """A bounded number of turns: who gets none in time is told to come again, instead of a queue without end.

    Without this a burst of logins takes 19 MiB and a core each, all at once, and every other request waits with it.
    """

    def __init__(self, turns: int, wait: float) -> None:
        self._free = threading.BoundedSemaphore(turns)
        self._wait = wait

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold one turn.

        Raises:
            Unavailable: none came free in time.
        """
        if not self._free.acquire(timeout=self._wait):
            raise Unavailable("Too many logins at once. Try again shortly.", reason="hashing_busy")
        try:
            yield
        finally:
            self._free.release()


_turns: Turns | None = None
_lock = threading.Lock()


def turns() -> Turns:
    """The turns of this process, as many as the setting says."""
    global _turns
    found = _turns
    if found is None:
        with _lock:
            if _turns is None:
                settings = load(LoginSettings)
                _turns = Turns(settings.concurrent_hashes or os.cpu_count() or 1, settings.hash_wait)
            found = _turns
    return found


@on_change
def _forget() -> None:
    global _turns, _lock
    _turns, _lock = None, threading.Lock()


# A forked worker would inherit the turns that its parent's threads held at that moment, and never get them back.
os.register_at_fork(after_in_child=_forget)


class Argon2(Argon2PasswordHasher):
    """For PASSWORD_HASHERS. Argon2id with 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet).

    It reads Django's own Argon2 hashes and brings them to these parameters at the next login.
    """

    time_cost = 2
    memory_cost = 19456
    parallelism = 1

    def encode(self, password: str, salt: str, *args: Any, **kwargs: Any) -> str:
        """Hash, when it is this one's turn.

        Raises:
            Unavailable: its turn did not come in time.
        """
        with turns().take():
            return str(super().encode(password, salt, *args, **kwargs))

    def verify(self, password: str, encoded: str) -> bool:
        """Verify, when it is this one's turn; the same."""
        with turns().take():
            return bool(super().verify(password, encoded))
