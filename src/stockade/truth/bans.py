"""`ban` and `unban`, `allow` and `disallow`: entries of the lists, each change felt on the next request everywhere."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

from django.db import router

from stockade.conf import duration
from stockade.core import clock, tenant
from stockade.core.context import current
from stockade.database import again
from stockade.gate.lists import Entry
from stockade.gate.protocol import LISTS
from stockade.models import ListEntry
from stockade.truth import lists
from stockade.truth.change import changing

Expires = str | float | datetime.timedelta | datetime.datetime | None
_DENY, _ALLOW = ListEntry.Verb.DENY, ListEntry.Verb.ALLOW


def ban(
    address: str | None = None,
    *,
    user: Any = None,
    session: object = None,
    service: str | None = None,
    reason: str = "",
    expires: Expires = None,
    by: str = "",
) -> ListEntry:
    """Refuse an address or a caller from the next request on, in every worker. Once more changes the entry.

    Args:
        address: an address or a CIDR block; IPv4-mapped IPv6 counts as IPv4.
        user: a user or a user's primary key.
        session: the id of a session or of a credential.
        service: a service's name, as the log has it: the subject of a caller that is no user, such as a key's owner.
        reason: for operators, at most 200 characters; the client is never told.
        expires: when it ends by itself: ``"7d"``, seconds, a timedelta, or an aware datetime; None for never.
        by: who does this; by default who calls in the request at hand.

    Raises:
        ValueError: not exactly one of them is given, or it is none; the message says what to write.
        Unavailable: the state is away; nothing was changed then.
    """
    return put(_DENY, *target(address, user, session, service), reason=reason, expires=expires, by=by)


def allow(address: str, *, reason: str = "", expires: Expires = None, by: str = "") -> ListEntry:
    """Let an address in that a wider or equal ban keeps out. It lifts no limit and no other ban.

    Args, Raises: as `ban`.
    """
    return put(_ALLOW, *target(address, None, None), reason=reason, expires=expires, by=by)


def unban(
    address: str | None = None, *, user: Any = None, session: object = None, service: str | None = None
) -> bool:
    """Take away the ban of exactly this address or block, user, session or service; False if there is none.

    Args, Raises: as `ban`.
    """
    return drop(_DENY, *target(address, user, session, service))


def disallow(address: str) -> bool:
    """Take away what `allow` has written; False if there is nothing."""
    return drop(_ALLOW, *target(address, None, None))


def target(address: str | None, user: Any, session: object, service: str | None = None) -> tuple[str, str]:
    """Kind and value of the one thing that is given, in its one spelling.

    Raises:
        ValueError: not exactly one is given, or it is none.
    """
    given = [
        (kind, one)
        for kind, one in (("address", address), ("user", user), ("session", session), ("service", service))
        if one is not None
    ]
    if len(given) != 1:
        raise ValueError(
            'Write one of them: an address, user=..., service=... or session=..., such as ban("192.0.2.7").'
        )
    kind, one = given[0]
    if kind == "user":
        one = _subject(one)
        if one is None:
            raise ValueError("A user without a primary key has not been saved yet.")
    if kind == "address" and not isinstance(one, str):
        raise ValueError(f"{type(one).__name__} is no address. Write text, or user=... for a user.")
    entry = ListEntry(kind=kind, value=str(one))
    entry.normalise()
    return kind, entry.value


def _subject(user: Any) -> Any:
    """The subject of a user; of a primary key it is made when the entry is spelled, and None is nobody."""
    pk = getattr(user, "pk", user)
    return pk if pk is None or pk is user else tenant.subject(pk)


def end(expires: Expires) -> datetime.datetime | None:
    """The moment that is meant.

    Raises:
        ValueError: it is no time, or over already.
    """
    if expires is None:
        return None
    now = clock.now_datetime()
    if not isinstance(expires, datetime.datetime):
        return now + datetime.timedelta(seconds=duration(expires))
    if expires.tzinfo is None:
        raise ValueError("Write a time with a time zone, as django.utils.timezone.now() has it.")
    if expires <= now:
        raise ValueError("That is over already. Write a time to come.")
    return expires


def put(
    verb: str, kind: str, value: str, *, reason: str = "", expires: Expires = None, by: str = ""
) -> ListEntry:
    """Write an entry, or the new reason and end of the one that is there.

    Raises:
        ValueError: the end is no time to come, or the reason too long. Unavailable: the state is away.
    """
    until = end(expires)
    if len(reason) > 200 or not reason.isprintable():
        raise ValueError("Write a reason of at most 200 printable characters, on one line.")
    using = database()
    rows = ListEntry.objects.using(using)

    def write() -> ListEntry:
        # Locks the epoch's row first of all: of two who ban the same, the second finds what the first has written.
        with changing([LISTS], using=using):
            found = rows.filter(verb=verb, kind=kind, value=value).first()
            entry = found or ListEntry(verb=verb, kind=kind, value=value)
            entry.reason, entry.expires_at = reason, until
            entry.created_at, entry.created_by = clock.now_datetime(), by or caller()
            entry.save(using=using)
        return entry

    return again(write, using)


def drop(verb: str, kind: str, value: str) -> bool:
    """Delete an entry; whether there was one."""
    found = ListEntry.objects.using(database()).filter(verb=verb, kind=kind, value=value)
    return bool(remove(found.values_list("pk", flat=True)))


def remove(ids: Iterable[int]) -> int:
    """Delete entries by id; returns how many there were.

    Raises:
        Unavailable: the state is away; nothing was changed then.
    """
    using, wanted = database(), list(ids)

    def delete() -> int:
        with changing([LISTS], using=using):
            _, by_model = ListEntry.objects.using(using).filter(pk__in=wanted).delete()
        return by_model.get("stockade.ListEntry", 0)

    return again(delete, using)


def shuts_out(value: str, address: str) -> bool:
    """Whether a ban of `value` would refuse `address`, as the lists are now; for whoever is about to ban himself."""
    who = lists.Asked(address)
    found = lists.hit(lists.about(who, Entry("new", False, ListEntry.Kind.ADDRESS, value)), who)
    return found is not None and found.entry == "new"


def prune(keep: float = 30 * 86400) -> int:
    """Delete entries that ran out more than `keep` seconds ago; returns how many. Nobody feels it."""
    before = clock.now_datetime() - datetime.timedelta(seconds=keep)
    using = database()
    old = ListEntry.objects.using(using).filter(expires_at__lt=before)
    return old._raw_delete(using)  # noqa: SLF001 - no signals: they refuse nobody any more


def database() -> str:
    """The database that entries are written to."""
    return router.db_for_write(ListEntry)


def caller() -> str:
    """Who calls in the request at hand, as the log names it."""
    context = current.get()
    principal = context.principal if context is not None else None
    return principal.subject if principal is not None else ""
