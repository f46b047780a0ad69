"""One session's lineage: its row, the pair that a row gives, and the transaction that changes one."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.db import router

from stockade import keyring
from stockade.conf import load
from stockade.core import tenant
from stockade.core.credential import Credential
from stockade.core.errors import InvalidCredential, Unavailable
from stockade.database import durably
from stockade.models import Session
from stockade.schemes.conf import JWTSettings
from stockade.schemes.jwt import refresh, signing
from stockade.schemes.shape import UserState, shape_of

T = TypeVar("T")

_TRIES = 3
COLUMNS = (
    "tenant", "user_id", "generation", "kid", "previous_kid", "stamp", "client", "scopes", "claims", "auth_time",
    "amr", "acr", "rotated_at", "idle_expires_at", "expires_at", "ended_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pair:
    """An access token and the refresh token that follows it.

    Args:
        access: for `Authorization: Bearer`.
        refresh: for the refresh view, once.
        session: the session's id; safe to show.
        expires: when the access token expires, in seconds since the epoch.
        until: when the session is over unless it is refreshed, in seconds since the epoch.
    """

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    session: str
    expires: float
    until: float


@dataclass(frozen=True, slots=True)
class Row:
    """What the row says, and what the user's row says with it."""

    tenant: str
    user_id: Any
    generation: int
    kid: str
    previous_kid: str
    stamp: str
    client: str
    scopes: str | None
    claims: dict[str, Any]
    auth_time: datetime.datetime
    amr: str
    acr: str
    rotated_at: datetime.datetime
    idle_expires_at: datetime.datetime
    expires_at: datetime.datetime
    ended_at: datetime.datetime | None

    @classmethod
    def of(cls, session: Session) -> Row:
        """The row as an instance holds it."""
        return cls(*[getattr(session, name) for name in COLUMNS])

    @property
    def subject(self) -> str:
        """The user's, see `core.tenant`."""
        return tenant.of(self.tenant, self.user_id)


def database() -> str:
    """The alias of the database that sessions are written to; they are read there too, for a replica may be late."""
    return router.db_for_write(Session)


def read_row(session: uuid.UUID) -> tuple[Row, UserState] | tuple[None, None]:
    """A session's row and its user's state, in one query; (None, None) if the tenant at hand has none."""
    shape = shape_of(get_user_model(), "user__")
    rows = Session.objects.using(database()).filter(pk=session, tenant=tenant.here())
    values = rows.values_list(*COLUMNS, *shape.columns).first()
    if values is None:
        return None, None
    row = Row(*values[: len(COLUMNS)])
    return row, shape.read(values[len(COLUMNS) :], row.user_id)


def next_pair(row: Row, session: uuid.UUID, binding: str) -> tuple[Pair, Credential]:
    """The tokens of a row as it stands, and the new access token's credential for the log.

    Args:
        row: the session's.
        session: its id.
        binding: of the browser that keeps its refresh token in a cookie; "" without one.

    Raises:
        InvalidCredential: the row's key is not in the ring any more.
    """
    until = min(row.expires_at, row.idle_expires_at).timestamp()
    signed = signing.sign(
        subject=row.subject,
        tenant=row.tenant,
        session=session,
        client=row.client,
        scopes=row.scopes,
        auth_time=row.auth_time.timestamp(),
        amr=row.amr,
        acr=row.acr,
        until=until,
        claims=row.claims,
    )
    token = _make(row, session, binding)
    found = Pair(signed.token, token, str(session), signed.expires, until)
    return found, Credential("jwt", signed.id, row.subject, str(session), expires=signed.expires)


def _make(row: Row, session: uuid.UUID, binding: str) -> str:
    """The refresh token of a row.

    Its key may be younger than the ring of this process, if another has refreshed the session meanwhile. Looking for a
    key that is not known is rationed, because strangers name keys; but here it is the row that names it.
    """
    try:
        return refresh.make(session, row.generation, row.kid, binding)
    except InvalidCredential:
        keyring.forget()
        return refresh.make(session, row.generation, row.kid, binding)


def persist(change: Callable[[], T]) -> T:
    """Run `change` as `stockade.database.durably` does, on the database of the sessions."""
    return durably(change, database())


class KeyRevoked(Exception):
    """The key that was to make a refresh token is not to be used any more."""


def confirm(kid: str) -> None:
    """Call it after `kid` was written into a session's row, in the same transaction.

    Whoever revokes a key ends the sessions whose token it made; this one it cannot have seen.

    Raises:
        KeyRevoked: roll back, and take another.
    """
    if keyring.is_gone(kid):
        raise KeyRevoked(kid)


def with_signer(work: Callable[[str], T]) -> T:
    """`work` with the id of the key that signs; again with another if that one is revoked meanwhile.

    Args:
        work: writes the id into a row, and calls `confirm`, in a transaction that is not open yet.

    Raises:
        Unavailable: keys are revoked one after the other.
    """
    for _ in range(_TRIES):
        # Outside of the transaction: the first call of all makes a key.
        signer = keyring.ring().signer(load(JWTSettings).access_lifetime).kid
        try:
            return work(signer)
        except KeyRevoked:
            keyring.forget()  # another process did it, and this one had not heard
    raise Unavailable(reason="keys_changing")
