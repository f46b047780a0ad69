"""The rows behind a session's cookie: its data by a digest, and who is logged in by it."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db import router, transaction

from stockade.conf import load
from stockade.core import clock, methods, tenant
from stockade.core.credential import Credential
from stockade.database import again, is_open
from stockade.events import Event, emit
from stockade.models import Session, SessionData
from stockade.schemes import client
from stockade.schemes.opaque.keys import digest_keys
from stockade.schemes.opaque.rows import note
from stockade.schemes.session import hashes, keys
from stockade.schemes.session.conf import SessionSettings

NAME = "session"
STEP = 500  # rows that are deleted at once


@dataclass(frozen=True, slots=True)
class Proof:
    """When and how a user has proven who he is.

    Args:
        at: when.
        amr, acr: as of `core.credential.Credential`.
    """

    at: datetime.datetime
    amr: frozenset[str] = methods.NONE
    acr: str = ""


def database() -> str:
    """The alias of the database that sessions are written to; they are read there too, for a replica may be late."""
    return router.db_for_write(Session)


def atomically(work: Callable[[], None]) -> None:
    """Run `work` in the transaction at hand, or in one of its own: again then, if the database was busy."""

    def once() -> None:
        with transaction.atomic(using=database()):
            work()

    if is_open(database()):
        once()
    else:
        again(once, database())


def digests(key: str) -> list[str]:
    """Under which digests a key's row may stand, that of today first; none for a key that we have not made."""
    return [keys.digest(one, key) for one in digest_keys()] if keys.is_ours(key) else []


def find(key: str) -> SessionData | None:
    """The row of a session that is not over, with its login; one query, none for a key that we have not made."""
    for digest in digests(key):
        found = SessionData.objects.using(database()).select_related("login").filter(digest=digest).first()
        if found is not None:
            return found if _is_live(found) else None
    return None


def _is_live(row: SessionData) -> bool:
    now, login = clock.now_datetime(), row.login
    if row.expires_at <= now:
        return False
    return login is None or (login.ended_at is None and min(login.expires_at, login.idle_expires_at) > now)


def used(id: uuid.UUID, last: datetime.datetime) -> None:
    """Note that a login is in use, unless that was noted a short while ago."""
    settings, now = load(SessionSettings), clock.now_datetime()
    since = now - datetime.timedelta(seconds=settings.note_every)
    if last > since:
        return
    rows = Session.objects.using(database()).filter(pk=id, ended_at=None, rotated_at__lte=since)
    until = now + datetime.timedelta(seconds=settings.idle)
    note(lambda: rows.update(rotated_at=now, idle_expires_at=until))


def restamp(id: uuid.UUID, kept: str, stamp: str) -> None:
    """Put a login's stamp under the SECRET_KEY of today, before the one that it holds by is no fallback any more."""
    rows = Session.objects.using(database()).filter(pk=id, stamp=kept, ended_at=None)
    note(lambda: rows.update(stamp=stamp))


def open_login(
    user_key: str, session_hash: str, backend: str, former: Session | None, proof: Proof | None
) -> Session:
    """Write down who is logged in by a key that is new.

    Args:
        user_key: the primary key of the user, as Django's login writes it into the session.
        session_hash, backend: of the user, and of who has logged him in, as Django's login writes them.
        former: the login that goes on under the new key; its age and what was proven for it stay.
        proof: what was proven just now; None where nothing was.
    """
    model, now, settings = get_user_model(), clock.now_datetime(), load(SessionSettings)
    pk, whose = model._meta.pk.to_python(user_key), tenant.here()  # noqa: SLF001 - as Django's own login does
    subject = tenant.of(whose, pk)
    where = client.of()
    if proof is None and former is not None:
        proof = Proof(former.auth_time, methods.of_text(former.amr), former.acr)
    if proof is None:  # written into the session by hand: nobody has proven anything
        proof = Proof(datetime.datetime.fromtimestamp(0, datetime.UTC))
    began = now if former is None else former.created_at
    session = Session(
        user_id=pk,
        tenant=whose,
        scheme=NAME,
        kid="",
        stamp=hashes.stamp_of(subject, session_hash, backend),
        created_at=began,
        auth_time=proof.at,
        amr=methods.text(proof.amr),
        acr=proof.acr,
        rotated_at=now,
        idle_expires_at=now + datetime.timedelta(seconds=settings.idle),
        expires_at=began + datetime.timedelta(seconds=settings.absolute),
        user_agent=where.user_agent,
        address=where.address,
    )
    session.save(using=database(), force_insert=True)
    emit(
        Event.TOKEN_CREATED, subject=subject, session=str(session.pk), using=database(),
        reason="login" if former is None else "rotated", credential=Credential(NAME, "", subject, str(session.pk)),
    )  # fmt: skip
    return session


def renew_login(login: Session, session_hash: str, backend: str, proof: Proof | None) -> None:
    """Write down another hash of the same user, or what he has proven, for a key that nobody else has yet."""
    subject = tenant.of(login.tenant, login.user_id)
    login.stamp = hashes.stamp_of(subject, session_hash, backend)
    if proof is not None:
        login.auth_time, login.amr, login.acr = proof.at, methods.text(proof.amr), proof.acr
    Session.objects.using(database()).filter(pk=login.pk).update(
        stamp=login.stamp, auth_time=login.auth_time, amr=login.amr, acr=login.acr
    )


def hold(login: Session) -> bool:
    """Lock a login's row until the transaction ends; whether it has not ended."""
    return bool(Session.objects.using(database()).filter(pk=login.pk, ended_at=None).update(end_reason=""))


def until(login: Session, wanted: datetime.datetime) -> datetime.datetime:
    """When a login is over: as Django's settings have it, and no later than ABSOLUTE allows."""
    settings = load(SessionSettings)
    return min(wanted, login.created_at + datetime.timedelta(seconds=settings.absolute))


def clear(ids: Iterable[Any]) -> None:
    """Delete rows of data; no signals: nobody remembers any of it."""
    rows = SessionData.objects.using(database()).filter(pk__in=list(ids))
    rows._raw_delete(database())  # noqa: SLF001
