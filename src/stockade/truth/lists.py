"""This worker's copy of the ban and allow lists: read again when their epoch moves, asked of SQL while they change."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple

from django.db import DatabaseError, connections, router
from django.db.models import Count, Max, Q, QuerySet

from stockade.conf import load, on_change
from stockade.core import clock
from stockade.core.errors import Banned
from stockade.database import aside, snapshot_is_old
from stockade.gate.conf import AddressSettings
from stockade.gate.lists import NEVER, STATIC, Entry, Hit, Lists, covering
from stockade.gate.protocol import DIRTY, Verdict
from stockade.models import ListEntry
from stockade.truth.loading import on_world_change
from stockade.truth.reconciler import reconcile_soon

_log = logging.getLogger("stockade.truth")
# What sends no signal (`QuerySet.update`, raw SQL, memory:// in another process) bites within 30 seconds: a copy is
# read again after 20, and a long one, which is read aside, is believed for 10 more meanwhile. Of a long one only the
# number and the newest of its rows are read so often, which shows what was added or removed; all of it later, in
# proportion: reading 100,000 keeps a processor busy for a third of a second.
_SOFT = 20_000_000  # microseconds
_HARD = 10_000_000
LONG = 5_000  # entries; reading more takes so long that a request does not wait for it

_current = Lists()
_stamp = (-1, -1)  # of the table when a long list was read from it, see `_stamp_now`
_suspected = _for_new_state = False  # see `begin_empty`
_whole_until = 0  # the tick from which on all of it is read again
_lock = threading.Lock()
_thread: threading.Thread | None = None


class Asked(NamedTuple):
    """Who is asked about.

    Args:
        address: the client's.
        subject: of a user, its primary key as text; "" for anybody else.
        sessions: ids of the session and the credential.
        service: of a service, its subject; "" for anybody else.
    """

    address: str = ""
    subject: str = ""
    sessions: tuple[str, ...] = ()
    service: str = ""


def current() -> Lists:
    """The copy of this worker, as it is."""
    return _current


def stale(lists: Lists, verdict: Verdict) -> bool:
    """Whether `under` must be asked before `lists` may answer for `verdict`."""
    # An empty state says nothing about what has moved.
    return verdict.lists != lists.epoch or clock.ticks() >= lists.until or not verdict.marker


def under(verdict: Verdict, who: Asked) -> Lists:
    """Lists that answer about `who` as SQL does now. May ask SQL: not in an event loop.

    Args:
        verdict: of the gate, asked for before this.

    Raises:
        django.db.DatabaseError: SQL must be asked and does not answer; nobody is let in then.
    """
    lists = _current
    if not verdict.marker:
        return about(who)
    if verdict.lists == DIRTY:
        reconcile_soon()
        return about(who)
    now = clock.ticks()
    if now < lists.until and verdict.lists <= lists.epoch:
        return lists  # read by another thread, under this epoch or a later one
    if lists.size > LONG:
        _read_aside(verdict)
        if verdict.lists == lists.epoch and now < lists.until + _HARD:
            return lists
        return about(who)
    if not _lock.acquire(blocking=False):
        return about(who)
    try:
        return _now(lambda: _read(verdict))
    finally:
        _lock.release()


def hit(lists: Lists, who: Asked) -> Hit | None:
    """Why `who` is refused; None if not."""
    if not lists.guarded:
        return None
    now = clock.now()
    found = lists.of_address(who.address, now) if who.address else None
    if found is None and lists.callers:
        found = lists.of_user(who.subject, now) or lists.of_sessions(who.sessions, now)
        if found is None and who.service:
            found = lists.of_service(who.service, now)
    return found


def find(verdict: Verdict, who: Asked) -> Hit | None:
    """Why `who` is refused under a verdict that was asked for just now. May ask SQL, see `under`.

    Raises:
        django.db.DatabaseError: as `under`.
    """
    lists = _current
    return hit(under(verdict, who) if stale(lists, verdict) else lists, who)


def judge(verdict: Verdict, who: Asked) -> None:
    """Refuse `who` if the lists say so; see `find`.

    Raises:
        Banned: they do.
    """
    found = find(verdict, who)
    if found is not None:
        raise Banned(*found)


def forget() -> None:
    """Drop the copy: the settings or the state are others now, or a test wants a clean start."""
    global _current, _for_new_state
    _current, _for_new_state = Lists(), False


def suspect() -> None:
    """Note that the table is not empty, or may not be; for `begin_empty`."""
    global _suspected
    _suspected = True


def begin_empty() -> None:
    """For `stockade.testing`: take the table for empty, as it is at the start of most tests, and ask no SQL for that.

    Call it when the state was filled with nothing. It does nothing after an entry was seen or written, until a reading
    finds the table empty again: a test's own bans may have been written before its state was emptied.
    """
    global _current, _for_new_state
    if not _suspected:
        settings = load(AddressSettings)
        _current = Lists(
            _static(settings), only_allowed=settings.only_allowed, epoch=0, until=clock.ticks() + _SOFT
        )
        _for_new_state = True


def _another_state() -> None:
    global _for_new_state
    if _for_new_state:  # it is the one that the copy was made for
        _for_new_state = False
    else:
        forget()


def join(timeout: float = 10.0) -> None:
    """Wait for a reading aside, if one is under way; for tests."""
    thread = _thread
    if thread is not None:
        thread.join(timeout)


on_change(forget)
on_world_change(_another_state)


# -- SQL ---------------------------------------------------------------------------------------------------------------


def _read(verdict: Verdict, stamp: tuple[int, int] = (-1, -1)) -> Lists:
    """The whole table, with the lock held. Begun after the verdict: so it has what the epoch promises, or more.

    Args:
        stamp: of the table, taken before; what comes between is noticed later.
    """
    global _current, _stamp, _suspected, _whole_until
    read_at = clock.ticks()  # of this host: the verdict's time may be another's
    settings = load(AddressSettings)
    entries = list(_entries(ListEntry.objects.using(_database()).order_by()))
    _suspected = bool(entries)
    lists = Lists(
        [*_static(settings), *entries],
        only_allowed=settings.only_allowed,
        epoch=verdict.lists,
        until=read_at + _SOFT,
    )
    if lists.broken:
        _log.warning("%d entries of the ban list name no address and refuse nobody.", lists.broken)
    _current, _stamp = lists, stamp
    _whole_until = read_at + _SOFT * max(1, lists.size // LONG)
    return lists


def _stamp_now() -> tuple[int, int]:
    """How many rows there are, and the key of the newest."""
    found = ListEntry.objects.using(_database()).aggregate(rows=Count("pk"), newest=Max("pk"))
    return found["rows"], found["newest"] or 0


def _renewed(verdict: Verdict, stamp: tuple[int, int]) -> bool:
    """Whether the copy may be believed for longer without reading all of it again; with the lock held."""
    lists = _current
    if verdict.lists != lists.epoch or clock.ticks() >= _whole_until or stamp != _stamp:
        return False
    lists.until = clock.ticks() + _SOFT
    return True


def about(who: Asked, *more: Entry) -> Lists:
    """What SQL says about one caller, by the index: while the lists change or are read, or the state is away.

    Args:
        more: entries that are not there yet, to see what they would do.
    """
    return _now(lambda: _ask(who, more))


def _now(call: Callable[[], Lists]) -> Lists:
    """Ask SQL as it is now: in an older snapshot a new ban would not be there."""
    return aside(call) if snapshot_is_old(_database()) else call()


def _database() -> str:
    return router.db_for_write(ListEntry)


def _ask(who: Asked, more: Iterable[Entry]) -> Lists:
    settings = load(AddressSettings)
    wanted = Q(kind=ListEntry.Kind.ADDRESS, value__in=covering(who.address))
    if who.subject:
        wanted |= Q(kind=ListEntry.Kind.USER, value=who.subject)
    if who.service:
        wanted |= Q(kind=ListEntry.Kind.SERVICE, value=who.service)
    if who.sessions:
        wanted |= Q(kind=ListEntry.Kind.SESSION, value__in=who.sessions)
    rows = ListEntry.objects.using(_database()).filter(wanted)
    return Lists([*_static(settings), *_entries(rows.order_by()), *more], only_allowed=settings.only_allowed)


def _entries(rows: QuerySet[ListEntry]) -> Iterable[Entry]:
    now = clock.now_datetime()
    columns = ("pk", "verb", "kind", "value", "expires_at")
    live = rows.filter(Q(expires_at=None) | Q(expires_at__gt=now))
    for pk, verb, kind, value, expires in live.values_list(
        *columns
    ):  # no cursor of the server, see `epochs.recent`
        end = NEVER if expires is None else expires.timestamp()
        yield Entry(str(pk), verb == ListEntry.Verb.ALLOW, kind, value, end)


def _static(settings: AddressSettings) -> Iterable[Entry]:
    for value in settings.allow:
        yield Entry(STATIC, True, "address", value)
    for value in settings.deny:
        yield Entry(STATIC, False, "address", value)


def _read_aside(verdict: Verdict) -> None:
    """Have a thread read a long list; requests ask SQL about themselves until it has."""
    global _thread
    if not _lock.acquire(blocking=False):
        return

    def work() -> None:
        try:
            stamp = _stamp_now()
            if not _renewed(verdict, stamp):
                _read(verdict, stamp)
        except DatabaseError as error:
            _log.warning("the ban list could not be read: %s", type(error).__name__)
        finally:
            _lock.release()
            connections.close_all()

    _thread = threading.Thread(target=work, name="stockade-lists", daemon=True)
    _thread.start()


def _after_fork() -> None:
    global _lock, _thread
    _lock, _thread = threading.Lock(), None


os.register_at_fork(after_in_child=_after_fork)
