"""The scheme `session`: the key in Django's cookie finds a login, one query says whether that still holds."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.db import models

from stockade.conf import load as settings
from stockade.core import clock, methods, tenant
from stockade.core.credential import Credential
from stockade.core.errors import InvalidCredential
from stockade.core.principal import Kind, Principal
from stockade.gate.keys import session_key, subject_key
from stockade.models import Session, SessionData
from stockade.schemes.opaque.rows import on_snapshot_of_now
from stockade.schemes.prepared import Prepared
from stockade.schemes.session import backends, hashes, keys, rows
from stockade.schemes.session.conf import SessionSettings
from stockade.schemes.shape import shape_of
from stockade.schemes.users import trusted_user


class SessionScheme:
    """Implements `stockade.schemes.protocol.Scheme`. What it refuses makes a visitor, as with Django's sessions."""

    name = rows.NAME
    keywords: tuple[str, ...] = ()  # a cookie, see `Engine.find`
    dear = True  # one query, for what this worker has not seen

    def looks_mine(self, value: str) -> bool:
        """Whether we have made this key; no I/O."""
        return keys.is_ours(value)

    def verify(self, value: str, meta: Mapping[str, Any]) -> Credential:
        """Find out whose login the key is. Whether it still holds `load` says.

        Raises:
            InvalidCredential: nobody's; that never changes.
        """
        found: tuple[Any, ...] | None = on_snapshot_of_now(lambda: _find(value))
        if found is None:
            raise InvalidCredential(reason="gone")
        login, whose, user_id, created_at, auth_time, amr, acr = found
        if login is None:
            raise InvalidCredential(reason="nobody")
        return Credential(
            self.name,
            str(login),
            tenant.of(whose, user_id),
            str(login),
            issued=created_at.timestamp(),
            # Not that of its row, which moves with its use: whoever was not asked for a while would hold it for over.
            expires=created_at.timestamp() + settings(SessionSettings).absolute,
            auth_time=auth_time.timestamp(),
            amr=methods.of_text(amr),
            acr=acr,
        )

    def load(self, credential: Credential) -> Principal:
        """Who that is now, in one query on the write database; notes the use, if the last note is old.

        Raises:
            InvalidCredential: the login has ended or run out, the user is gone or inactive or unknown to the backend
                that has logged him in, that is none of the project's any more, or the password changed.
        """
        model = get_user_model()
        shape = shape_of(model, "user__")
        id = uuid.UUID(credential.session)
        found = _query_of(model).rows(id, rows.database())
        if not found:
            raise InvalidCredential(reason="gone")
        ended_at, expires_at, idle_expires_at, rotated_at, kept, whose, user_id, *columns = found[0]
        if ended_at is not None:
            raise InvalidCredential(reason="ended")
        end = min(expires_at, idle_expires_at).timestamp()
        if end <= clock.now():
            raise InvalidCredential(reason="expired")
        if tenant.of(whose, user_id) != credential.subject:
            raise InvalidCredential(reason="wrong_subject")
        user = shape.read(columns, user_id)
        if not user.active:
            raise InvalidCredential(reason="inactive")
        backend = hashes.holds_by(model, user_id, user, credential.subject, kept)
        if backend is None:
            raise InvalidCredential(reason="password_changed")
        if not backends.knows(backend, user_id):
            raise InvalidCredential(reason="inactive")
        if django_settings.SECRET_KEY_FALLBACKS:
            stamp = hashes.renewed(model, user_id, user, credential.subject, kept, backend)
            if stamp is not None:
                rows.restamp(id, kept, stamp)
        rows.used(id, rotated_at)
        # One row for each group, or one with a NULL (an outer join).
        roles = frozenset(row[-1] for row in found if row[-1]) if shape.group else frozenset()
        return Principal(
            Kind.USER,
            credential.subject,
            trusted_user(model, user_id, True),
            roles,
            None,
            replace(credential, expires=end),  # then its row is read again, however lately it was
            user.superuser,
        )

    def epochs(self, credential: Credential) -> tuple[bytes, ...]:
        """The epochs of its user and of its login."""
        return (subject_key(credential.subject), session_key(credential.session))

    def challenge(self) -> str:
        """No challenge is registered for cookies; a 401 must carry one all the same (RFC 9110 section 11.6.1)."""
        return "Session"


_COLUMNS = (
    "login_id", "login__tenant", "login__user_id", "login__created_at", "login__auth_time", "login__amr", "login__acr",
)  # fmt: skip
_BY_DIGEST = Prepared(
    lambda digest, using: (
        SessionData.objects.using(using).filter(digest=digest).order_by().values_list(*_COLUMNS)
    ),
    "digest",
)


def _find(value: str) -> Any:
    for digest in rows.digests(value):
        for row in _BY_DIGEST.rows(digest, rows.database()):
            return row
    return None


@lru_cache(maxsize=8)
def _query_of(model: type[models.Model]) -> Prepared:
    """The one query: the login, its user, and one row for each of the user's groups (an outer join)."""
    shape = shape_of(model, "user__")
    names = (
        "ended_at", "expires_at", "idle_expires_at", "rotated_at", "stamp", "tenant", "user_id", *shape.columns,
        *shape.group,
    )  # fmt: skip
    return Prepared(
        lambda pk, using: Session.objects.using(using).filter(pk=pk).order_by().values_list(*names)
    )
