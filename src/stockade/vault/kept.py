"""Keeps what a secrets manager has said: read again in the background, and the last good value while it is away."""

from __future__ import annotations

import os
import secrets as _random
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.vault import telling
from stockade.vault.place import WHOLE, Answer, Away, Bad, Source
from stockade.vault.telling import Notice, What
from stockade.vault.text import Secret

RETRY = 2.0  # seconds after the first failure; each further one doubles it, up to the lifetime
STUCK = 4  # threads that wait for a server that neither answers nor hangs up, until no more are made
GRACE = 4.0  # seconds that the first question may take longer: its library is imported before it
_MICRO = 1_000_000

_HELP = {
    "absent": "There is nothing at that path, or not in that namespace.",
    "answer": "What answers there is no secrets manager.",
    "certificate": "Its certificate is not one of an authority that is trusted: see the option ca.",
    "damaged": "What it sent does not have the checksum that it names.",
    "denied": "The credential is wrong, has expired, or its policy does not reach that path.",
    "not_json": "The entry is no JSON object; for an entry for each secret end the URL with a slash.",
    "redirect": "It redirects elsewhere, and a credential is not carried there: name the host that answers.",
    "sealed": "It is sealed.",
}


@dataclass(frozen=True, slots=True)
class _Entry:
    values: Mapping[str, Secret | Bad] = field(repr=False)
    order: float
    version: str
    due: int  # ticks
    failing: str = ""
    tries: int = 0
    made: float | None = None


@dataclass(slots=True)
class _Flight:
    """One question under way; whoever needs its answer waits for it, whoever has a value does not."""

    done: threading.Event = field(default_factory=threading.Event)
    reason: str = "timeout"
    error: ConfigurationError | None = None
    pause_until: int = 0
    late_at: int = 0
    given_up: bool = False
    thread: threading.Thread | None = None


class Kept:
    """A provider over a secrets manager.

    The first question waits for the answer, at most the URL's `timeout` and GRACE. Later ones take what is kept, at the
    cost of a look into a dict; one older than `lifetime` is asked for again by a thread, which nobody waits for.

    Args:
        source: the secrets manager.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.name = source.address.scheme
        self._entries: dict[str, _Entry] = {}
        self._flights: dict[str, _Flight] = {}
        self._stuck: list[_Flight] = []
        self._guard = threading.Lock()
        self._pid = os.getpid()
        _all.add(self)

    def __repr__(self) -> str:
        return f"Kept({self.source.address.shown!r})"

    def remedy(self, name: str) -> str:
        return self.source.remedy(name)

    def find(self, name: str) -> Secret | None:
        document = self.source.document(name)
        entry = self._entries.get(document)
        if entry is None:
            entry = self._first(document)
        elif clock.ticks() >= entry.due:
            self._fly(document)
        found = entry.values.get(WHOLE if self.source.address.folder else name)
        if isinstance(found, Bad):
            raise ConfigurationError(
                "stockade.E063",
                f"The secret {name} in {self.source.address.shown} {found.why}.",
                "Write the secret alone, without quotes or spaces.",
            )
        return found

    def version(self, name: str) -> str | None:
        """Which version of this secret is kept; None where none is."""
        entry = self._entries.get(self.source.document(name))
        return entry.version if entry is not None else None

    def made(self, name: str) -> float | None:
        """When the kept version was made, in seconds since the epoch; None where the place does not tell."""
        entry = self._entries.get(self.source.document(name))
        return entry.made if entry is not None else None

    def refresh(self) -> None:
        """Ask now for everything that is kept, and wait for it; for commands and tests."""
        timeout = self.source.address.timeout
        for document in list(self._entries):
            under_way = self._flights.get(document)
            if under_way is not None:  # it may have been asked before what we are called for was changed
                under_way.done.wait(timeout)
            self._fly(document).done.wait(timeout)

    def overdue(self) -> list[threading.Event]:
        """Ask for what is older than its lifetime; what is set when each answer is there."""
        now = clock.ticks()
        return [
            self._fly(document).done for document, entry in list(self._entries.items()) if now >= entry.due
        ]

    def _first(self, document: str) -> _Entry:
        flight = self._fly(document)
        flight.done.wait(self.source.address.timeout + GRACE)
        entry = self._entries.get(document)
        if entry is not None:
            return entry
        if flight.error is not None:
            raise flight.error
        raise ConfigurationError(
            "stockade.E065",
            f"{self.source.address.shown} gives no secrets ({flight.reason}).",
            _HELP.get(flight.reason, "Is it up, and can it be reached from here?"),
        )

    def _fly(self, document: str) -> _Flight:
        if self._pid != os.getpid():  # a server that forks in C, such as uWSGI, tells nobody
            self.after_fork()
        late = None
        with self._guard:
            flight = self._flights.get(document)
            if flight is not None:
                if not flight.done.is_set():
                    if clock.ticks() < flight.late_at:
                        return flight
                    # It answers by a byte now and then, which no time-out of a socket ends. Its connection is dropped.
                    flight.given_up, late = True, flight
                    self._stuck = [one for one in self._stuck if one.thread and one.thread.is_alive()]
                    self._stuck.append(flight)
                    self.source.forget()
                elif clock.ticks() < flight.pause_until:
                    return flight
            if late is None:
                flight = self._started(document)
        if late is not None:
            self._failed(document, late, "timeout")
            late.done.set()
            return late
        assert flight is not None  # noqa: S101 - one of the two
        return flight

    def _started(self, document: str) -> _Flight:
        flight = self._flights[document] = _Flight()
        flight.late_at = clock.ticks() + int((self.source.address.timeout + GRACE) * _MICRO)
        flight.thread = threading.Thread(
            target=self._settle, args=(document, flight), name="stockade-vault", daemon=True
        )
        self._stuck = [one for one in self._stuck if one.thread and one.thread.is_alive()]
        if len(self._stuck) >= STUCK:
            flight.pause_until = clock.ticks() + int(RETRY * _MICRO)
            flight.done.set()
            return flight
        try:
            flight.thread.start()
        except RuntimeError:  # at the interpreter's end none start; what is kept is kept
            flight.done.set()
        return flight

    def _settle(self, document: str, flight: _Flight) -> None:
        try:
            answer = self.source.ask(document)
            kept = self._entries.get(document)
            if kept is not None and answer.order < kept.order:
                raise Away("rollback")
        except Away as away:
            if flight.given_up:
                return
            kept = self._entries.get(document)
            if away.reason == "absent" and self.source.address.folder and (kept is None or not kept.values):
                # An entry that nobody has made: the next place may have it.
                self._take(document, Answer({}, kept.order if kept is not None else 0.0))
            else:
                self._failed(document, flight, away.reason)
        except ConfigurationError as error:
            flight.error = error
            if not flight.given_up:
                self._failed(document, flight, error.id)
        except Exception as error:  # noqa: BLE001 - a thread has nobody to raise to, and a library's message may quote
            if not flight.given_up:
                self._failed(document, flight, type(error).__name__)
        else:
            if not flight.given_up:
                self._take(document, answer)
        finally:
            flight.done.set()

    def _failed(self, document: str, flight: _Flight, reason: str) -> None:
        flight.reason = reason
        flight.pause_until = clock.ticks() + int(RETRY * _MICRO) if document not in self._entries else 0
        kept = self._entries.get(document)
        if kept is None:
            return
        wait = min(self.source.address.lifetime, RETRY * 2 ** min(kept.tries, 16))
        self._entries[document] = replace(
            kept, due=clock.ticks() + int(wait * _MICRO), failing=reason, tries=kept.tries + 1
        )
        if kept.failing != reason:
            self._tell(What.AWAY, document, reason, (), kept.version)

    def _take(self, document: str, answer: Answer) -> None:
        kept = self._entries.get(document)
        values = dict(answer.fields)
        spoilt = []
        if kept is not None:
            for name, found in answer.fields.items():
                before = kept.values.get(name)
                if isinstance(found, Bad) and isinstance(before, Secret):
                    values[name] = before
                    spoilt.append(name)
        # Spread, so that not all workers ask at the same moment.
        wait = self.source.address.lifetime * (90 + _random.randbelow(21)) / 100
        reason = "malformed" if spoilt else ""
        self._entries[document] = _Entry(
            values, answer.order, answer.version, clock.ticks() + int(wait * _MICRO), reason, made=answer.made
        )
        if kept is None:
            return
        if spoilt and kept.failing != reason:
            self._tell(What.AWAY, document, reason, tuple(spoilt), answer.version)
        elif kept.failing and not spoilt:
            self._tell(What.BACK, document, "", (), answer.version)
        changed = sorted(
            name for name in {*values, *kept.values} if values.get(name) != kept.values.get(name)
        )
        if changed:
            self._tell(What.CHANGED, document, "", tuple(changed), answer.version)

    def _tell(self, what: What, document: str, reason: str, names: tuple[str, ...], version: str) -> None:
        if self.source.address.folder:
            names = (document.rpartition("/")[2],)
        telling.tell(Notice(what, self.source.address.shown, reason, names, version))

    def after_fork(self) -> None:
        """The parent's threads are not here: their questions are forgotten, and their connections dropped."""
        self._guard = threading.Lock()
        self._flights, self._stuck = {}, []
        self._pid = os.getpid()
        self.source.forget()


_all: weakref.WeakSet[Kept] = weakref.WeakSet()


def refresh() -> None:
    """Ask every secrets manager now for everything that is kept of it."""
    for kept in list(_all):
        kept.refresh()


def catch_up() -> None:
    """Ask every secrets manager for what is older than its lifetime, and wait for the answers; all at once."""
    begin = time.monotonic()
    waiting = [(kept, done) for kept in list(_all) for done in kept.overdue()]
    for kept, done in waiting:
        done.wait(max(0.0, begin + kept.source.address.timeout - time.monotonic()))


def _after_fork() -> None:
    telling.after_fork()
    for kept in list(_all):
        kept.after_fork()


os.register_at_fork(after_in_child=_after_fork)
