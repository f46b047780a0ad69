"""Who a foreign authenticator's user is to policies, limits, bans and the log."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist
from django.db import router
from django.db.models import Model
from django.http import HttpRequest
from rest_framework.authentication import SessionAuthentication

from stockade.core import tenant
from stockade.core.credential import Credential
from stockade.core.principal import ANONYMOUS, Kind, Principal
from stockade.drf.foreign.refusals import ForeignFailed
from stockade.schemes.accounts import digests
from stockade.schemes.foreign import Given
from stockade.schemes.prepared import Prepared
from stockade.schemes.shape import shape_of

_SALT = "stockade.foreign"
_MAX = 255  # characters of an id or subject
_ENDS = ("expires", "expiry", "expires_at", "expiry_date")


def principal_of(name: str, given: Given, http: HttpRequest) -> Principal:
    """The principal; an anonymous one where the authenticator says that there is nobody.

    Args:
        name: of the scheme.
        given: what it gave.
        http: the request, for a fingerprint of what was shown where nothing else names the credential.

    Raises:
        InvalidCredential: the user is inactive or gone.
    """
    user, auth = given.user, given.auth
    try:
        known = user is not None and bool(getattr(user, "is_authenticated", False))
    except ObjectDoesNotExist:  # it was not looked up before
        raise ForeignFailed(name, reason="gone") from None
    if not known:
        return ANONYMOUS if auth is None else _service(name, given, http, "")
    if not getattr(user, "is_active", True):
        raise ForeignFailed(name, reason="inactive")
    pk = getattr(user, "pk", None)
    model = get_user_model()
    if not isinstance(user, model) or pk is None:
        return _service(name, given, http, "" if pk is None else tenant.of(tenant.here(), str(pk)[:_MAX]))
    shape = shape_of(model)
    rows = _query_of(model).rows(pk, router.db_for_write(model))
    if not rows:
        raise ForeignFailed(name, reason="gone")
    state = shape.read(rows[0], pk)
    if not state.active:
        raise ForeignFailed(name, reason="inactive")
    # One row for each group, or one with a NULL (an outer join).
    roles = frozenset(row[-1] for row in rows if row[-1]) if shape.group else frozenset()
    subject = tenant.of(tenant.here(), pk)
    credential = credential_of(name, given, http, subject)
    return Principal(Kind.USER, subject, user, roles, credential.scopes, credential, state.superuser)


@lru_cache(maxsize=8)
def _query_of(model: type[Model]) -> Prepared:
    """Whether the user is active and in which groups: asked beside what the authenticator asks, so it must be quick.

    Of the base manager: whom the project's own hides is asked about by `Shape.read`.
    """
    shape = shape_of(model)
    columns = (*shape.columns, *shape.group) or ("pk",)
    return Prepared(
        lambda pk, using: model._base_manager.using(using).filter(pk=pk).order_by().values_list(*columns)  # noqa: SLF001
    )


def _service(name: str, given: Given, http: HttpRequest, subject: str) -> Principal:
    """A caller who is no row of the user model: a stateless token's user, a client, a machine's key.

    Its subject begins with the scheme's name, so that user 7 of a token and user 7 of a table are two.
    """
    credential = credential_of(name, given, http, subject)
    own = subject or credential.client or _text(credential.claims.get("sub")) or credential.id
    user = given.user if subject else None
    return Principal(
        Kind.SERVICE,
        tenant.of(tenant.here(), f"{name}:{own}"),
        user,
        scopes=credential.scopes,
        credential=credential,
    )


def credential_of(name: str, given: Given, http: HttpRequest, subject: str) -> Credential:
    """The credential without its secret.

    Args:
        name, given, http: see `principal_of`.
        subject: the user's key as text, or "".
    """
    auth = given.auth
    claims = _claims(auth)
    client = _text(getattr(getattr(auth, "application", None), "client_id", None))
    return Credential(
        name,
        _id(name, given, claims, http, subject),
        subject,
        client=client or _text(claims.get("client_id")),
        scopes=_scopes(auth, claims),
        issued=_seconds(claims.get("iat")) or 0.0,
        expires=_expires(auth, claims),
        claims=claims,
    )


def fingerprint(name: str, *parts: str) -> str:
    """A keyed digest: names a secret in logs, tells nothing of it, and is the same each time."""
    digest = digests("\0".join((name, *parts)), _SALT)[0]
    return digest[:24]  # not as long as a UUID, which bans spell their way


def _id(name: str, given: Given, claims: Mapping[str, Any], http: HttpRequest, subject: str) -> str:
    """A jti, the beginning that knox finds its tokens by, or a fingerprint. A primary key may be the secret itself."""
    auth = given.auth
    if jti := _text(claims.get("jti")):
        try:
            return str(uuid.UUID(jti))  # as a ban spells it
        except ValueError:
            return jti
    if key := _text(getattr(auth, "token_key", None)):
        return key
    if isinstance(auth, Model) and auth.pk is not None:
        return fingerprint(name, auth._meta.label, str(auth.pk))  # noqa: SLF001 - Django's documented way to ask
    if isinstance(auth, str | bytes) and auth:
        return fingerprint(name, auth.decode("utf-8", "replace") if isinstance(auth, bytes) else auth)
    session = (
        getattr(http, "session", None) if isinstance(given.authenticator, SessionAuthentication) else auth
    )
    if key := _text(getattr(session, "session_key", None)):
        return fingerprint(name, key)
    # Together: the header may be another's, of a proxy in front, and the same for all users.
    return fingerprint(name, http.META.get("HTTP_AUTHORIZATION", ""), subject)


def _claims(auth: Any) -> dict[str, Any]:
    payload = auth if isinstance(auth, Mapping) else getattr(auth, "payload", None)
    return {str(key): value for key, value in payload.items()} if isinstance(payload, Mapping) else {}


def _scopes(auth: Any, claims: Mapping[str, Any]) -> frozenset[str] | None:
    """What it is bounded by; None where it knows no scopes: then the whole user is meant."""
    for found in (getattr(auth, "scope", None), getattr(auth, "scopes", None), claims.get("scope")):
        if isinstance(found, str):
            return frozenset(found.split())
        if isinstance(found, Iterable) and not isinstance(found, bytes):
            return frozenset(str(one) for one in found)
    return None


def _expires(auth: Any, claims: Mapping[str, Any]) -> float:
    if (end := _seconds(claims.get("exp"))) is not None:
        return end
    for name in _ENDS:
        found = getattr(auth, name, None)
        if isinstance(found, datetime.datetime):
            return found.timestamp()
    return float("inf")


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= _MAX and value.isprintable() else ""
