"""The schemes of opaque tokens: a digest finds the row, one query says whether it still holds."""

from __future__ import annotations

import datetime
import hmac
import uuid
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import models

from stockade.conf import load as settings
from stockade.core import clock, methods, tenant
from stockade.core.address import network
from stockade.core.credential import Credential
from stockade.core.errors import InvalidCredential
from stockade.core.principal import Kind, Principal
from stockade.gate.keys import subject_key
from stockade.models import OpaqueToken
from stockade.schemes.opaque import rows
from stockade.schemes.opaque.conf import TokenSettings
from stockade.schemes.opaque.keys import key_named
from stockade.schemes.opaque.shapes import Shape
from stockade.schemes.prepared import Prepared
from stockade.schemes.shape import UserState, shape_of
from stockade.schemes.users import trusted_user
from stockade.truth.tokens import subject_of, token_key

_FOREVER = float("inf")
_BY_PASSWORD = methods.methods([methods.PASSWORD])


class Token(NamedTuple):
    """What a row says of a token now."""

    id: uuid.UUID
    tenant: str
    user_id: Any
    ended_at: datetime.datetime | None
    expires_at: datetime.datetime | None
    last_used_at: datetime.datetime | None
    scopes: str | None
    stamp: str
    digest: str
    digest_key: str
    visible: str
    created_at: datetime.datetime
    linked: bool
    replaced_by: uuid.UUID | None
    lineage: uuid.UUID
    networks: list[str]
    rate: str


class OpaqueScheme:
    """Implements `stockade.schemes.protocol.Scheme`.

    Args:
        shape: of its tokens.
    """

    dear = True  # one query, for what this worker has not seen

    def __init__(self, shape: Shape) -> None:
        self.name = shape.kind
        self.keywords = shape.keywords
        self._shape = shape

    def looks_mine(self, value: str) -> bool:
        """Whether `value` begins as one of ours; what is cut short or mistyped is ours to refuse."""
        return self._shape.looks_mine(value)

    def verify(self, value: str, meta: Mapping[str, Any]) -> Credential:
        """Find the token's row. Whether it still holds `load` says: its no is remembered, so that replays are cheap.

        Raises:
            InvalidCredential: there is none.
        """
        if not self._shape.is_whole(value):
            raise InvalidCredential(reason="malformed")  # and no query is spent on it
        found = self.find(value)
        if found is None:
            raise InvalidCredential(reason="unknown")
        if found.tenant != tenant.here():
            raise InvalidCredential(reason="wrong_tenant")
        # A password was proven for it when it was made, and never since. For what was made otherwise, nothing was.
        by_login = found.origin == OpaqueToken.Origin.LOGIN
        return Credential(
            self.name,
            str(found.id),
            subject_of(found.tenant, found.user, found.lineage),
            scopes=None if found.scopes is None else frozenset(found.scopes.split()),
            issued=found.created_at.timestamp(),
            auth_time=found.created_at.timestamp() if by_login else 0.0,
            amr=_BY_PASSWORD if by_login else methods.NONE,
        )

    def find(self, value: str) -> rows.Found | None:
        """The row of a token."""
        return rows.find(value, self._shape.kind)

    def load(self, credential: Credential) -> Principal:
        """Who that is now, in one query on the write database; notes the use, if the last note is old.

        Raises:
            InvalidCredential: the token has ended or run out, the user is gone or inactive, or the password changed.
        """
        model = get_user_model()
        shape = shape_of(model, "user__")
        found = _query_of(model).rows(uuid.UUID(credential.id), rows.database())
        if not found:
            raise InvalidCredential(reason="gone")
        token, columns = Token(*found[0][:_WIDTH]), found[0][_WIDTH:]
        if token.ended_at is not None:
            raise InvalidCredential(reason="ended")
        token = token._replace(expires_at=self.expiry(token))
        if token.expires_at is not None and token.expires_at.timestamp() <= clock.now():
            raise InvalidCredential(reason="expired")
        if subject_of(token.tenant, token.user_id, token.lineage) != credential.subject:
            raise InvalidCredential(reason="wrong_subject")
        credential = self._as_now(credential, token)
        if token.user_id is None:
            self._note_use(token)
            return Principal(
                Kind.SERVICE, credential.subject, None, scopes=credential.scopes, credential=credential
            )
        # An outer join gives NULLs where there is no user: without a column `is_active` that would be an active one.
        if shape.columns and all(value is None for value in columns[: len(shape.columns)]):
            raise InvalidCredential(reason="gone")
        user = shape.read(columns, token.user_id)
        if not user.active:
            raise InvalidCredential(reason="inactive")
        self.judge(token, user, credential.subject)
        self._note_use(token)
        # One row for each group, or one with a NULL (an outer join).
        roles = frozenset(row[-1] for row in found if row[-1]) if shape.group else frozenset()
        return Principal(
            Kind.USER,
            credential.subject,
            trusted_user(model, token.user_id, True),
            roles,
            credential.scopes,
            credential,
            user.superuser,
        )

    def _as_now(self, credential: Credential, token: Token) -> Credential:
        """The credential with what bounds it as its row says it now."""
        return replace(
            credential,
            scopes=None if token.scopes is None else frozenset(token.scopes.split()),
            expires=_FOREVER if token.expires_at is None else token.expires_at.timestamp(),
            networks=tuple(network(text) for text in token.networks),
            rate=token.rate,
            client="" if self._shape.by_password else str(token.lineage),
        )

    @staticmethod
    def _note_use(token: Token) -> None:
        rows.used(token.id, token.last_used_at, settings(TokenSettings).last_used_every)

    def expiry(self, token: Token) -> datetime.datetime | None:
        """When it ends by itself.

        Raises:
            InvalidCredential: it has ended elsewhere.
        """
        return token.expires_at

    def judge(self, token: Token, user: UserState, subject: str) -> None:
        """What beside its own row and its user decides whether a token holds.

        Raises:
            InvalidCredential: the password is another than it was.
        """
        if not (self._shape.by_password and settings(TokenSettings).ends_with_password):
            return
        key = key_named(token.digest_key)
        if key is None or not hmac.compare_digest(token.stamp, key.stamp(subject, user.password)):
            raise InvalidCredential(reason="password_changed")

    def epochs(self, credential: Credential) -> tuple[bytes, ...]:
        """The epochs of its user and of itself."""
        return (subject_key(credential.subject), token_key(credential.id))

    def challenge(self) -> str:
        """As DRF's TokenAuthentication words it."""
        return self._shape.challenge


_WIDTH = len(Token._fields)


@lru_cache(maxsize=8)
def _query_of(model: type[models.Model]) -> Prepared:
    """The one query: the token, its user, and one row for each of the user's groups (an outer join)."""
    shape = shape_of(model, "user__")
    names = (*Token._fields, *shape.columns, *shape.group)
    return Prepared(
        lambda pk, using: OpaqueToken.objects.using(using).filter(pk=pk).order_by().values_list(*names)
    )
