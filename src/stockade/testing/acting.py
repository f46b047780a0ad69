"""Act as a principal without issuing anything: the pipeline takes a Principal that stands in the request's environ.

What comes over the network is text, so an instance of `Principal` there can only be this process's own doing. All
other steps run as ever: limits, policy, mediation, events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Model
from django.test import AsyncRequestFactory, RequestFactory

from stockade.core import clock, methods, tenant
from stockade.core.credential import Credential
from stockade.core.principal import ANONYMOUS, Kind, Principal
from stockade.pipeline.forced import TESTING_KEY
from stockade.schemes.users import read_user, trusted_user

__all__ = ["TESTING_KEY", "as_principal", "make_principal"]


def make_principal(
    user: Any = None,
    *,
    roles: Iterable[str] | None = None,
    scopes: Iterable[str] | str | None = None,
    scheme: str = "jwt",
    auth_time: float | None = None,
    amr: Iterable[str] = (methods.PASSWORD,),
    acr: str = "",
    client: str = "",
    session: str = "",
    service: str = "",
    claims: dict[str, Any] | None = None,
) -> Principal:
    """A principal as a verified credential would make it.

    Args:
        user: a saved user, or None for nobody (or for a service).
        roles: names of groups; None for those that the user is in.
        scopes: what the credential is bounded by, as names or one text with spaces; None for unbounded.
        scheme: which scheme the credential is said to be of.
        auth_time: when the user proved who they are, in seconds since the epoch; None for now, and for an API key or a
            service, which never do, for never.
        amr: how, by the names of RFC 8176, such as ``["pwd", "otp", "mfa"]``; by default a password, or nothing where
            nobody proves anything.
        acr: the authentication context that an issuer vouches for.
        client: the client that the credential was issued to.
        session: the session's id.
        service: the name of a service, instead of a user.
        claims: of the token, for `request.auth["claim"]`.

    Raises:
        ValueError: the user is not saved, both a user and a service are given, or `amr` or `acr` are none.
    """
    if isinstance(user, AnonymousUser):
        user = None
    if user is not None and service:
        raise ValueError("A principal is a user or a service, not both.")
    if user is None and not service:
        return ANONYMOUS
    if user is not None and user.pk is None:
        raise ValueError("Save the user first: a principal is known by its primary key.")
    subject = tenant.subject(service or user.pk)
    bounds = None if scopes is None else frozenset(scopes.split() if isinstance(scopes, str) else scopes)
    now = clock.now()
    logs_in = user is not None and scheme != "api_key"
    if auth_time is None:
        auth_time = now if logs_in else 0.0
    credential = Credential(
        scheme,
        f"test-{subject}",
        subject,
        session,
        client,
        bounds,
        issued=now,
        auth_time=auth_time,
        claims=dict(claims or {}),
        amr=methods.methods(amr) if logs_in else methods.NONE,
        acr=methods.context(acr),
    )
    if user is None:
        return Principal(Kind.SERVICE, subject, None, frozenset(roles or ()), bounds, credential)
    facts = read_user(type(user), user.pk) if roles is None else None
    if roles is None:
        roles = facts.groups if facts is not None else ()
    return Principal(
        Kind.USER,
        subject,
        _as_in_production(user),
        frozenset(roles),
        bounds,
        credential,
        bool(getattr(user, "is_superuser", False)),
    )


def _as_in_production(user: Model) -> Model:
    """A trusted instance: a view that depends on more than that would pass its tests and fail in production."""
    return trusted_user(type(user), user.pk, bool(getattr(user, "is_active", True)))


@contextmanager
def as_principal(user: Any = None, **how: Any) -> Iterator[Principal]:
    """In this block every request of Django's and DRF's test clients and request factories is made by this principal.

    Arguments as for `make_principal`; a Principal is taken as it is. Blocks may be nested; the innermost counts. A
    client with a principal of its own (`StockadeClient.as_principal`) keeps it.
    """
    principal = user if isinstance(user, Principal) else make_principal(user, **how)
    before = RequestFactory._base_environ, AsyncRequestFactory._base_scope  # type: ignore[attr-defined]

    def environ(self: RequestFactory, **request: Any) -> dict[str, Any]:
        return {**before[0](self, **request), TESTING_KEY: principal}

    def scope(self: AsyncRequestFactory, **request: Any) -> dict[str, Any]:
        return {**before[1](self, **request), TESTING_KEY: principal}

    RequestFactory._base_environ = environ  # type: ignore[attr-defined]
    AsyncRequestFactory._base_scope = scope  # type: ignore[attr-defined]
    try:
        yield principal
    finally:
        RequestFactory._base_environ, AsyncRequestFactory._base_scope = before  # type: ignore[attr-defined]
