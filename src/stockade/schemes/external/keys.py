"""An issuer's keys as this worker knows them: fetched beside the requests, kept while the issuer is away, with an end.

One thread fetches, and asks SQL for what other workers have fetched; requests wait for it, bounded, or go on with what
is known. No lock is held while anything is waited for but the very thread whose answer is needed.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import NamedTuple

from django.db import connections

from stockade import conf
from stockade.core import clock
from stockade.core.errors import Unavailable
from stockade.events import emit
from stockade.events.catalogue import Event
from stockade.schemes.external import shelf
from stockade.schemes.external.conf import Issuer
from stockade.schemes.external.discovery import jwks_of
from stockade.schemes.external.fetching import FetchFailed
from stockade.schemes.external.jwks import NO_KEY, Key, Unusable, parse

_log = logging.getLogger("stockade.schemes")
_LONGEST = 300.0  # seconds between two tries while it is away
_THREAD = "stockade-issuer-keys"
_POLL = 0.05  # seconds between two looks at what another worker is fetching
_AWAY = "The keys that this credential is verified with cannot be had at the moment. Try again shortly."


class Held(NamedTuple):
    """Keys, and since when they are known.

    Args:
        keys: by kid.
        fetched_at: seconds since the epoch.
    """

    keys: dict[str, Key]
    fetched_at: float


class _Fetch:
    """One fetch under way.

    Args:
        patience: seconds for which requests wait for it, all together: a resolver may take far longer than TIMEOUT,
            and under ASGI those who wait take turns.
    """

    __slots__ = ("_until", "done")

    def __init__(self, patience: float) -> None:
        self.done = threading.Event()
        self._until = time.monotonic() + patience

    def wait(self) -> bool:
        """Whether it has ended."""
        return self.done.wait(max(0.0, self._until - time.monotonic()))


class IssuerKeyring:
    """The keys of one issuer.

    Args:
        issuer: whose.
    """

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._lock = threading.Lock()  # for the fields below, never while anything is waited for
        self._held: Held | None = None
        self._fetch: _Fetch | None = None
        self._next_at = 0  # tick before which nothing is fetched
        self._failures = 0

    def find(self, kid: str) -> Key | None:
        """The key of this name; None where the issuer has none.

        Waits for a fetch, at most TIMEOUT, where nothing is known, what is known is old, or this key is not known.

        Raises:
            Unavailable: the keys cannot be had, and those that were known are too old.
        """
        held = self._fresh()
        found = held.keys.get(kid)
        if found is None and self._wait():
            held = self._fresh()
            found = held.keys.get(kid)
        return found

    def still(self, kid: str, thumbprint: str) -> bool:
        """Whether the issuer still has the key that verified a token.

        Raises:
            Unavailable: see `find`.
        """
        found = self._fresh().keys.get(kid)
        return found is not None and found.thumbprint == thumbprint

    def _fresh(self) -> Held:
        held, now = self._held, clock.now()
        refresh = self._issuer.refresh
        if held is not None:
            age = now - held.fetched_at
            if 0 <= age < refresh:
                return held
            if 0 <= age < 2 * refresh:
                self._begin()
                return held
        self._wait()
        held = self._held
        if held is None or clock.now() - held.fetched_at > self._issuer.keep:
            raise Unavailable(_AWAY, retry_after=self._retry_after(), reason="issuer_away")
        return held

    def _retry_after(self) -> int:
        return max(1, round((self._next_at - clock.ticks()) / 1_000_000))

    def _wait(self) -> bool:
        """Have the keys fetched if that may be; whether a fetch has ended meanwhile."""
        fetch = self._begin()
        if fetch is None:
            return False
        return fetch.wait()

    def _begin(self) -> _Fetch | None:
        """The fetch under way, or a new one; None while the issuer is left alone."""
        with self._lock:
            if self._fetch is not None:
                return self._fetch
            if clock.ticks() < self._next_at:
                return None
            fetch = self._fetch = _Fetch(self._issuer.timeout + 0.5)
            self._next_at = clock.ticks() + self._pause()
        try:
            threading.Thread(target=self._run, args=(fetch,), name=_THREAD, daemon=True).start()
        except RuntimeError:  # no more threads: as if it had failed
            self._end(fetch)
        return fetch

    def _pause(self) -> int:
        back_off = self._issuer.back_off
        seconds: float = min(max(_LONGEST, back_off), back_off * 2**self._failures)
        return round(seconds * 1_000_000)

    # -- in the thread -------------------------------------------------------------------------------------------

    def _run(self, fetch: _Fetch) -> None:
        try:
            self._obtain()
        except Exception as error:  # noqa: BLE001 - a thread has nobody to raise to, and a stuck fetch would be for ever
            _log.warning("the keys of the issuer %s: %s", self._issuer.name, type(error).__name__)
            self._failed(type(error).__name__)
        finally:
            try:
                connections.close_all()
            finally:
                self._end(fetch)

    def _end(self, fetch: _Fetch) -> None:
        with self._lock:
            if self._fetch is fetch:
                self._fetch = None
        fetch.done.set()

    def _obtain(self) -> None:
        issuer = self._issuer
        if self._take():
            return
        # A little less than BACK_OFF: this worker's own pause has just ended, and the row was written after it began.
        if not shelf.claim(issuer.issuer, issuer.back_off * 0.9):
            self._take_from_other()
            return
        try:
            document = jwks_of(issuer)
        except FetchFailed as error:
            self._failed(error.reason)
            return
        try:
            keys = parse(document, issuer)
        except Unusable as error:
            if error.reason == NO_KEY:
                shelf.put(issuer.issuer, document)
                self._withdraw(tell=True)
            self._failed(error.reason)
            return
        shelf.put(issuer.issuer, document)
        self._adopt(Held(keys, clock.now()))

    def _take(self) -> bool:
        """Take what another worker has fetched, if that is newer than what is known, and new."""
        found = shelf.take(self._issuer.issuer)
        held, now = self._held, clock.now()
        known = held.fetched_at if held is not None else 0.0
        if found is None or not known < found.fetched_at <= now + 60:
            return False
        try:
            keys = parse(found.document, self._issuer)
        except Unusable as error:
            if error.reason == NO_KEY:
                self._withdraw(tell=False)
            return False  # or another version of ours wrote it
        # Only the answer of a moment ago is as good as a fetch; an older one tides over.
        answers = now - found.fetched_at < min(self._issuer.refresh, self._issuer.back_off)
        self._adopt(Held(keys, min(found.fetched_at, now)), answers=answers, tell=False)
        return answers

    def _take_from_other(self) -> None:
        deadline = time.monotonic() + self._issuer.timeout
        while time.monotonic() < deadline:
            if self._take():
                return
            time.sleep(_POLL)

    def _adopt(self, new: Held, *, answers: bool = True, tell: bool = True) -> None:
        """Go on with these keys.

        Args:
            new: the keys.
            answers: whether that means that the issuer is there.
            tell: whether this worker has fetched them, and tells the log of what has changed.
        """
        with self._lock:
            old, self._held = self._held, new
            away = self._failures
            if answers:
                self._failures = 0
        name = self._issuer.name
        if away and answers:
            emit(Event.ISSUER_BACK, details={"issuer": name})
        if tell and old is not None and _names(old) != _names(new):
            added, gone = _listed(_names(new) - _names(old)), _listed(_names(old) - _names(new))
            emit(Event.ISSUER_KEYS, details={"issuer": name, "added": added, "gone": gone})

    def _withdraw(self, *, tell: bool) -> None:
        """Know no keys any more: the issuer is there, and has taken back every one that there was.

        To keep them as while it is away would be to believe a stolen key for KEEP, which nobody publishes any more.
        """
        with self._lock:
            old, self._held = self._held, None
        if tell and old is not None:
            emit(
                Event.ISSUER_KEYS,
                details={"issuer": self._issuer.name, "added": "", "gone": _listed(_names(old))},
            )

    def _failed(self, reason: str) -> None:
        with self._lock:
            self._failures = min(self._failures + 1, 16)
            first = self._failures == 1
            self._next_at = clock.ticks() + self._pause()
        if first:
            emit(Event.ISSUER_AWAY, reason=reason, details={"issuer": self._issuer.name})


def _names(held: Held) -> set[tuple[str, str]]:
    return {(key.kid, key.thumbprint) for key in held.keys.values()}


def _listed(keys: set[tuple[str, str]]) -> str:
    return " ".join(sorted(thumbprint[:12] for _, thumbprint in keys))[:200]


# -- of this process -------------------------------------------------------------------------------------------------

_rings: dict[str, IssuerKeyring] = {}


def ring_of(issuer: Issuer) -> IssuerKeyring:
    """The keys of an issuer in this process."""
    found = _rings.get(issuer.name)
    return found if found is not None else _rings.setdefault(issuer.name, IssuerKeyring(issuer))


def join(seconds: float = 10.0) -> None:
    """Wait for fetches that are under way; for tests."""
    for thread in threading.enumerate():
        if thread.name == _THREAD:
            thread.join(seconds)


@conf.on_change
def forget() -> None:
    """Know no keys; for other settings, and in a child of a fork, where a thread that fetched is not."""
    global _rings  # noqa: PLW0603
    _rings = {}


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget)
