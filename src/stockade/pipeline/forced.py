"""Callers that a test puts in place of a credential."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Model
from django.http import HttpRequest

from stockade.core import tenant
from stockade.core.principal import ANONYMOUS, Kind, Principal
from stockade.schemes.users import read_user

# An environ value that came over the network is a string, so an instance of Principal can only have been put there by
# code of this process: `stockade.testing` does.
TESTING_KEY = "stockade.testing.principal"


def principal_of(request: HttpRequest, state: Mapping[str, Any]) -> Principal | None:
    """The principal that a test has forced upon `request`, or None.

    Two ways: `stockade.testing` puts a Principal into the environ, DRF's `force_authenticate` a user on the request.

    Args:
        request: Django's.
        state: its attributes.
    """
    given = request.META.get(TESTING_KEY)
    if given is None and "scope" in state:  # ASGI: META is made from the scope's headers
        given = state["scope"].get(TESTING_KEY)
    if given is not None and isinstance(given, Principal):
        return given
    user = state.get("_force_auth_user")
    if user is None:
        return None
    if not user.is_authenticated:
        return ANONYMOUS
    # A test may put anything that looks like a user in a user's place.
    facts = read_user(type(user), user.pk) if isinstance(user, Model) else None
    return Principal(
        Kind.USER,
        tenant.of(tenant.here(), getattr(user, "pk", None)),
        user=user,
        roles=facts.groups if facts is not None else frozenset(),
        superuser=bool(facts and facts.is_superuser),
    )
