"""The counts of one process: in memory, added to those of the others about once a second."""

from __future__ import annotations

import atexit
import threading
from contextlib import suppress
from typing import Protocol

from stockade.conf import on_change
from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.events.bus import under_test
from stockade.gate import forks
from stockade.observe import place
from stockade.observe.rows import HOUR, LAST_HOUR, METHODS, OTHERS, Key, Row, Tally
from stockade.observe.store import Store

MAX_KEYS = 4096
INTERVAL = 1.0
KEEP_EVERY = 600.0  # seconds between two copies that are synced to disk
_SLOWEST = 60.0  # seconds between two tries to write where that fails
_READER = 5.0  # seconds that a reader waits for its turn
_LAST = 2.0  # and a process that ends: another one that ends may just have its copy synced


class Source(Protocol):
    """What collects by itself, and counts it when asked."""

    def settle(self) -> None:
        """Count what has been collected, by `Counts.count`."""


class Counts:
    """Counts what `note` is told, and reads what all processes have counted.

    Args:
        store: where they are kept; without it the project's, and under a test run none.
    """

    def __init__(self, store: Store | None = None) -> None:
        self._given = self._store = store
        self._pending: dict[Key, Tally] = {}
        # Reentrant: a signal's handler may count while this thread is counting.
        self._lock = threading.RLock()
        self._flushing = threading.Lock()
        self._frozen = False
        self._flushed = 0.0
        self._pause = INTERVAL
        self._timed = False
        self._tests = False
        self._sources: tuple[Source, ...] = ()
        self._known = False  # whether the end of the process and its forks are watched
        on_change(self._forget)

    def note(self, view: str, method: str, kind: str, reason: str, at: float | None = None) -> None:
        """Count one. Never raises, never waits.

        Args:
            view: its dotted name; never a path.
            method: the HTTP method.
            kind: ``policies``, ``limits``, ``input`` or ``edge``.
            reason: as in events.
            at: when, in seconds since 1970; now by default.
        """
        try:
            now = clock.now()
            self.count(view, method, kind, reason, now if at is None else at)
            if not 0 <= now - self._flushed < self._pause:
                self._try(now)
            elif not self._timed:
                self._time()
        except Exception:  # noqa: BLE001, S110 - whatever it is, the request that is counted goes on
            pass

    def count(self, view: str, method: str, kind: str, reason: str, at: float) -> None:
        """Count one, and write nothing now; see `note`.

        Raises:
            TypeError: what is counted is no text.
        """
        # Equal to the Key that it stands for, and quicker made.
        key = (view, method, kind, reason, at // HOUR)
        with self._lock:
            tally = self._pending.get(key)  # type: ignore[call-overload]
            if tally is None:
                self._begin(Key(view, method, kind, reason, int(at // HOUR)), at)
            else:
                tally.count += 1
                if at > tally.last:
                    tally.last = at
                elif at < tally.first:
                    tally.first = at

    def attach(self, source: Source) -> None:
        """Ask `source` too, before anything is written or read."""
        self._watch()
        with self._lock:
            self._sources = (*self._sources, source)

    def detach(self, source: Source) -> None:
        """Ask `source` no more."""
        with self._lock:
            self._sources = tuple(found for found in self._sources if found is not source)

    def expect(self) -> None:
        """A source has something: if nobody writes within about a second, do it then."""
        if not self._timed:
            self._time()

    def _settle(self) -> None:
        for source in self._sources:
            with suppress(Exception):  # as in `note`
                source.settle()

    def _begin(self, key: Key, at: float) -> None:
        """A key that is not counted yet, with the lock held. How many there are is for strangers to choose."""
        view, method, kind, reason, hour = key
        # What cannot be written would keep all the rest from being written: TypeError for what is no text.
        _ = view + method + kind + reason
        if not 0 <= hour < LAST_HOUR:
            return
        if method not in METHODS:
            key = Key(view, OTHERS, kind, reason, hour)
        self._add(key, Tally(1, at, at))

    def _add(self, key: Key, tally: Tally) -> None:
        if key not in self._pending and len(self._pending) >= MAX_KEYS:
            key = Key(OTHERS, OTHERS, key.kind, OTHERS, key.hour)
        found = self._pending.get(key)
        if found is None:
            self._pending[key] = tally
        else:
            found.add(tally.count, tally.first, tally.last)

    # -- writing -----------------------------------------------------------------------------------------------------

    def flush(self) -> bool:
        """Write what is pending; returns whether nothing is left to write. Never raises, never waits long."""
        self._settle()
        if not self._flushing.acquire(False):
            return False
        try:
            store = self._the_store()
            if store is None:
                return not self._pending
            with self._lock:
                taken, self._pending = self._pending, {}
            try:
                if taken:
                    store.add(taken, int(clock.now()) // HOUR)
            except Exception:  # noqa: BLE001 - a full disk, a folder of another's: counting goes on in memory
                with self._lock:
                    for key, tally in taken.items():
                        self._add(key, tally)
                return False
            return True
        except (ConfigurationError, OSError):
            return False
        finally:
            self._flushing.release()

    def _try(self, now: float) -> None:
        self._flushed = now
        self._watch()
        self._pause = INTERVAL if self.flush() else min(self._pause * 2, _SLOWEST)

    def _time(self) -> None:
        """Where no further request comes, what was counted last is written all the same."""
        self._timed = True
        if self._the_store() is not None:
            timer = threading.Timer(self._pause * 1.5, self._timer)
            timer.daemon = True
            timer.start()

    def _timer(self) -> None:
        self._timed = False
        self._settle()
        if self._pending and not 0 <= clock.now() - self._flushed < self._pause:
            self._try(clock.now())
        with suppress(Exception), self._flushing:
            if self._store is not None:
                self._store.keep(KEEP_EVERY)

    def _the_store(self) -> Store | None:
        """Where to write; None in a process that runs tests, whose traffic is nobody's."""
        with self._lock:  # one process opens a file once
            if self._store is None:
                # For good: at the end of such a process Django's test environment is gone, and what was counted is not.
                self._tests = self._tests or under_test()
                if not self._tests:
                    self._store = Store(place.directory())
            return self._store

    def _forget(self) -> None:
        """Settings have changed: what is pending belongs to where it was counted."""
        if self._given is None and self._store is not None:
            self.flush()
            with self._flushing:
                self._store.close()
                self._store = None

    # -- reading -----------------------------------------------------------------------------------------------------

    def read(self, since: float | None = None) -> list[Row]:
        """What all processes have counted; of other processes, all but about the last second.

        Args:
            since: seconds since 1970; what was last counted before is left out. Counts are kept by the hour, so those
                of the hour that it falls into are told whole.

        Raises:
            ConfigurationError: the place where they lie cannot be used. Unavailable: it is busy.
        """
        self.flush()
        return self._rows(self._stored(since), since)

    def unwritten(self) -> list[Row]:
        """What this process has counted and not written yet."""
        self._settle()
        return self._rows([], None)

    def _rows(self, stored: list[tuple[Key, Tally]], since: float | None) -> list[Row]:
        found: dict[tuple[str, str, str, str], Tally] = {}
        with self._lock:
            listed = [(key, Tally(t.count, t.first, t.last)) for key, t in self._pending.items()]
        for key, tally in [*stored, *listed]:
            if since is not None and tally.last < since:
                continue
            if key[:4] in found:
                found[key[:4]].add(tally.count, tally.first, tally.last)
            else:
                found[key[:4]] = tally
        return [Row(*what, t.count, t.first, t.last) for what, t in sorted(found.items())]

    def _stored(self, since: float | None) -> list[tuple[Key, Tally]]:
        store = self._the_store()
        if store is None:
            return []
        with self._flushing, store.patient(_READER):
            return store.tallies(since)

    def clear(self) -> None:
        """Forget what all processes have counted.

        Raises:
            ConfigurationError: the place where they lie cannot be used. Unavailable: it is busy.
        """
        self._settle()
        store = self._the_store()
        with self._flushing:
            with self._lock:
                self._pending = {}
            if store is not None:
                with store.patient(_READER):
                    store.clear()

    # -- life --------------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        if not self._known:
            self._known = True
            forks.watch(self)
            atexit.register(self.end)

    def end(self) -> None:
        """The process ends: write what is pending."""
        with suppress(Exception):
            store = self._the_store()
            if store is not None:
                with store.patient(_LAST):
                    self.flush()
                    store.keep()
                store.close()

    def before_fork(self) -> None:
        """Have no thread in a transaction: the child would be left with half of it."""
        self._frozen = self._flushing.acquire(timeout=1)

    def after_fork_parent(self) -> None:
        """Go on."""
        if self._frozen:
            self._flushing.release()
        self._frozen = False

    def after_fork_child(self) -> None:
        """In a child: what is pending is the parent's to write."""
        busy = self._flushing.locked() and not self._frozen
        self._lock, self._flushing = threading.RLock(), threading.Lock()
        self._frozen = self._timed = False
        self._pending = {}
        if self._store is not None:
            self._store.after_fork_child(busy=busy)
