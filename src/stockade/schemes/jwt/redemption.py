"""Redeeming a refresh token: one successor however many ask at once, and the end of the session for a stolen one."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable

from stockade import keyring, truth
from stockade.conf import load
from stockade.core import clock, methods, tenant
from stockade.core.errors import InvalidCredential
from stockade.events import emit
from stockade.events.catalogue import Event
from stockade.models import Session
from stockade.schemes import attempts, banned, stamp
from stockade.schemes.conf import JWTSettings
from stockade.schemes.jwt import refresh
from stockade.schemes.jwt.lineage import (
    Pair,
    Row,
    confirm,
    database,
    next_pair,
    persist,
    read_row,
    with_signer,
)
from stockade.truth.epochs import hold_sessions


def redeem(token: object, binding: str = "") -> Pair:
    """Exchange a refresh token for the next pair of its session.

    One conditional UPDATE on the generation is the first statement of its own transaction: of any number of concurrent
    redemptions one wins, on every database. The others get the same successor while the leeway lasts; later, an older
    token with a good MAC is theft, and ends the session (RFC 9700 section 4.14.2).

    Args:
        token: what the client sent.
        binding: of the browser that kept it in a cookie, see `cookie`; "" for a token that its client sent itself.

    Raises:
        InvalidCredential: it does not hold; what that ended is committed before this is raised.
        Banned: its user or session is.
        TooMany: its session is refreshed too often.
        Unavailable: the database stays busy or away.
        RuntimeError: called within `transaction.atomic`, where a rollback would undo the end of a stolen session.
    """
    shown = _read(token, binding)
    outcome = with_signer(lambda signer: persist(lambda: _redeem(shown, signer, binding)))
    if isinstance(outcome, str):
        raise InvalidCredential(reason=outcome)
    return outcome


def revoke(token: object, binding: str = "") -> None:
    """End the session of a refresh token, whichever generation it is; nothing happens if it is over already.

    Args:
        token, binding: as for `redeem`.

    Raises:
        InvalidCredential: it is no token of ours.
        TooMany: its session's token is shown too often.
        Unavailable: the database stays busy or away.
    """
    shown = _read(token, binding)

    def end() -> None:
        hold_sessions([shown.session], database())
        if keyring.is_gone(shown.kid):  # since its MAC was looked at
            raise InvalidCredential(reason="refresh_unknown_kid")
        own = Session.objects.using(database()).filter(pk=shown.session, tenant=tenant.here())
        if own.exists() and truth.end_sessions(ids=[shown.session], reason="revoked"):
            emit(
                Event.TOKEN_REVOKED,
                reason="by_holder",
                session=str(shown.session),
                using=database(),
            )

    persist(end)


def check(token: object) -> None:
    """Whether a refresh token could be redeemed now, within the leeway included; changes nothing.

    To say so before the leeway is over would tell a thief, who watches his copy this way, when to redeem it.

    Raises:
        InvalidCredential: it could not. Banned: its user or session is.
        TooMany: its session's token is shown too often.
    """
    shown = _read(token)
    row, user = read_row(shown.session)
    if row is None or user is None:
        raise InvalidCredential(reason="gone")
    reason = _why_not(shown, row, clock.now_datetime(), load(JWTSettings).leeway)
    if not reason and not user.active:
        reason = "inactive"
    if not reason and not stamp.matches(row.stamp, row.subject, user.password):
        reason = "password_changed"
    if not reason:
        banned.refuse(row.subject, str(shown.session))
    if reason:
        # Nothing is ended here, so this is not told as the theft that redeeming it would be.
        raise InvalidCredential(reason="refresh_superseded" if reason == "refresh_reuse" else reason)


def _read(token: object, binding: str = "") -> refresh.Refresh:
    generation = keyring.generation()
    shown = refresh.read(token, binding)
    attempts.of_session(str(shown.session))
    if keyring.generation() != generation:
        # That has asked the state, and keys have changed: the one that made the token may be revoked.
        shown = refresh.read(token, binding)
    return shown


def step_up(token: object, prove: Callable[[Row], frozenset[str]], binding: str = "") -> Pair:
    """The next pair of a session whose user has just proven again who he is; its login is now, and by nothing else.

    The token of before gives the successor to nobody in the leeway: a copy of it would else become as fresh as its
    owner. He himself, if the answer was lost, gets it by proving himself again.

    Args:
        token, binding: as for `redeem`.
        prove: has the user of the session prove who he is, outside of transactions; returns how (RFC 8176), or raises.

    Raises: as `redeem`, and what `prove` does.
    """
    shown = _read(token, binding)
    row, _ = read_row(shown.session)
    reason = "gone"
    if row is not None:
        reason = _why_not(shown, row, clock.now_datetime(), load(JWTSettings).leeway, proven=True)
    if (
        row is None or reason
    ):  # nothing is tried at a session that is over; but a stolen token ends it here too
        if reason == "refresh_reuse":
            redeem(token, binding)
        raise InvalidCredential(reason=reason)
    how = prove(row)
    outcome = with_signer(lambda signer: persist(lambda: _redeem(shown, signer, binding, how)))
    if isinstance(outcome, str):
        raise InvalidCredential(reason=outcome)
    return outcome


def _redeem(
    shown: refresh.Refresh, signer: str, binding: str, proven: frozenset[str] | None = None
) -> Pair | str:
    """The next pair, or the reason why not; a reason is returned, not raised, so that what it ended is committed.

    Args:
        proven: how the user has just proven who he is; None where nobody has asked him.
    """
    settings = load(JWTSettings)
    now = clock.now_datetime()
    alias = database()
    session = Session.objects.using(alias).filter(pk=shown.session, tenant=tenant.here())
    # First of all the UPDATE: a transaction that reads before it writes is refused by SQLite when another wrote first.
    won = session.filter(
        generation=shown.generation, kid=shown.kid, ended_at=None, idle_expires_at__gt=now, expires_at__gt=now
    ).update(
        generation=shown.generation + 1,
        kid=signer,
        previous_kid=shown.kid,
        rotated_at=now,
        idle_expires_at=now + datetime.timedelta(seconds=settings.refresh_idle),
        **({} if proven is None else {"auth_time": now, "amr": methods.text(proven), "acr": ""}),
    )
    row, user = read_row(shown.session)
    if row is None or user is None:
        return "gone"
    if won:
        confirm(signer)
    else:
        reason = _why_not(shown, row, now, settings.leeway, proven=proven is not None)
        if not reason and shown.generation == row.generation:
            reason = "refresh_changing"  # it was over and is not any more; it was not won all the same
        if reason == "refresh_reuse" and keyring.is_gone(shown.kid):
            reason = "refresh_unknown_kid"  # revoked since its MAC was looked at: what is noise by now ends nothing
        if reason == "refresh_reuse":
            _end(shown.session, "refresh_reuse")
            emit(
                Event.TOKEN_REUSE, reason="refresh_reuse", subject=row.subject, session=str(shown.session),
                details={"generation": shown.generation, "current": row.generation}, using=alias,
            )  # fmt: skip
        if reason:
            return reason
    if not user.active:
        # Not the session's end: the same account, active again, goes on. The rotation is undone with the refusal.
        raise InvalidCredential(reason="inactive")
    banned.refuse(row.subject, str(shown.session))  # neither is this: a ban ends, and the session goes on
    if not stamp.matches(row.stamp, row.subject, user.password):
        _end(shown.session, "password_changed")
        return "password_changed"
    if not stamp.is_current(row.stamp, row.subject, user.password):
        # While the key of before is still a fallback; without it this would look like a changed password.
        session.filter(stamp=row.stamp).update(stamp=stamp.stamp(row.subject, user.password))
    pair, credential = next_pair(row, shown.session, binding)
    if proven is None:
        emit(Event.TOKEN_REFRESHED, credential=credential, reason="" if won else "leeway", using=alias)
    else:
        emit(Event.STEP_UP, credential=credential, details={"amr": methods.text(proven)}, using=alias)
    return pair


def redeem_again(session: uuid.UUID, signer: str) -> Pair | str:
    """The pair, or the reason why not, for what came before the first token of a session: see `simplejwt.exchange`.

    Call it in the transaction of `persist`, with the key of `with_signer`. It is redeemed as a generation 0, which no
    row has: within the leeway the same successor, later the end of the session.
    """
    return _redeem(refresh.Refresh(session, 0, ""), signer, "")


def _why_not(
    shown: refresh.Refresh, row: Row, now: datetime.datetime, leeway: float, *, proven: bool = False
) -> str:
    """Why a token cannot be redeemed; "" where it is the current one, or the leeway forgives."""
    if row.ended_at is not None:
        return "ended"
    if row.idle_expires_at <= now or row.expires_at <= now:
        return "expired"
    if shown.generation == row.generation:
        # A good MAC of this generation by another key: never made here.
        return "" if shown.kid == row.kid else "refresh_kid"
    if shown.generation > row.generation:
        return "refresh_future"  # the database was restored from a backup: old rows, newer tokens
    if shown.generation == row.generation - 1:
        # Nor this one: whoever has an old key would else get the successor for a token that he made himself.
        if shown.kid != row.previous_kid:
            return "refresh_kid"
        # The row still stands at the successor, so that one is unused. Both directions: a clock that was set back by
        # more than the leeway does not stretch it.
        age = (now - row.rotated_at).total_seconds()
        if -leeway <= age < leeway:
            # The current one came of a refresh or of a step-up, and is only for who asks for the same.
            stepped = row.auth_time == row.rotated_at
            return "" if proven is stepped else "refresh_superseded"
    return "refresh_reuse"


def _end(session: uuid.UUID, reason: str) -> None:
    truth.end_sessions(ids=[session], reason=reason)
