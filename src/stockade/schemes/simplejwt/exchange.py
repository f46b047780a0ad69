"""Exchanges a refresh token of simplejwt for a session of ours, once however many ask at a time; or takes it back."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from django.db.models import F

from stockade import truth
from stockade.conf import load
from stockade.core import clock, tenant
from stockade.core.errors import InvalidCredential
from stockade.events import emit
from stockade.events.catalogue import Event
from stockade.models import ImportedToken, ImportedUser, Session, TokenImport
from stockade.schemes import attempts, banned, client, stamp
from stockade.schemes.conf import JWTSettings, SchemeSettings
from stockade.schemes.jwt import redemption, signing
from stockade.schemes.jwt.compact import refuse
from stockade.schemes.jwt.lineage import Pair, Row, confirm, database, next_pair, persist, with_signer
from stockade.schemes.scopes import scope_text
from stockade.schemes.simplejwt import standing, tokens
from stockade.schemes.simplejwt.conf import config
from stockade.schemes.simplejwt.tokens import Shown

_TABLES = TokenImport.Judge.TABLES
# The password was proven at some time that the token does not tell: whoever asks how long ago gets the longest answer.
_UNKNOWN = datetime.datetime.fromtimestamp(0, datetime.UTC)


def is_mine(token: object) -> bool:
    """Whether `token` has the shape of simplejwt's, in a project whose SCHEMES take them."""
    return isinstance(token, str) and "simplejwt" in load(SchemeSettings).schemes and tokens.looks_mine(token)


def redeem(token: object) -> Pair:
    """Exchange a refresh token of simplejwt for the first pair of a session of ours.

    One conditional UPDATE decides who does it, on every database. Whoever shows the token again is treated as the
    holder of the generation before the session's first: within the leeway the same successor, later theft.

    Args:
        token: what the client sent.

    Raises:
        InvalidCredential: it does not hold, or the import does not take it; what that ended is committed.
        Banned: its user is. TooMany: it is shown too often. Unavailable: the database stays busy or away.
        RuntimeError: called within `transaction.atomic`.
    """
    shown = _read(token)
    pk = standing.find_pk(shown.user)
    outcome = with_signer(lambda signer: persist(lambda: _exchange(shown, pk, signer)))
    if isinstance(outcome, str):
        raise InvalidCredential(reason=outcome)
    return outcome


def revoke(token: object) -> None:
    """Take a refresh token of simplejwt back; where it was exchanged already, end that session.

    Raises:
        InvalidCredential: it does not hold, or the import does not take it.
        TooMany: it is shown too often. Unavailable: the database stays busy or away.
    """
    shown = _read(token)

    pk = standing.find_pk(shown.user)

    def end() -> None:
        if _claim(shown, pk, None):
            return
        session = _row(shown, pk).session
        if session is not None and truth.end_sessions(ids=[session], reason="revoked"):
            emit(Event.TOKEN_REVOKED, reason="by_holder", session=str(session), using=database())

    persist(end)


def check(token: str) -> None:
    """Whether a token of simplejwt, of either kind, would be taken now; changes nothing.

    Raises:
        InvalidCredential: it would not. Banned: its user is. TooMany: a refresh token is shown too often.
    """
    try:
        shown = tokens.read(token, tokens.ACCESS)
    except InvalidCredential as error:
        if error.reason != "wrong_type":
            raise
        shown = _read(token)
        pk = standing.find_pk(shown.user)
        _row(shown, pk, unused=True)
        if standing.listed(shown.id, pk).blacklisted:
            refuse("blacklisted")
    else:
        standing.opened(tokens.ACCESS)
        pk = standing.find_pk(shown.user)
    standing.holder(pk, shown)
    banned.refuse(tenant.subject(pk), shown.id)


def _read(token: object) -> Shown:
    shown = tokens.read(token, tokens.REFRESH)
    attempts.of_session(tokens.digest(shown.id))
    return shown


def _claim(shown: Shown, pk: Any, session: uuid.UUID | None) -> bool:
    """Use the token up, for `session` or for nothing; False where it was used before.

    Call it first of all in a transaction: whoever comes at the same time waits here, and sees what was done.

    Raises:
        InvalidCredential: it cannot have been issued before the import.
    """
    rows, digest = ImportedToken.objects.using(database()), tokens.digest(shown.id, pk)
    fill = {"used_at": clock.now_datetime(), "session": session}
    if rows.filter(pk=digest, used_at=None).update(**fill):
        _judge(shown, pk)
        return True
    if rows.filter(pk=digest).exists():
        standing.opened(tokens.REFRESH)
        return False
    found = standing.opened(tokens.REFRESH)
    if found.judged_by == _TABLES and standing.listed(shown.id, pk).outstanding is None:
        refuse("not_outstanding")
    expires = datetime.datetime.fromtimestamp(shown.expires, datetime.UTC)
    rows.bulk_create([ImportedToken(digest=digest, expires_at=expires)], ignore_conflicts=True)
    if not rows.filter(pk=digest, used_at=None).update(**fill):
        return False
    _judge(shown, pk)
    return True


def _judge(shown: Shown, pk: Any) -> None:
    """What is only known now that the row is ours: the import is open, and nobody has taken the token back."""
    standing.opened(tokens.REFRESH)
    found = standing.listed(shown.id, pk)
    if found.blacklisted:
        refuse("blacklisted")
    if found.outstanding is not None:
        standing.blacklist(found.outstanding)


def _row(shown: Shown, pk: Any, *, unused: bool = False) -> ImportedToken:
    """The row of a token.

    Raises:
        InvalidCredential: there is none, or it is not unused.
    """
    found = standing.opened(tokens.REFRESH)
    digest = tokens.digest(shown.id, pk)
    row = ImportedToken.objects.using(database()).filter(pk=digest).first()
    if row is None:
        if found.judged_by == _TABLES and standing.listed(shown.id, pk).outstanding is None:
            refuse("not_outstanding")
        return ImportedToken(digest=digest)
    if unused and row.used_at is not None:
        refuse("refresh_superseded")
    return row


def _exchange(shown: Shown, pk: Any, signer: str) -> Pair | str:
    """The first pair, or the reason why not; a reason is returned, not raised, so that what it ended is committed."""
    alias, now, settings = database(), clock.now_datetime(), load(JWTSettings)
    # First of all, as whoever ends the user's sessions does: either we see the end, or that sees our session.
    mine = ImportedUser.objects.using(standing.database()).filter(user_id=pk, tenant=tenant.now())
    mine.update(ended_at=F("ended_at"))
    session = Session(id=uuid.uuid4(), user_id=pk, tenant=tenant.now())
    if not _claim(shown, pk, session.id):
        kept = _row(shown, pk).session
        return "ended" if kept is None else redemption.redeem_again(kept, signer)
    found = standing.holder(pk, shown)
    standing.obey_rule(pk)
    subject = tenant.subject(pk)
    banned.refuse(subject, shown.id)
    where = client.of()
    session.scopes = None if shown.scopes is None else scope_text(sorted(shown.scopes))
    session.claims = _further(shown)
    session.stamp = stamp.stamp(subject, found.state.password)
    session.kid = signer
    session.created_at = session.rotated_at = now
    session.auth_time = _UNKNOWN
    session.idle_expires_at = now + datetime.timedelta(seconds=settings.refresh_idle)
    session.expires_at = now + datetime.timedelta(seconds=settings.refresh_absolute)
    session.user_agent, session.address = where.user_agent, where.address
    session.save(using=alias, force_insert=True)
    confirm(signer)
    pair, credential = next_pair(Row.of(session), session.id, "")
    emit(Event.TOKEN_CREATED, credential=credential, reason="imported", using=alias)
    return pair


def _further(shown: Shown) -> dict[str, Any]:
    """The claims that the project had put into its tokens: simplejwt copies them into every access token, and so we do.

    Those that cannot stand in ours are left out.
    """
    known = config().names
    own = {"exp", "iat", "nbf", "iss", "aud", *known, config().password_claim, *signing.RESERVED}
    found = {name: value for name, value in shown.claims.items() if name not in own}
    try:
        return signing.checked(found)
    except ValueError:
        return {}
