"""The scheme `jwt`: a signed access token proves who calls, one query says whether that still holds."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.db import models, router

from stockade import keyring
from stockade.conf import load as settings
from stockade.core import clock, tenant
from stockade.core.credential import Credential
from stockade.core.principal import Kind, Principal
from stockade.gate import keys
from stockade.models import Session
from stockade.schemes import stamp
from stockade.schemes.conf import JWTSettings
from stockade.schemes.jwt import access, compact, refresh
from stockade.schemes.jwt.compact import refuse
from stockade.schemes.prepared import Prepared
from stockade.schemes.shape import shape_of
from stockade.schemes.users import trusted_user


class JWTScheme:
    """Implements `stockade.schemes.protocol.Scheme`."""

    name = "jwt"
    keywords: tuple[str, ...] = ("bearer",)
    dear = False  # the signature is all there is to check

    def looks_mine(self, value: str) -> bool:
        """Whether `value` is a JWS of our issuer or of one of our keys, or one of our refresh tokens.

        A token of another issuer is left to the next scheme; a forged one of ours is ours to refuse.
        """
        if value.startswith("ey"):  # the base64url of '{"'; every JOSE header that anyone sends begins so
            if len(value) > compact.MAX_LENGTH or not value.isascii():
                return False
            header, _, rest = value.partition(".")
            kid = compact.peek(header).get("kid") if len(header) <= compact.MAX_HEADER else None
            if isinstance(kid, str) and keyring.ring().verifier(kid) is not None:
                return True
            issuer = compact.peek(rest.partition(".")[0]).get("iss")
            return isinstance(issuer, str) and issuer == settings(JWTSettings).issuer
        return refresh.looks_mine(value)

    def verify(self, value: str, meta: Mapping[str, Any]) -> Credential:
        """Prove an access token. No I/O.

        Raises:
            InvalidCredential: it does not hold.
        """
        if refresh.looks_mine(value):
            refuse("refresh_as_access")
        return access.verify(value)

    def load(self, credential: Credential) -> Principal:
        """Who that is now, in one query on the write database: a replica may not have heard of an ended session.

        Raises:
            InvalidCredential: the session has ended or run out, the user is gone or inactive, the password changed.
        """
        try:
            session = uuid.UUID(credential.session)
        except ValueError:
            refuse("claim_sid")
        model = get_user_model()
        shape = shape_of(model, "user__")
        rows = _query_of(model).rows(session, router.db_for_write(Session))
        if not rows:
            refuse("gone")
        ended_at, expires_at, kept, whose, user_id, *columns = rows[0]
        if ended_at is not None:
            refuse("ended")
        if expires_at.timestamp() <= clock.now():
            refuse("expired")
        if tenant.of(whose, user_id) != credential.subject:
            refuse("wrong_subject")
        user = shape.read(columns, user_id)
        if not user.active:
            refuse("inactive")
        if not stamp.matches(kept, credential.subject, user.password):
            refuse("password_changed")
        # One row for each group, or one with a NULL (an outer join).
        roles = frozenset(row[-1] for row in rows if row[-1]) if shape.group else frozenset()
        return Principal(
            Kind.USER,
            credential.subject,
            trusted_user(model, user_id, True),
            roles,
            credential.scopes,
            credential,
            user.superuser,
        )

    def epochs(self, credential: Credential) -> tuple[bytes, ...]:
        """The epochs of its user and of its session."""
        return (keys.subject_key(credential.subject), keys.session_key(credential.session))

    def challenge(self) -> str:
        """RFC 6750 section 3."""
        return "Bearer"


@lru_cache(maxsize=8)
def _query_of(model: type[models.Model]) -> Prepared:
    """The one query: the session, its user, and one row for each of the user's groups (an outer join)."""
    shape = shape_of(model, "user__")
    names = ("ended_at", "expires_at", "stamp", "tenant", "user_id", *shape.columns, *shape.group)
    return Prepared(
        lambda pk, using: Session.objects.using(using).filter(pk=pk).order_by().values_list(*names)
    )
